"""Messages of one chunk, decoded into columns."""

from __future__ import annotations

from collections.abc import Callable

from telemetry.ingest.assemble import Columns
from telemetry.ingest.decode import DecodeError, Reading, decode, decode_usual
from telemetry.ingest.directory import Directory, Source
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.times import TimeError, read_time
from telemetry.quality import Quality

MAX_PAYLOAD_BYTES = 65_536

# (index of the message, reason, detail)
Reject = Callable[[int, str, str], None]


class Collector:
    """Fills `columns`; a message that is refused in part keeps its good values."""

    def __init__(self, directory: Directory, reject: Reject, clock: float) -> None:
        self.columns = Columns()
        self._directory = directory
        self._reject = reject
        self._clock = clock

    def add(self, index: int, envelope: Envelope, source: Source) -> None:
        """Decode a message of a known source."""
        if len(envelope.payload) > MAX_PAYLOAD_BYTES:
            self._reject(index, "too_large", f"{len(envelope.payload)} bytes; 65536 are allowed.")
        elif not self._add_usual(index, envelope, source):
            self._add_any(index, envelope, source)

    def _add_usual(self, index: int, envelope: Envelope, source: Source) -> bool:
        """Take the short way of the usual message; False when it must be looked at closer."""
        message = decode_usual(envelope.payload)
        if message is None or source.device_id is None or not message.values:
            return False
        try:
            slots = list(map(source.slots.__getitem__, message.values))
            moment = read_time(message.ts, received_at=envelope.received_at)
        except (KeyError, TimeError):
            return False
        self.columns.add(index, moment, slots, list(message.values.values()))
        return True

    def _add_any(self, index: int, envelope: Envelope, source: Source) -> None:
        metric = source.route.metric if source.route else ""
        try:
            decoded = decode(envelope.payload, metric=metric)
        except DecodeError as error:
            self._reject(index, error.code, str(error))
            return
        quality = Quality.UNCERTAIN if decoded.is_repaired else Quality.GOOD
        problems: list[tuple[str, str]] = []
        if decoded.is_repaired:
            problems.append(("partial_json", "The JSON text was cut; what was whole is stored."))
        for reading in decoded.readings:
            problems += self._add_reading(index, envelope, source, reading, quality)
        if problems:
            self._reject(index, problems[0][0], "; ".join(dict.fromkeys(p[1] for p in problems)))

    def _add_reading(
        self, index: int, envelope: Envelope, source: Source, reading: Reading, quality: Quality
    ) -> list[tuple[str, str]]:
        """Add one reading; return what was left out of it as (code, detail)."""
        target = self._target(source, reading)
        if target.error is not None:
            return [target.error]
        try:
            moment = read_time(reading.raw_time, received_at=envelope.received_at)
        except TimeError as error:
            return [(error.code, str(error))]
        unknown = [m for m in reading.values if m not in target.slots and m not in target.refused]
        if unknown:
            self._directory.add_metrics(target, unknown)
        problems = list(reading.problems)
        slots: list[int] = []
        values: list[float] = []
        for metric, value in reading.values.items():
            slot = target.slots.get(metric)
            if slot is None:
                problems.append(target.refused.get(metric, ("unknown_metric", metric)))
            else:
                slots.append(slot)
                values.append(value)
        self.columns.add(index, moment, slots, values, quality)
        return problems

    def _target(self, source: Source, reading: Reading) -> Source:
        """Return the device a reading belongs to: named by the payload, else by the topic."""
        if reading.device is None:
            if source.device_id is None:
                return Source(error=("unknown_device", "The gateway has no device of its own."))
            return source
        if source.gateway_id is None:
            return Source(error=("unexpected_device", "A device speaks only for itself here."))
        if source.route is not None and source.route.device_uid not in (None, reading.device):
            return Source(error=("unexpected_device", "Topic and payload name two devices."))
        return self._directory.device_of(source.gateway_id, reading.device, clock=self._clock)
