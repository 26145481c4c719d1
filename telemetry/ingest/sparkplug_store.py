"""Births of Sparkplug nodes in Redis: whichever worker gets a message knows its metrics.

A node that Redis has forgotten is asked to be born again, so nothing is lost with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import msgspec
from redis.exceptions import RedisError

from energy.lib import redis
from telemetry.decoding.frames.sparkplug_births import Births, Key, Metric

logger = logging.getLogger(__name__)

KEPT_SECONDS = 30 * 86_400
MAX_NODES = 10_000
_TOKEN, _BIRTH, _OF_NODE, _OF_DEVICE = b"token", b"birth", b"node", b"device:"


class RedisBirths:
    """Births, one hash for each node; the longest silent ones go when there are too many."""

    def __init__(self, *, max_nodes: int = MAX_NODES) -> None:
        self._client = redis.ephemeral()
        self._max_nodes = max_nodes

    def token(self, key: Key) -> bytes | None:
        """Return which births are kept; None when Redis cannot be asked."""
        try:
            found: bytes | None = self._client.hget(_name(key), _TOKEN)  # type: ignore[assignment]
        except RedisError as error:
            logger.warning("Births not read: %s", error)
            return None
        return found or b""

    def load(self, key: Key) -> Births:
        """Return what is kept of a node; nothing when Redis cannot be asked."""
        try:
            rows: dict[bytes, bytes] = self._client.hgetall(_name(key))  # type: ignore[assignment]
        except RedisError as error:
            logger.warning("Births not read: %s", error)
            return Births()
        token, birth = rows.pop(_TOKEN, b""), rows.pop(_BIRTH, None)
        return Births(
            token,
            None if birth is None else int(birth),
            {
                None if name == _OF_NODE else name.removeprefix(_OF_DEVICE).decode():
                    msgspec.msgpack.decode(text, type=list[Metric])
                for name, text in rows.items()
            },
        )  # fmt: skip

    def begin(self, key: Key, birth: int | None) -> None:
        """Forget what was said of a node, and note the number of its birth."""
        try:
            with self._client.pipeline() as pipe:
                pipe.delete(_name(key))
                pipe.hincrby(_name(key), _TOKEN.decode(), time.time_ns() // 1000)
                if birth is not None:
                    pipe.hset(_name(key), _BIRTH, birth)
                pipe.expire(_name(key), KEPT_SECONDS)
                pipe.execute()
        except RedisError as error:
            logger.warning("Births not kept: %s", error)

    def keep(self, key: Key, device: str | None, metrics: Iterable[Metric]) -> None:
        """Keep the metrics of a birth; none of a death."""
        name = _OF_NODE if device is None else _OF_DEVICE + device.encode()
        text = msgspec.msgpack.encode(list(metrics))
        try:
            with self._client.pipeline() as pipe:
                pipe.hset(_name(key), name, text)
                pipe.hincrby(_name(key), _TOKEN.decode(), 1)
                pipe.expire(_name(key), KEPT_SECONDS)
                pipe.zadd(_nodes(), {_name(key): time.time()})
                pipe.zcard(_nodes())
                *_done, number = pipe.execute()
            self._forget(number - self._max_nodes)
        except RedisError as error:
            logger.warning("Births not kept: %s", error)

    def _forget(self, number: int) -> None:
        """Forget so many nodes, the longest silent first."""
        if number <= 0:
            return
        oldest: list[tuple[bytes, float]] = self._client.zpopmin(_nodes(), number)  # type: ignore[assignment]
        self._client.delete(*(name for name, _heard in oldest))

    def may_ask(self, key: Key, *, seconds: int) -> bool:
        """Tell whether nobody has asked for so long, and note that one does."""
        try:
            return bool(self._client.set(f"{_name(key)}:asked", b"1", nx=True, ex=seconds))
        except RedisError:
            return False


def _name(key: Key) -> str:
    return redis.key("sparkplug:" + "/".join(key))


def _nodes() -> str:
    return redis.key("sparkplug-nodes")
