"""Messages of other makers: their readings, and what else they say."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from accounts.tenancy import tenant_scope
from devices.models import Device, OutboundMessage, ReportedStatus
from devices.services.outbox import URGENT, queue_messages
from devices.services.presence import apply_status_report
from telemetry.announced import Announced, keep_announced
from telemetry.decoding.gather import is_worth
from telemetry.ingest.batch import from_microseconds
from telemetry.ingest.decode import DecodeError, Reading
from telemetry.ingest.envelope import Envelope
from telemetry.ingest.source import Source

# who asked longer ago asks again
ANSWER_VALID = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that a mapping gives, below the prefix of the question."""

    tenant_id: uuid.UUID
    topic: str
    payload: bytes
    asked_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Said:
    """A device was said to be there, or not."""

    tenant_id: uuid.UUID
    device_id: uuid.UUID
    is_online: bool
    at: dt.datetime


@dataclass(slots=True)
class Signals:
    """What messages of a chunk say besides readings."""

    replies: list[Reply] = field(default_factory=list)
    said: dict[uuid.UUID, Said] = field(default_factory=dict)
    announced: dict[tuple[uuid.UUID, str], Announced] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.replies or self.said or self.announced)

    def note_announced(self, reading: Reading, source: Source, received_at: int) -> None:
        """Note what hardware behind a gateway tells of itself."""
        if source.gateway_id is None or not reading.device or not reading.announced:
            return
        key = source.gateway_id, reading.device
        before = self.announced[key].said if key in self.announced else {}
        at = from_microseconds(received_at)
        self.announced[key] = Announced(*key, {**before, **reading.announced}, at)

    def note_presence(self, reading: Reading, target: Source, received_at: int) -> None:
        """Note what a reading says of the device that it belongs to."""
        if reading.presence is None or target.device_id is None or target.tenant_id is None:
            return
        at = from_microseconds(received_at)
        said = Said(target.tenant_id, target.device_id, reading.presence, at)
        self.said[target.device_id] = said


def read_foreign(envelope: Envelope, source: Source, signals: Signals) -> list[Reading]:
    """Return the readings of a message, and note the answers that it waits for.

    Raises: DecodeError.
    """
    if source.foreign is None or source.route is None:
        raise DecodeError("unknown_topic", "No mapping knows this topic.")
    bound = source.foreign.bound
    readings = bound.decode(
        envelope.payload,
        envelope.received_at,
        source.foreign.zone,
        scope=str(source.gateway_id or source.device_id),
    )
    own_name = bound.device if source.route.device_id is not None else None
    for reading in readings:
        if reading.device is not None and reading.device == own_name:
            reading.device = None  # a device of its own connection speaks for itself
        if reading.answer is not None and source.tenant_id is not None:
            topic, payload = reading.answer
            prefix = envelope.topic.removesuffix(source.route.native)
            asked_at = from_microseconds(envelope.received_at)
            signals.replies.append(Reply(source.tenant_id, prefix + topic, payload, asked_at))
            reading.answer = None
    return [reading for reading in readings if is_worth(reading)]


def read_numbers(envelope: Envelope, source: Source) -> list[Reading]:
    """Return the readings that carry nothing but a number; none where nothing is counted."""
    if source.foreign is None or not source.foreign.bound.is_counted:
        return []
    try:
        readings = read_foreign(envelope, source, Signals())
    except DecodeError:
        return []
    return [reading for reading in readings if reading.number is not None]


def tell_signals(signals: Signals, *, now: dt.datetime) -> None:
    """Send the answers and keep who is there; after a crash both may happen again."""
    queue_messages(
        [
            OutboundMessage(
                topic=reply.topic,
                payload=reply.payload,
                tenant_id=reply.tenant_id,
                created_at=now,
                not_before=now,
                expires_at=reply.asked_at + ANSWER_VALID,
                priority=URGENT - 1,
            )
            for reply in signals.replies
            if reply.asked_at + ANSWER_VALID > now
        ]
    )
    keep_announced(signals.announced.values())
    _keep_presence(list(signals.said.values()))


def _keep_presence(said: Sequence[Said]) -> None:
    for one in said:
        with tenant_scope(one.tenant_id):
            device = Device.objects.filter(id=one.device_id).first()
            if device is not None:
                status = ReportedStatus.ONLINE if one.is_online else ReportedStatus.OFFLINE
                apply_status_report(thing=device, status=status, at=one.at)
