"""Names for what history holds as keys: people, programs, and objects that fields point to."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from accounts.models import ApiKey, User

_EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change came from.

    `kind` is user, key, staff, anonymous, system or database; `who` its label; `through` the
    impersonator; `what` the route, command or task, "" for SQL by hand.
    """

    kind: str
    who: str
    through: str = ""
    what: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """What was looked up for one page of history."""

    objects: dict[type[Model], dict[Any, str]]
    keys: dict[str, str]
    staff: frozenset[str]
    for_staff: bool

    def value(self, field: Any, value: Any) -> str:
        """Return a field's value as people read it; "" for nothing."""
        if value in _EMPTY and not isinstance(value, bool):
            return ""
        if field.is_relation:
            return self.objects.get(field.related_model, {}).get(value) or str(value)
        if isinstance(value, bool):
            return gettext("Yes") if value else gettext("No")
        if isinstance(value, dt.datetime):
            return date_format(localtime(value), "SHORT_DATETIME_FORMAT")
        if isinstance(value, dict | list):
            is_plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
            return ", ".join(value) if is_plain else json.dumps(value, ensure_ascii=False)
        return str(dict(field.flatchoices).get(value, value))

    def origin(self, context: dict[str, Any] | None) -> Origin:
        """Tell from where a change came; without context somebody used SQL."""
        if not context:
            return Origin("database", gettext("database"))
        kind = str(context.get("actor_kind", ""))
        actor, impersonator = str(context.get("actor", "")), str(context.get("impersonator", ""))
        return Origin(
            kind=kind,
            who=self._who(kind, actor),
            through=self._person(impersonator, "staff") if impersonator else "",
            what=str(context.get("url") or context.get("task") or context.get("command") or ""),
            request_id=str(context.get("request_id", "")),
        )

    def _who(self, kind: str, actor: str) -> str:
        if kind in {"user", "staff"}:
            return self._person(actor, kind)
        if kind == "key":
            return self.keys.get(actor) or gettext("a deleted key")
        return gettext("system") if kind == "system" else gettext("not signed in")

    def _person(self, user_id: str, kind: str) -> str:
        if not self.for_staff and (kind == "staff" or user_id in self.staff):
            return gettext("platform staff")
        return self.objects[User].get(_uuid(user_id)) or gettext("a deleted person")


def read_labels(model: type[Model], pairs: Iterable[tuple[Any, Any]], *, for_staff: bool) -> Labels:
    """Look up what the events of a page, and the rows after them, point to.

    One query for each model that a field points to, one for people, one for keys.
    """
    rows = [row for pair in pairs for row in pair if row is not None]
    contexts = [getattr(row, "pgh_context", None) or {} for row in rows]
    wanted: dict[type[Model], set[Any]] = {User: set()}
    for context in contexts:
        wanted[User] |= {_uuid(context.get("actor")), _uuid(context.get("impersonator"))}
    for field in model._meta.local_fields:
        if field.is_relation and any(hasattr(row, field.attname) for row in rows):
            target: Any = field.related_model
            wanted.setdefault(target, set()).update(getattr(r, field.attname) for r in rows)
    people = {user.pk: user for user in User.objects.filter(pk__in=_known(wanted.pop(User)))}
    objects: dict[type[Model], dict[Any, str]] = {
        target: _names(target, _known(ids)) for target, ids in wanted.items()
    }
    staff = frozenset(str(pk) for pk, user in people.items() if user.is_staff)
    objects[User] = {
        pk: user.email if for_staff or not user.is_staff else gettext("platform staff")
        for pk, user in people.items()
    }
    return Labels(objects, _key_names(contexts), staff, for_staff)


def _names(model: type[Model], ids: set[Any]) -> dict[Any, str]:
    if model is Permission:  # its own text reads another table for each row
        return dict(Permission.objects.filter(pk__in=ids).values_list("pk", "codename"))
    return {row.pk: str(row) for row in model._default_manager.filter(pk__in=ids)}


def _key_names(contexts: Iterable[dict[str, Any]]) -> dict[str, str]:
    ids = _known(_uuid(c.get("actor")) for c in contexts if c.get("actor_kind") == "key")
    if not ids:  # then nothing here belongs to a tenant, and none need be in scope
        return {}
    return {str(key.pk): str(key) for key in ApiKey.objects.filter(pk__in=ids)}


def _known(ids: Iterable[Any]) -> set[Any]:
    return {found for found in ids if found is not None}


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None
