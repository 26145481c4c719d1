"""Removes the rows of one tenant from every table that can hold some.

Tables are found in the app registry: each with a foreign key to `Tenant`, whatever its
name. Other apps register what the registry cannot know, such as samples.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pghistory.models
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Exists, ForeignKey, Model, OuterRef

from accounts.identity import SESSION_TENANT
from accounts.models import Membership, Tenant, User
from accounts.tenancy import all_tenants
from energy.lib import redis

BATCH_ROWS = 5_000
BATCH_PEOPLE = 50
_BATCH = (
    "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {where} LIMIT %s))"
)
_LOGGED = (
    "content_type_id = %s AND object_id IN (SELECT {key}::text FROM {table} WHERE {column} = %s)"
)


@dataclass(frozen=True, slots=True)
class Erased:
    """A batch: from where, and how many rows. `note` tells what had to stay."""

    what: str
    rows: int
    note: str = ""


Eraser = Callable[[uuid.UUID, bool], Iterator[Erased]]
_erasers: list[Eraser] = []


def register_eraser(eraser: Eraser) -> None:
    """Let an app remove what no foreign key to the tenant leads to; runs before its rows go.

    It gets the tenant's id and whether there is a broker, and leaves no scope open at a yield.
    Registered again, such as by an app that is made ready twice, it runs once all the same.
    """
    if eraser not in _erasers:
        _erasers.append(eraser)


def erase_tenant(tenant_id: uuid.UUID, *, has_broker: bool) -> Iterator[Erased]:
    """Remove everything but the tenant's own row; safe to repeat after an interruption."""
    for eraser in _erasers:
        yield from eraser(tenant_id, has_broker)
    yield from _erase_sessions(tenant_id)
    yield from _erase_people(tenant_id)
    columns = owned_columns()
    for model, column in columns:
        yield from _erase_admin_log(model, column, tenant_id)
    for model, column in columns:
        yield from erase_rows(
            model._meta.db_table, f"{column} = %s", [tenant_id], erasing=tenant_id
        )
    yield from _erase_keys(tenant_id)


def erase_tenant_row(tenant_id: uuid.UUID) -> Iterator[Erased]:
    """Remove the tenant itself, and the history that its deletion writes."""
    yield from _erase_log_of(Tenant, [str(tenant_id)])
    yield from erase_rows(Tenant._meta.db_table, "id = %s", [tenant_id])
    for model, column in owned_columns():
        if issubclass(model, pghistory.models.Event):
            yield from erase_rows(
                model._meta.db_table, f"{column} = %s", [tenant_id], erasing=tenant_id
            )


def owned_columns() -> list[tuple[type[Model], str]]:
    """Return the tables with a reference to a tenant, those that refer to others first.

    Tables of history come last, because a trigger writes what is deleted from the others.
    """
    found = [
        (model, field.column)
        for model in apps.get_models(include_auto_created=True)
        if model is not Tenant and model._meta.managed
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model is Tenant
    ]
    order = _referrers_first({model for model, _column in found})
    return sorted(found, key=lambda entry: (order.index(entry[0]), entry[1]))


def erase_rows(
    table: str,
    where: str,
    params: list[Any],
    rows: int = BATCH_ROWS,
    *,
    erasing: uuid.UUID | None = None,
) -> Iterator[Erased]:
    """Delete in batches, each a transaction; `table` and `where` are constants of ours.

    `erasing`: the tenant or person for whose sake tables of history let rows go.
    """
    sql = _BATCH.format(table=table, where=where)
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            if erasing:
                cursor.execute("SELECT set_config('energy.erasing', %s, true)", [str(erasing)])
            cursor.execute(sql, [*params, rows])
            count = cursor.rowcount
        if count:
            yield Erased(table, count)
        if count < rows:
            return


