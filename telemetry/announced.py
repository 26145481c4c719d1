"""What hardware behind gateways tells of itself before anybody has registered it.

Hints of the last month, in the Redis that may lose them: hardware announces itself again. At
most 200 of a gateway; nothing is registered by itself.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
from redis.exceptions import RedisError

from energy.lib import redis

logger = logging.getLogger(__name__)

MAX_OF_GATEWAY = 200
KEPT_SECONDS = 30 * 86_400
MAX_FACTS = 12


@dataclass(frozen=True, slots=True)
class Announced:
    """A device that a gateway may have: its identifier, what it says, when it did last."""

    gateway_id: uuid.UUID
    uid: str
    said: Mapping[str, str]
    at: dt.datetime


class _Kept(msgspec.Struct):
    said: dict[str, str]
    at: float


def keep_announced(announced: Iterable[Announced]) -> None:
    """Keep announcements; what a device said before and does not repeat stays."""
    try:
        for one in announced:
            _keep(one)
    except RedisError as error:
        logger.warning("Announcements not kept: %s", error)


def read_announced(gateway_id: uuid.UUID) -> list[Announced]:
    """Return what the devices at a gateway said, by identifier.

    Raises: RedisError.
    """
    found = []
    rows: dict[bytes, bytes] = redis.ephemeral().hgetall(_key(gateway_id))  # type: ignore[assignment]
    for uid, text in rows.items():
        kept = msgspec.msgpack.decode(text, type=_Kept)
        at = dt.datetime.fromtimestamp(kept.at, dt.UTC)
        found.append(Announced(gateway_id, uid.decode(), kept.said, at))
    return sorted(found, key=lambda one: one.uid)


def forget_announced(gateway_id: uuid.UUID) -> None:
    """Forget all that a gateway's devices said.

    Raises: RedisError.
    """
    redis.ephemeral().delete(_key(gateway_id))


def _keep(one: Announced) -> None:
    client, key = redis.ephemeral(), _key(one.gateway_id)
    before: bytes | None = client.hget(key, one.uid)  # type: ignore[assignment]
    if before is None and client.hlen(key) >= MAX_OF_GATEWAY:
        return
    known = msgspec.msgpack.decode(before, type=_Kept).said if before else {}
    said = dict(list({**known, **one.said}.items())[:MAX_FACTS])
    client.hset(key, one.uid, msgspec.msgpack.encode(_Kept(said, one.at.timestamp())))
    client.expire(key, KEPT_SECONDS)


def _key(gateway_id: uuid.UUID) -> str:
    return redis.key(f"announced:{gateway_id}")
