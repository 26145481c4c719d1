"""The fleet overview knows how many samples each of the last minutes brought."""

from __future__ import annotations

import numpy as np

from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch
from telemetry.ingest.publish import publish_and_acknowledge
from telemetry.ingest.rate import count_samples, samples_by_minute

NOON = 1_795_262_400.0


def test_counts_by_minute_of_the_last_hour(redis):
    for seconds, number in ((-60, 5), (-59, 7), (-3600, 1), (-3601, 100), (0, 100)):
        count_samples(redis, number, now=NOON + seconds)

    counts = samples_by_minute(redis, now=NOON + 30)

    assert len(counts) == 60
    assert (counts[0], counts[-1], sum(counts)) == (1, 12, 13)


def test_an_hour_of_silence_is_sixty_times_nothing(redis):
    assert samples_by_minute(redis, now=NOON) == [0] * 60


def test_committed_batches_are_counted(redis):
    rows = np.zeros(3, dtype=SAMPLE_DTYPE)
    batch = StoredBatch(rows.tobytes(), b"\x01\x01\x00", 0)
    for batches in ([batch, batch], []):
        publish_and_acknowledge(
            redis, batches, source="s", group="g", entries=[b"1-0"], now=NOON - 60
        )

    assert samples_by_minute(redis, now=NOON)[-1] == 6
