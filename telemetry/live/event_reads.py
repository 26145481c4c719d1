"""What the hub reads about events."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import NamedTuple

from accounts.tenancy import tenant_scope
from devices.models import Device, LiveEvent
from devices.queries_live import known_numbers
from telemetry.live.database import TargetRefused, in_database
from telemetry.live.event_wire import wire_event
from telemetry.live.events import MAX_RESUMED, Happened, happened


class Opening(NamedTuple):
    """Where a subscription begins: the sites of its devices, the newest number, what it lacks."""

    sites: frozenset[str]
    newest: int
    events: list[Happened]


@in_database
def open_events(
    tenant_id: uuid.UUID,
    *,
    devices: Collection[str] | None,
    types: Collection[str],
    since_seq: int | None,
) -> Opening:
    """Return where to begin; `devices` None means the whole tenant.

    Raises:
        TargetRefused: too much happened since, or it is deleted, or the number is none of ours.
    """
    with tenant_scope(tenant_id):
        sites = Device.objects.filter(id__in=devices or ()).values_list("site_id", flat=True)
        oldest, newest = known_numbers()
        events: list[Happened] = []
        if since_seq is not None and since_seq != newest:
            _check_number(since_seq, oldest, newest)
            events = _read(since_seq, newest, types)
        if len(events) > MAX_RESUMED:
            raise TargetRefused("too_many_events")
        return Opening(frozenset(map(str, sites.distinct())), newest, events)


@in_database
def read_missed(tenant_id: uuid.UUID, *, since: int) -> tuple[int, list[Happened] | None]:
    """Return the newest number and all events after a number; None when there are too many."""
    with tenant_scope(tenant_id):
        oldest, newest = known_numbers()
        if newest <= since:
            return newest, []
        events = _read(since, newest, None) if since >= oldest - 1 else []
    is_whole = bool(events) and len(events) == newest - since <= MAX_RESUMED
    return newest, events if is_whole else None


def _check_number(since_seq: int, oldest: int, newest: int) -> None:
    if since_seq > newest:
        raise TargetRefused("unknown_seq")
    if since_seq < oldest - 1:
        raise TargetRefused("events_deleted")


def _read(since: int, newest: int, types: Iterable[str] | None) -> list[Happened]:
    rows = LiveEvent.objects.filter(seq__gt=since, seq__lte=newest).order_by("seq")
    if types is not None:
        rows = rows.filter(type__in=types)
    return [happened(wire_event(row)) for row in rows[: MAX_RESUMED + 1]]
