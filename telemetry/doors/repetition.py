"""Requests with an Idempotency-Key: the same answer again, and the same times again.

Kept in the ephemeral Redis for a day. The time of receipt is kept before anything is stored:
if the answer was lost on the way, a repetition gives values without a time the same time, so
that they are duplicates. Without the record the request is simply judged again, which is as
safe for values that carry their time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from energy.lib.redis import ephemeral, key

KEEP_SECONDS = 86_400
MAX_KEY_LENGTH = 255
MAX_ANSWER_BYTES = 65_536


class OtherBody(ValueError):
    """The key was used with another body."""


class NotRemembered(RuntimeError):
    """The record cannot be kept now, and the request needs it."""


class Record(msgspec.Struct, array_like=True):
    """What is known of a request: digest of the body, time of receipt in µs, the answer."""

    digest: bytes
    received_at: int
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Repetition:
    """A request with a key; `record` holds the answer if this is a repetition."""

    name: str
    record: Record

    @property
    def answer(self) -> bytes:
        """Return the bytes that were answered; empty when nothing was."""
        return self.record.answer


def begin(
    *, principal: str, sent_key: str, body: bytes, received_at: int, client: Redis | None = None
) -> Repetition:
    """Find the record of a request or make it.

    Raises: OtherBody. NotRemembered.
    """
    digest = hashlib.sha256(body).digest()
    hashed = hashlib.sha256(f"{principal}\0{sent_key}".encode()).hexdigest()
    name = key(f"ingest.request:{hashed}")
    redis = client or ephemeral()
    fresh = Record(digest, received_at)
    try:
        if redis.set(name, msgspec.msgpack.encode(fresh), nx=True, ex=KEEP_SECONDS):
            return Repetition(name, fresh)
        found = redis.get(name)
    except (RedisError, OSError) as error:
        raise NotRemembered(str(error)) from error
    record = msgspec.msgpack.decode(found, type=Record) if isinstance(found, bytes) else fresh
    if record.digest != digest:
        raise OtherBody("This Idempotency-Key was used with another body.")
    return Repetition(name, record)


def keep_answer(repetition: Repetition, answer: bytes, *, client: Redis | None = None) -> None:
    """Keep the answer for a day; what does not fit is judged again when it is repeated."""
    if len(answer) > MAX_ANSWER_BYTES:
        return
    done = Record(repetition.record.digest, repetition.record.received_at, answer)
    try:
        (client or ephemeral()).set(repetition.name, msgspec.msgpack.encode(done), ex=KEEP_SECONDS)
    except (RedisError, OSError):
        return  # the values are safe, and a repetition finds them
