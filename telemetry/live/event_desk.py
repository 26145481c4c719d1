"""The hub's side of events: where a subscription begins, and what a room has missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.utils import timezone

from devices.queries_live import at_least
from telemetry.live.database import TargetRefused
from telemetry.live.event_reads import open_events, read_missed
from telemetry.live.events import EventFilter, EventFrame, Listening, frames_of, read_events
from telemetry.live.identity import Identity
from telemetry.live.messages import Subscribe
from telemetry.live.room import Room
from telemetry.live.signin import find_standing
from telemetry.live.viewer import Viewer


class Begun(NamedTuple):
    """What a subscription hears from now on, and what happened since it was last there."""

    listening: Listening
    missed: list[EventFrame]


async def begin(viewer: Viewer, wanted: Subscribe, devices: frozenset[str]) -> Begun | None:
    """Return where a subscription begins to hear events; None when it asks for none.

    Raises:
        TargetRefused: a type that the person may not see, or a number to resume from that is
            too old, or none of ours.
    """
    types = wanted.event_types()
    if not types:
        return None
    identity = viewer.identity
    if not types <= await visible_to(identity):
        raise TargetRefused("forbidden_type")
    is_wide = bool(wanted.tenant) and not identity.is_guest
    opening = await open_events(
        identity.tenant_id, devices=devices, types=types, since_seq=wanted.since_seq
    )
    chosen = EventFilter(
        types,
        frozenset(at_least(wanted.min_severity or "")),
        None if is_wide else devices,
        sites=frozenset() if identity.is_guest else _sites(wanted) or opening.sites,
        has_whole_sites=bool(wanted.sites) and not identity.is_guest,
    )
    shown = [event for event in opening.events if chosen.shows(event)]
    missed = frames_of(shown, after=wanted.since_seq or 0)
    return Begun(Listening(chosen, opening.newest), missed)


async def visible_to(identity: Identity) -> frozenset[str]:
    """Return the types of events that somebody may see now."""
    standing: dict[Identity, frozenset[str]] = await find_standing({identity}, now=timezone.now())
    return standing.get(identity, frozenset())


def receive(room: Room, message: dict[str, Any], wake: Callable[[Viewer], None]) -> None:
    """Hand out what the reactor tells."""
    events = read_events(message["events"])
    for viewer in room.events.take(events, after=message["after"]):
        wake(viewer)


async def catch_up(room: Room, wake: Callable[[Viewer], None]) -> None:
    """Read from the table what the room has not got, because a message was lost."""
    room.events.needs_reading = False
    if not room.events.listeners:
        return
    since = room.events.since()
    newest, events = await read_missed(room.tenant_id, since=since)
    woken = room.events.skip_to(newest) if events is None else room.events.take(events, after=since)
    for viewer in woken:
        wake(viewer)


def _sites(wanted: Subscribe) -> frozenset[str]:
    return frozenset(map(str, wanted.sites or ()))
