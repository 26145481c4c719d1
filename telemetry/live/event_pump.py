"""The reactor's side of events: gives numbers and tells the hubs."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from django.db import DatabaseError, connection

from devices.services.live_events import NUMBER_ROWS, Numbered, number_events
from telemetry.live.event_wire import wire_event
from telemetry.live.limits import FRAME_BYTES
from telemetry.live.rooms import EVENTS, Interest

logger = logging.getLogger(__name__)

NUMBER_SECONDS = 0.25
PAUSE_SECONDS = 2.0

Messages = dict[str, list[dict[str, Any]]]


class EventPump:
    """Numbers events a few times a second; without the database it pauses and values go on.

    `newest`: the last number given in each tenant (hex), which hubs compare with what they got.
    """

    def __init__(self) -> None:
        self.newest: dict[str, int] = {}
        self._at = 0.0

    def step(self, watched: Interest, clock: float) -> Messages:
        """Number what was committed; return the messages for rooms with listeners."""
        if clock < self._at:
            return {}
        self._at = clock + NUMBER_SECONDS
        try:
            numbered = number_events()
        except DatabaseError as error:
            logger.warning("Events wait, the database does not answer: %s", error)
            connection.close()
            self._at = clock + PAUSE_SECONDS
            return {}
        if len(numbered) == NUMBER_ROWS:
            self._at = clock  # there are more
        return self._messages(numbered, watched)

    def _messages(self, numbered: Iterable[Numbered], watched: Interest) -> Messages:
        by_room: defaultdict[str, list[Numbered]] = defaultdict(list)
        for row in numbered:
            by_room[row.tenant_id.hex].append(row)
        messages: Messages = {}
        for room, rows in by_room.items():
            self.newest[room] = rows[-1].seq
            if EVENTS in watched.get(room, ()):
                messages[room] = list(_pack(room, rows))
        return messages


def _pack(room: str, rows: Sequence[Numbered]) -> Iterator[dict[str, Any]]:
    """Split the events of a room into messages of about 64 KiB."""
    part: list[dict[str, Any]] = []
    size, after = 0, rows[0].seq - 1
    for row in rows:
        event = wire_event(row._replace(payload=_read_json(row.payload)))
        size += len(orjson.dumps(event))
        if part and size > FRAME_BYTES:
            yield _message(room, after, part)
            after, part, size = part[-1]["seq"], [], 0
        part.append(event)
    yield _message(room, after, part)


def _message(room: str, after: int, events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "live.events", "room": room, "after": after, "events": orjson.dumps(events),
    }  # fmt: skip


def _read_json(payload: Any) -> Any:
    """Read what the driver leaves as text: Django takes its reader of JSON away."""
    return json.loads(payload) if isinstance(payload, str) else payload
