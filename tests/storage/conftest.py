"""Samples through the store of the pipeline, and an independent computation of rollups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.db import connection

from devices.models import Channel
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, from_microseconds
from telemetry.ingest.store import Change, SampleStore, Stored
from telemetry.partitions import ensure_partitions, week_of
from telemetry.services.rejected import Rejection
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
TABLES = ("telemetry_sample", "telemetry_rollup_15m", "telemetry_rollup_day",
          "telemetry_dirty_mark", "telemetry_packed_day", "telemetry_rollup_zone")  # fmt: skip

Store = Callable[..., Stored]


def batch_of(rows: list[tuple[int, int, float, int]]) -> SampleBatch:
    """Return (channel, µs, value, quality) as the pipeline sorts them, each key once."""
    unique = {row[:2]: row for row in reversed(rows)}
    return np.array([unique[key] for key in sorted(unique)], dtype=SAMPLE_DTYPE)


@pytest.fixture
def store(transactional_db: None) -> Iterator[Store]:
    """Yield a function that commits rows as the ingest worker does."""
    sample_store = SampleStore()

    def write(
        rows: list[tuple[int, int, float, int]],
        on_conflict: Callable[[int], Rejection | None] | None = None,
    ) -> Stored:
        batch = batch_of(rows)
        weeks = {week_of(from_microseconds(int(time))) for time in batch["time"]}
        ensure_partitions(weeks, now=NOW)

        def conflict(index: int) -> Rejection:
            raise AssertionError(f"row {index} is in conflict")

        return sample_store.write(Change(batch, batch[:0], [], on_conflict or conflict, NOW))

    yield write
    sample_store.close()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}")


@pytest.fixture
def make_channel(red: Team) -> Callable[[str], Channel]:
    def make(zone: str = "UTC") -> Channel:
        site = SiteFactory(tenant=red.tenant, timezone=zone)
        channel: Channel = ChannelFactory(device=DeviceFactory(site=site))
        return channel

    return make
