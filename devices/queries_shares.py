"""Shares as people see them: one line for what is several rows, one for each permission."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from devices.models import Device, Site
from devices.services.shares import HANDLE, SHARE_MODELS, grantee_label
from devices.sharing import SHAREABLE


@dataclass(frozen=True, slots=True)
class SharedThing:
    """A site or device, with whom it is shared, what they may, and for how long.

    `state` is "planned", "active" or "ended".
    """

    id: uuid.UUID
    target: Site | Device
    kind: str
    grantee: str
    grantee_kind: str
    codes: list[str]
    valid_from: dt.datetime
    expires_at: dt.datetime
    shared_by: str
    state: str


def list_shares(*, now: dt.datetime) -> list[SharedThing]:
    """Return the shares of the tenant in scope, the next to end first."""
    found = [
        share for kind, model in SHARE_MODELS.items() for share in _shares_of(kind, model, now)
    ]
    return sorted(found, key=lambda share: (share.expires_at, str(share.id)))


def _shares_of(kind: str, model: type[Any], now: dt.datetime) -> list[SharedThing]:
    what, who = kind.split("-")
    grantee = "user" if who == "user" else "grantee"
    groups = defaultdict(list)
    rows = model.objects.select_related("permission", "content_object", "shared_by", grantee)
    for row in rows.order_by("id"):
        groups[row.content_object_id, getattr(row, f"{grantee}_id")].append(row)
    return [
        _describe(what, who, handle, [row.permission.codename for row in group], now)
        for group in groups.values()
        for handle in group
        if handle.permission.codename == HANDLE
    ]


def _describe(what: str, who: str, handle: Any, codes: list[str], now: dt.datetime) -> SharedThing:
    state = "planned" if now < handle.valid_from else "active"
    return SharedThing(
        id=handle.id,
        target=handle.content_object,
        kind=what,
        grantee=grantee_label(handle),
        grantee_kind=who,
        codes=[code for code in SHAREABLE if code in codes],
        valid_from=handle.valid_from,
        expires_at=handle.expires_at,
        shared_by=handle.shared_by.email if handle.shared_by else "",
        state="ended" if handle.expires_at <= now else state,
    )
