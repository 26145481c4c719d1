"""What a controller says becomes readings of its device: on change, once a second at most."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections import deque
from typing import Any

import msgspec

from charging.esp32.facts import Look
from energy.lib.redis import connect
from telemetry.ingest.buffer import BufferFull, BufferUnavailable, IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.topics import door_topic

logger = logging.getLogger(__name__)

SHORTEST = dt.timedelta(seconds=1)
LONGEST = dt.timedelta(seconds=30)
MOST_WAITING = 200
REDIS_SECONDS = 1.0
PATIENCE_SECONDS = 5.0  # between tries while the buffer takes nothing
BATCH = 50


class Readings:
    """Hands readings of one device to the pipeline; while that takes none the newest are kept."""

    def __init__(self, *, tenant_id: uuid.UUID, device_id: uuid.UUID, redis_url: str) -> None:
        self.dropped = 0
        self._topic = door_topic(tenant_id, device_id)
        self._buffer = IngestBuffer(connect(redis_url, timeout_seconds=REDIS_SECONDS))
        self._waiting: deque[Envelope] = deque()
        self._last: tuple[dict[str, float], dt.datetime] | None = None
        self._try_at = 0.0

    def add(self, look: Look, at: dt.datetime) -> None:
        """Note what a look shows, unless it is too soon or nothing new."""
        values = values_of(look)
        if self._last is not None:
            before, before_at = self._last
            age = at - before_at
            if age < SHORTEST or (values == before and age < LONGEST):
                return
        self._last = values, at
        moment = round(at.timestamp() * 1_000_000)
        payload = msgspec.json.encode({"ts": moment, "values": values})
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(Envelope("serial", self._topic, payload, moment))

    def flush(self) -> None:
        """Hand over what waits; when that fails it stays, and the next tries wait a little."""
        if not self._waiting or time.monotonic() < self._try_at:
            return
        batch = list(self._waiting)[:BATCH]
        try:
            self._buffer.append(batch)
        except (BufferFull, BufferUnavailable) as error:
            logger.warning("Readings wait: %s", error)
            self._try_at = time.monotonic() + PATIENCE_SECONDS
            return
        for _ in batch:
            self._waiting.popleft()


def values_of(look: Look) -> dict[str, float]:
    """Return the readings of a look by metric; what it does not show is left out."""
    found: dict[str, Any] = {
        "ev_connector_state": look.state,
        "pilot_state": look.pilot,
        "fault_code": look.fault,
        "current_limit": look.current_limit_a,
        "cable_current": look.cable_a,
        "pilot_pwm": look.pilot_pwm,
        "lock": look.is_locked,
        "relay": look.is_relay_on,
        "authorised": look.is_authorised,
    }
    return {name: float(value) for name, value in found.items() if value is not None}
