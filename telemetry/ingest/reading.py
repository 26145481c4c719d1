"""Messages of one chunk, decoded into columns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from telemetry.ingest.assemble import Columns
from telemetry.ingest.clocks import MessageClock
from telemetry.ingest.decode import DecodeError, Reading, decode, decode_usual
from telemetry.ingest.dialect_reader import DialectReader
from telemetry.ingest.directory import Directory
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.foreign_reader import Signals, read_foreign, read_numbers
from telemetry.ingest.sensors import Answer
from telemetry.ingest.source import Source
from telemetry.ingest.times import TimeError, read_time
from telemetry.quality import Quality
from telemetry.truth.numbers import Number, peek_number, read_number

MAX_PAYLOAD_BYTES = 65_536

# (index of the message, reason, detail)
Reject = Callable[[int, str, str], None]


class Collector:
    """Fills `columns`; a message that is refused in part keeps its good values."""

    def __init__(self, directory: Directory, reject: Reject, clock: float) -> None:
        self.columns = Columns()
        self.numbers: list[Number] = []
        # devices that payloads named, with the index of the newest message of each
        self.named: dict[uuid.UUID, int] = {}
        self._dialects = DialectReader(directory)
        self.signals = Signals()
        self._directory = directory
        self._reject = reject
        self._clock = clock

    @property
    def answers(self) -> list[Answer]:
        """What was calculated, to be told to the devices."""
        return self._dialects.answers

    def add(self, index: int, envelope: Envelope, source: Source) -> None:
        """Decode a message of a known source."""
        if len(envelope.payload) > MAX_PAYLOAD_BYTES:
            self._reject(index, "too_large", f"{len(envelope.payload)} bytes; 65536 are allowed.")
        elif source.dialect:
            self._add_dialect(index, envelope, source)
        elif not self._add_usual(index, envelope, source):
            self._add_any(index, envelope, source)

    def _add_usual(self, index: int, envelope: Envelope, source: Source) -> bool:
        """Take the short way of the usual message; False when it must be looked at closer."""
        message = decode_usual(envelope.payload)
        if message is None or source.device_id is None or not message.values:
            return False
        if message.ts is None and envelope.is_retained:
            return False
        try:
            slots = list(map(source.slots.__getitem__, message.values))
            moment = read_time(message.ts, received_at=envelope.received_at)
        except (KeyError, TimeError):
            return False
        self.columns.add(index, moment, slots, list(message.values.values()))
        if message.seq is not None:
            self._note_number(source, read_number(message.boot, message.seq))
        return True

    def note_refused(self, envelope: Envelope, source: Source) -> None:
        """Note the number of a message that is kept unread: it did arrive."""
        if source.foreign is not None:
            for reading in read_numbers(envelope, source):
                self._note_number(self._target(source, reading), reading.number)
        elif b'"seq"' in envelope.payload:
            self._note_number(source, peek_number(envelope.payload))

    def _note_number(self, source: Source, number: tuple[int, int] | None) -> None:
        if number is not None and source.device_id is not None:
            self.numbers.append((source.device_id, *number))

    def _add_any(self, index: int, envelope: Envelope, source: Source) -> None:
        metric = source.route.metric if source.route else ""
        try:
            decoded = decode(envelope.payload, metric=metric)
        except DecodeError as error:
            self._reject(index, error.code, str(error))
            return
        problems: list[tuple[str, str]] = []
        if decoded.is_repaired:
            problems.append(("partial_json", "The JSON text was cut; what was whole is stored."))
            for reading in decoded.readings:
                reading.quality = Quality.UNCERTAIN
        self._add_readings(index, envelope, source, decoded.readings, problems)

    def _add_dialect(self, index: int, envelope: Envelope, source: Source) -> None:
        """Decode a message of kaiser/…, hydro/… or …/ext/…; note what is to be told."""
        try:
            if source.foreign is not None:
                readings = read_foreign(envelope, source, self.signals)
            else:
                readings = self._dialects.read(envelope, source)
        except DecodeError as error:
            self._reject(index, error.code, str(error))
            return
        self._add_readings(index, envelope, source, readings, [])

    def _add_readings(
        self,
        index: int,
        envelope: Envelope,
        source: Source,
        readings: Sequence[Reading],
        problems: list[tuple[str, str]],
    ) -> None:
        clock = MessageClock(
            [reading.raw_time for reading in readings],
            received_at=envelope.received_at,
            is_retained=envelope.is_retained,
        )
        for reading in readings:
            received_at = envelope.received_at
            problems += self._add_reading(index, clock, source, reading, received_at)
        if problems:
            self._reject(index, problems[0][0], "; ".join(dict.fromkeys(p[1] for p in problems)))

    def _add_reading(
        self,
        index: int,
        clock: MessageClock,
        source: Source,
        reading: Reading,
        received_at: int,
    ) -> list[tuple[str, str]]:
        """Add one reading; return what was left out of it as (code, detail)."""
        target = self._target(source, reading)
        self.signals.note_announced(reading, source, received_at)
        if target.error is not None:
            # what only tells its name waits on the page of its gateway, not among the rejected
            return [] if reading.announced and not reading.values else [target.error]
        if reading.presence is not None:
            self.signals.note_presence(reading, target, received_at)
        elif reading.device is not None and target.device_id is not None:
            self.named[target.device_id] = index
        self._note_number(target, reading.number)
        if not reading.values:
            return list(reading.problems)
        try:
            moment, is_own_time = clock.settle(reading.raw_time, target.clock_policy)
        except TimeError as error:
            return [(error.code, str(error))]
        quality = reading.quality
        if not is_own_time and quality is Quality.GOOD:
            quality = Quality.UNCERTAIN
        if source.foreign is not None and target.sent_as:
            reading.values = self._as_sent(target, reading.values)
        slots, values, problems = self._slots_of(target, reading)
        self.columns.add(index, moment, slots, values, quality)
        return problems

    def _slots_of(
        self, target: Source, reading: Reading
    ) -> tuple[list[int], list[float], list[tuple[str, str]]]:
        """Return slots and values, and what was left out; channels that lack are made."""
        unknown = [m for m in reading.values if m not in target.slots and m not in target.refused]
        if unknown:
            self._directory.add_metrics(
                target, unknown, reading.templates, are_known=reading.is_described
            )
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
        return slots, values, problems

    def _as_sent(self, target: Source, values: dict[str, float]) -> dict[str, float]:
        """Return values as the device's own payloads hold them, where its channels convert.

        A mapping says active_power_net in kW; the channel may be that of `power` in W.
        """
        found: dict[str, float] = {}
        for metric, value in values.items():
            source = target.sent_as.get(metric)
            if metric in target.slots or source not in target.slots:
                found[metric] = value
            else:
                slot = self._directory.table[target.slots[source]]
                raw = (value - float(slot["offset"])) * float(slot["divisor"])
                found[source] = raw / float(slot["factor"] or 1.0)
        return found

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
