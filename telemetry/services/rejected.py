"""Messages that could not be stored: kept with the reason, listed, replayed."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from django.db import transaction
from django.db.models import QuerySet

from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.models import RejectedMessage, RejectedState
from telemetry.topic_patterns import TopicPattern, topic_pattern

KEEP_DAYS = 90
MAX_ROWS = 200_000
# of tenants far above their plan, so that they do not push out what others look for
QUOTA = "quota"
MAX_QUOTA_ROWS = 50_000
MAX_PAYLOAD_BYTES = 65_536
REPLAY_CHUNK = 200

_UPSERT = """
INSERT INTO telemetry_rejectedmessage (
    id, created_at, updated_at, fingerprint, tenant_id, transport, topic, pattern, sender,
    group_key, payload, reason, detail, count, state, first_received_at, last_received_at,
    last_entry
) VALUES (
    %(id)s, %(now)s, %(now)s, %(fingerprint)s, %(tenant_id)s, %(transport)s, %(topic)s,
    %(pattern)s, %(sender)s, %(group_key)s, %(payload)s, %(reason)s, %(detail)s, %(count)s,
    'open', %(received_at)s, %(received_at)s,
    %(entry)s
)
ON CONFLICT (fingerprint) DO UPDATE SET
    count = telemetry_rejectedmessage.count
        + excluded.count * (telemetry_rejectedmessage.last_entry <> excluded.last_entry)::int,
    state = 'open',
    detail = excluded.detail,
    tenant_id = COALESCE(excluded.tenant_id, telemetry_rejectedmessage.tenant_id),
    last_entry = excluded.last_entry,
    last_received_at = GREATEST(
        telemetry_rejectedmessage.last_received_at, excluded.last_received_at),
    updated_at = excluded.updated_at
"""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message, why it was rejected, and where it stood in the stream."""

    envelope: Envelope
    reason: str
    detail: str
    tenant_id: uuid.UUID | None
    entry: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """How many messages went back into the pipeline, and how many could not."""

    replayed: int
    failed: int


def fingerprint(rejection: Rejection) -> bytes:
    """Return what equal messages share: topic, payload and reason."""
    digest = hashlib.sha256()
    for part in (
        rejection.envelope.topic.encode("utf-8", "surrogatepass"),
        rejection.reason.encode(),
    ):
        digest.update(len(part).to_bytes(4, "big") + part)
    digest.update(rejection.envelope.payload)
    return digest.digest()


def group_key(reason: str, topic: TopicPattern) -> str:
    """Return what messages share that one correction may mend."""
    parts = "\0".join((reason, topic.pattern, topic.sender))
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def record_rejections(
    cursor: psycopg.Cursor[tuple[object, ...]], rejections: Sequence[Rejection], *, now: dt.datetime
) -> None:
    """Write or count rejected messages in the transaction of the cursor.

    Equal messages of one stream entry are counted together, so that an entry that is taken
    twice adds nothing. Rows are locked in one order, so that two workers never wait for
    each other.
    """
    groups: dict[tuple[bytes, str], list[Rejection]] = {}
    for rejection in rejections:
        groups.setdefault((fingerprint(rejection), rejection.entry), []).append(rejection)
    by_fingerprint = sorted(groups.items(), key=lambda item: item[0][0])
    cursor.executemany(_UPSERT, [_parameters(group, now) for _, group in by_fingerprint])


def _parameters(group: Sequence[Rejection], now: dt.datetime) -> dict[str, object]:
    rejection = group[0]
    envelope = rejection.envelope
    topic = printable(envelope.topic)[:1024]
    found = topic_pattern(topic)
    reason = rejection.reason[:50]
    return {
        "id": uuid.uuid4(),
        "now": now,
        "fingerprint": fingerprint(rejection),
        "tenant_id": rejection.tenant_id,
        "transport": envelope.transport[:20],
        "topic": topic,
        "pattern": found.pattern,
        "sender": found.sender,
        "group_key": group_key(reason, found),
        "payload": envelope.payload[:MAX_PAYLOAD_BYTES],
        "reason": reason,
        "detail": printable(rejection.detail)[:500],
        # one message may be rejected for the same reason more than once
        "count": len({id(rejection.envelope) for rejection in group}),
        "received_at": from_microseconds(envelope.received_at),
        "entry": rejection.entry[:40],
    }


def printable(text: str) -> str:
    """Return text that PostgreSQL stores: no NUL, no lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def replay_rejected(*, ids: Sequence[uuid.UUID], now: dt.datetime) -> ReplayResult:
    """Send rejected messages through the pipeline again, with their first time of receipt.

    A message that is refused again becomes open again.

    Raises:
        BufferFull, BufferUnavailable: the rest stays open; try again later.
    """
    buffer = IngestBuffer()
    done = 0
    for start in range(0, len(ids), REPLAY_CHUNK):
        chunk = ids[start : start + REPLAY_CHUNK]
        with transaction.atomic():
            messages = list(
                RejectedMessage.objects.select_for_update(skip_locked=True)
                .filter(id__in=chunk)
                .exclude(state=RejectedState.DISCARDED)
                .order_by("first_received_at", "id")
            )
            if not messages:
                continue
            RejectedMessage.objects.filter(id__in=[message.id for message in messages]).update(
                state=RejectedState.REPLAYED, updated_at=now
            )
            buffer.append([_envelope(message) for message in messages])
        done += len(messages)
    return ReplayResult(replayed=done, failed=len(ids) - done)


def _envelope(message: RejectedMessage) -> Envelope:
    received_at = to_microseconds(message.first_received_at)
    # a replay may not do what the wire itself may not
    transport = "mqtt" if message.reason == "foreign_transport" else "replay"
    return Envelope(transport, message.topic, bytes(message.payload), received_at)


def discard_rejected(*, ids: Sequence[uuid.UUID]) -> int:
    """Mark messages as not wanted; they are kept until they are pruned."""
    return RejectedMessage.objects.filter(id__in=ids).update(state=RejectedState.DISCARDED)


def prune_rejected(*, now: dt.datetime) -> int:
    """Delete messages older than 90 days, then the oldest above 200,000 rows.

    Of messages beyond a quota the oldest above 50,000 rows.
    """
    old = now - dt.timedelta(days=KEEP_DAYS)
    deleted, _ = RejectedMessage.objects.filter(last_received_at__lt=old).delete()
    deleted += _delete_oldest(RejectedMessage.objects.filter(reason=QUOTA), MAX_QUOTA_ROWS)
    return deleted + _delete_oldest(RejectedMessage.objects.all(), MAX_ROWS)


def _delete_oldest(messages: QuerySet[RejectedMessage], rows: int) -> int:
    newest = messages.order_by("-last_received_at", "-id")
    edge = newest.values_list("last_received_at", flat=True)[rows : rows + 1].first()
    if edge is None:
        return 0
    deleted, _ = messages.filter(last_received_at__lte=edge).delete()
    return deleted
