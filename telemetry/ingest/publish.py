"""Committed batches on the stream `samples`, where the reactors read them."""

from __future__ import annotations

from redis import Redis

from energy.lib.redis import key
from telemetry.ingest.batch import StoredBatch, encode_stored
from telemetry.ingest.rate import count_samples

STREAM = "samples"
FIELD = b"b"
# Reactors that fall further behind notice the gap and recompute from the tables: the
# stream may never fill the memory that the acknowledged data needs.
MAX_ENTRIES = 200


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

    In this order: a crash in between repeats the batch, and reactors know repetition.
    """
    pipeline = client.pipeline(transaction=False)
    for batch in batches:
        pipeline.xadd(
            key(STREAM), {FIELD: encode_stored(batch)}, maxlen=MAX_ENTRIES, approximate=True
        )
    if stored := sum(len(batch.live) for batch in batches):
        count_samples(pipeline, stored, now=now)
    pipeline.xack(source, group, *entries)
    pipeline.xdel(source, *entries)
    pipeline.execute()
