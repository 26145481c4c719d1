"""Committed batches on the stream `samples`, where the reactors read them."""

from __future__ import annotations

import logging

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError

from energy.lib.redis import key
from telemetry.ingest.batch import StoredBatch, encode_stored
from telemetry.ingest.rate import count_samples

logger = logging.getLogger(__name__)

STREAM = "samples"
FIELD = b"b"
# Reactors that fall further behind notice the gap and recompute from the tables: the
# stream may never fill the memory that the acknowledged data needs.
MAX_ENTRIES = 200
MAX_BYTES = 64 * 1024 * 1024


def publish_and_acknowledge(
    client: Redis,
    batches: list[StoredBatch],
    *,
    source: str,
    group: str,
    entries: list[bytes],
    now: float,
) -> None:
    """Hand committed batches to the reactors, then forget its ingest entries.

    In this order: a crash in between repeats the batch, and reactors know repetition. A
    Redis without memory refuses the batches and forgets the entries all the same, which
    gives room: the batches are then offered once more.
    """
    packed = [encode_stored(batch) for batch in batches]
    pipeline = client.pipeline(transaction=False)
    _append_all(pipeline, batches, packed, now)
    pipeline.xack(source, group, *entries)
    pipeline.xdel(source, *entries)
    _execute(client, pipeline, packed)


def publish(client: Redis, batches: list[StoredBatch], *, now: float) -> None:
    """Hand batches to the reactors that were committed past the ingest stream."""
    packed = [encode_stored(batch) for batch in batches]
    pipeline = client.pipeline(transaction=False)
    _append_all(pipeline, batches, packed, now)
    _execute(client, pipeline, packed)


def _append_all(
    pipeline: Redis, batches: list[StoredBatch], packed: list[bytes], now: float
) -> None:
    for data in packed:
        _append(pipeline, data)
    if stored := sum(len(batch.live) for batch in batches):
        count_samples(pipeline, stored, now=now)


def _execute(client: Redis, pipeline: Pipeline, packed: list[bytes]) -> None:
    results = pipeline.execute(raise_on_error=False)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, OutOfMemoryError):
            raise result
    for data, result in zip(packed, results, strict=False):
        if isinstance(result, OutOfMemoryError):
            _append_again(client, data)


def _append(client: Redis, data: bytes) -> None:
    bound = min(MAX_ENTRIES, max(1, MAX_BYTES // len(data)))
    client.xadd(key(STREAM), {FIELD: data}, maxlen=bound, approximate=True)


def _append_again(client: Redis, data: bytes) -> None:
    try:
        _append(client, data)
    except OutOfMemoryError:
        logger.warning("Redis is out of memory: reactors are not told of a stored batch")
