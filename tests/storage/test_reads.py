"""Samples and rollups are read by channel, by time, and only those of the tenant."""

from __future__ import annotations

import datetime as dt

import numpy as np
from django.db import connection

from telemetry.ingest.batch import to_microseconds
from telemetry.quality import Quality
from telemetry.storage.months import ensure_months, month_of
from telemetry.storage.reads import day_rows, merged_rows, raw_samples, rollup_rows
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.samples import every, store_samples

START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
QUARTER, DAY = dt.timedelta(minutes=15), dt.timedelta(days=1)


def test_samples_of_two_channels(red: Team, blue: Team) -> None:
    first, second = (
        ChannelFactory(device=DeviceFactory(site=SiteFactory(tenant=red.tenant))) for _ in "ab"
    )
    foreign = ChannelFactory(device=DeviceFactory(site=SiteFactory(tenant=blue.tenant)))
    for channel in (second, foreign, first):
        store_samples(channel, every(QUARTER, START, [1.5, -2.0, 3.25]))
    store_samples(first, [(START + 3 * QUARTER, 9.0, Quality.BAD)])
    ids = [second.id, first.id, foreign.id]
    rows = raw_samples(ids, START, START + 4 * QUARTER, tenant_id=red.tenant.id)
    assert rows["channel"].tolist() == [first.id] * 4 + [second.id] * 3
    assert rows["value"].tolist() == [1.5, -2.0, 3.25, 9.0, 1.5, -2.0, 3.25]
    assert rows["time"][3] == to_microseconds(START + 3 * QUARTER)
    assert rows["quality"][3] == Quality.BAD
    limited = raw_samples(ids, START + QUARTER, START + DAY, 2, tenant_id=None)
    assert limited["channel"].tolist() == sorted([first.id, second.id, foreign.id] * 2)
    assert len(raw_samples([], START, START + DAY, tenant_id=None)) == 0


def test_rollups_of_quarters_and_days(red: Team, blue: Team) -> None:
    channel = ChannelFactory(device=DeviceFactory(site=SiteFactory(tenant=red.tenant)))
    ensure_months([month_of(START)])
    figures = (3, None, -1.0, 4.0, 1.0, 2.0, START, START + QUARTER / 2, 2)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO telemetry_rollup_15m VALUES (%s, %s{', %s' * 9})",
            [channel.id, START, *figures],
        )
        cursor.execute(
            "INSERT INTO telemetry_rollup_day (channel_id, day, count, sum, minimum, maximum,"
            f" first, last, first_time, last_time, good) VALUES (%s, %s{', %s' * 9})",
            [channel.id, START.date(), *figures],
        )
    (quarter,) = rollup_rows([channel.id], START, START + QUARTER, tenant_id=red.tenant.id)
    (day,) = day_rows([channel.id], START.date(), START.date(), tenant_id=red.tenant.id)
    assert quarter["start"] == to_microseconds(START)
    assert day["day"] == (START.date() - dt.date(1970, 1, 1)).days
    for row in (quarter, day):
        assert np.isnan(row["sum"])
        assert (row["count"], row["minimum"], row["maximum"], row["good"]) == (3, -1.0, 4.0, 2)
        assert row["last_time"] == to_microseconds(START + QUARTER / 2)
    assert len(rollup_rows([channel.id], START, START + DAY, tenant_id=blue.tenant.id)) == 0
    assert len(rollup_rows([channel.id], START - DAY, START, tenant_id=red.tenant.id)) == 0
    for team, count in ((red, 1), (blue, 0)):
        rows = merged_rows(
            [channel.id], START, START + DAY, tenant_id=team.tenant.id,
            columns=("count", "good", "sum", "maximum"), step=DAY, origin=START,
        )  # fmt: skip
        assert len(rows) == count
        # a sum that no number holds makes none with others
        assert np.isnan(rows["sum"]).all()
    assert len(day_rows([channel.id], START.date(), START.date(), tenant_id=blue.tenant.id)) == 0