def _referrers_first(models: set[type[Model]]) -> list[type[Model]]:
    history = sorted(
        (m for m in models if issubclass(m, pghistory.models.Event)), key=lambda m: m._meta.label
    )
    left = sorted(models - set(history), key=lambda m: m._meta.label)
    order: list[type[Model]] = []
    while left:
        free = [m for m in left if not any(m in _targets(o) for o in left if o is not m)]
        order += free or left  # a circle: its constraints are checked at the end only
        left = [m for m in left if m not in order]
    return order + history


def _targets(model: type[Model]) -> set[Any]:
    fields = model._meta.concrete_fields
    return {field.related_model for field in fields if isinstance(field, ForeignKey)}


def _erase_admin_log(model: type[Model], column: str, tenant_id: uuid.UUID) -> Iterator[Erased]:
    """Remove the admin's lines about a table's rows: they hold names."""
    source, own_key = model._meta.db_table, model._meta.pk.column
    if issubclass(model, pghistory.models.Event):
        tracked = _tracked(model)
        if tracked is None:
            return
        model, own_key = tracked.related_model, tracked.column
    where = _LOGGED.format(key=own_key, table=source, column=column)
    kind = ContentType.objects.get_for_model(model).id
    yield from erase_rows(LogEntry._meta.db_table, where, [kind, tenant_id])


def _tracked(model: type[Model]) -> Any:
    """Return the field of a history table that points to the row it tells of; None without."""
    fields: list[Any] = list(model._meta.concrete_fields)
    return next((field for field in fields if field.name == "pgh_obj"), None)


def _erase_log_of(model: type[Model], ids: list[str]) -> Iterator[Erased]:
    yield from erase_rows(
        LogEntry._meta.db_table,
        "content_type_id = %s AND object_id = ANY (%s)",
        [ContentType.objects.get_for_model(model).id, ids],
    )


def _erase_people(tenant_id: uuid.UUID) -> Iterator[Erased]:
    """Delete the accounts of people who belong to nothing else."""
    elsewhere = Membership.objects.filter(user=OuterRef("pk")).exclude(tenant_id=tenant_id)
    people = (
        User.objects.filter(memberships__tenant_id=tenant_id, is_staff=False, is_superuser=False)
        .exclude(Exists(elsewhere))
        .order_by("id")
    )
    while batch := list(people[:BATCH_PEOPLE]):
        with transaction.atomic(), all_tenants():  # guests of other tenants lose their shares
            for user in batch:
                _erase_person(user)
        yield Erased(User._meta.db_table, len(batch))


def _erase_person(user: User) -> None:
    ids, email = str(user.pk), user.email
    user.delete()
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        model.objects.filter(username__iexact=email).delete()
    list(_erase_log_of(User, [ids]))
    for model in apps.get_models():
        if issubclass(model, pghistory.models.Event):
            tracked = _tracked(model)
            if tracked is not None and tracked.related_model is User:
                where = f"{tracked.column} = %s"
                list(erase_rows(model._meta.db_table, where, [ids], erasing=uuid.UUID(ids)))


def _erase_sessions(tenant_id: uuid.UUID) -> Iterator[Erased]:
    """End the sign-ins of everybody who acts for the tenant at this moment."""
    doomed = [
        session.pk
        for session in Session.objects.order_by("pk").iterator(chunk_size=BATCH_ROWS)
        if session.get_decoded().get(SESSION_TENANT) == str(tenant_id)
    ]
    if doomed:
        Session.objects.filter(pk__in=doomed).delete()
        yield Erased(Session._meta.db_table, len(doomed))


def _erase_keys(tenant_id: uuid.UUID) -> Iterator[Erased]:
    """Remove keys of both Redis servers that name the tenant."""
    for name, client in (("durable", redis.durable()), ("ephemeral", redis.ephemeral())):
        pattern = redis.key(f"*{tenant_id}*")
        count = sum(client.unlink(found) for found in client.scan_iter(pattern, count=1000))
        if count:
            yield Erased(f"redis {name}", count)
