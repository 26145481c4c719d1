"""Reads of the history of changes: what became of an object, who did it, and through what.

A change holds the row as it was before (see accounts.models.history), so what an update led
to is looked up in the next change, or in the row as it is now.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet

from accounts.models import Membership, Tenant
from accounts.models.history import Change, OwnedChange
from accounts.queries.history_labels import Labels, Origin, read_labels
from accounts.tenancy import is_tenant_owned

MAX_CHANGES = 1_000  # of `history_of`; pages and the API go on from there


class NoHistory(LookupError):
    """No such object, now or before, as far as the asking tenant can know."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; `old` and `new` as in JSON, the labels as people read them."""

    name: str
    label: str
    old: Any
    new: Any
    old_label: str
    new_label: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change. `kind`: insert, update or delete; `at` is UTC, of the transaction.

    `new` of a field is None where the row went on out of sight, to another tenant.
    """

    number: int
    at: dt.datetime
    kind: str
    fields: tuple[FieldChange, ...]
    origin: Origin

    @property
    def who(self) -> str:
        """Return the label of who acted."""
        return self.origin.who

    @property
    def request_id(self) -> str:
        """Return the id of the request; "" without one."""
        return self.origin.request_id


@dataclass(frozen=True, slots=True)
class History:
    """All changes of one object, the newest first; `row` is the object unless it is gone."""

    model: type[Model]
    events: QuerySet[Any]
    row: Model | None

    def explain(self, page: Sequence[Any], *, for_staff: bool = False) -> list[HistoryEntry]:
        """Turn neighbouring events into readable changes, in their order.

        Names platform staff only to platform staff. The number of queries does not depend
        on the length.
        """
        newest_first = sorted(page, key=lambda event: -event.pgh_id)
        after = self._after(newest_first[0]) if newest_first else None
        pairs = []
        for event in newest_first:
            pairs.append((event, after))
            after = event
        labels = read_labels(self.model, pairs, for_staff=for_staff)
        entries = {event.pgh_id: self._entry(event, later, labels) for event, later in pairs}
        return [entries[event.pgh_id] for event in page]

    def _after(self, event: Any) -> Any:
        return self.events.filter(pgh_id__gt=event.pgh_id).order_by("pgh_id").first() or self.row

    def _entry(self, event: Any, after: Any, labels: Labels) -> HistoryEntry:
        return HistoryEntry(
            number=event.pgh_id,
            at=event.pgh_created_at,
            kind=event.pgh_label,
            fields=tuple(_fields(event, after, labels)),
            origin=labels.origin(event.pgh_context),
        )


def history_of(obj: Model, *, for_staff: bool = False) -> list[HistoryEntry]:
    """Return the newest changes of a tracked object, at most a thousand; see `HistoryEntry`."""
    history = history_for(obj)
    return history.explain(list(history.events[:MAX_CHANGES]), for_staff=for_staff)


def history_for(obj: Model) -> History:
    """Return the history of an object that somebody may see, as far as the scope shows it."""
    event_model = tracked()[obj._meta.model_name or ""]
    changes: QuerySet[Any] = event_model._default_manager.all()
    events = changes.filter(pgh_obj_id=obj.pk).order_by("-pgh_id")
    # the object in hand may hold changes that are not saved
    row = type(obj)._default_manager.filter(pk=obj.pk).first()
    return History(type(obj), events, row)


def find_history(*, name: str, tenant_id: uuid.UUID) -> History:
    """Return what a tenant may know of an object, such as "device:<uuid>"; also of one gone.

    Raises: NoHistory.
    """
    kind, _colon, key = name.partition(":")
    event_model = tracked_for_tenants().get(kind.rpartition(".")[2].lower())
    try:
        wanted = uuid.UUID(key)
    except ValueError as error:
        raise NoHistory(name) from error
    if event_model is None:
        raise NoHistory(name)
    model: type[Model] = event_model.pgh_tracked_model
    # integers are keys of machines: people know such rows by their uuid
    public = "uuid" if hasattr(event_model, "uuid") else ""
    rows = _limit(model, tenant_id, own="pk").filter(**{public or "pk": wanted})
    events = _limit(event_model, tenant_id, own="pgh_obj_id")
    events = events.filter(**{public or "pgh_obj_id": wanted}).order_by("-pgh_id")
    history = History(model, events, rows.first())
    if history.row is None and not events.exists():
        raise NoHistory(name)
    return history


def tracked() -> dict[str, type[Change]]:
    """Return the tables of history by the tracked model's name, such as "device"."""
    return _tracked()


def tracked_for_tenants() -> dict[str, type[Change]]:
    """Return those whose rows belong to tenants, and the tenant's own."""
    return {
        name: event_model
        for name, event_model in _tracked().items()
        if issubclass(event_model, OwnedChange)
        or event_model.pgh_tracked_model in {Tenant, Membership}
    }


@cache
def _tracked() -> dict[str, type[Change]]:
    found = (model for model in apps.get_models() if issubclass(model, Change))
    return {str(m.pgh_tracked_model._meta.model_name): m for m in found if m.pgh_tracked_model}


def _limit(model: type[Model], tenant_id: uuid.UUID, *, own: str) -> QuerySet[Any]:
    """Return a tenant's rows, also of tables that know no scope."""
    rows: QuerySet[Any] = model._default_manager.all()
    is_tenant = model is Tenant or getattr(model, "pgh_tracked_model", None) is Tenant
    if is_tenant:
        return rows.filter(**{own: tenant_id})
    return rows if is_tenant_owned(model) else rows.filter(tenant_id=tenant_id)


def _fields(event: Any, after: Any, labels: Labels) -> list[FieldChange]:
    tracked_model = event.pgh_tracked_model
    names = [f.name for f in event._meta.local_fields if not f.name.startswith("pgh_")]
    changes = []
    for field in (tracked_model._meta.get_field(name) for name in names):
        here = getattr(event, field.attname)
        there = getattr(after, field.attname) if after is not None else None
        old = None if event.pgh_label == "insert" else here
        new = {"insert": here, "delete": None}.get(event.pgh_label, there)
        is_change = old != new if event.pgh_label == "update" else here not in (None, "", [], {})
        if is_change:
            changes.append(
                FieldChange(
                    name=field.name,
                    label=str(field.verbose_name),
                    old=_plain(old),
                    new=_plain(new),
                    old_label=labels.value(field, old),
                    new_label=labels.value(field, new),
                )
            )
    return changes


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
