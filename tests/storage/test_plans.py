"""Reads of a month touch the partitions of that month, with one range of the key a channel."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry.partitions import WEEK, ensure_partitions, week_of
from telemetry.storage.hot import hot_tables
from telemetry.storage.months import ensure_months, month_of, next_month
from telemetry.storage.reads import merged_rows, raw_samples, rollup_rows
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

pytestmark = pytest.mark.django_db

START = dt.datetime(2026, 3, 3, tzinfo=dt.UTC)
END = dt.datetime(2026, 3, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
COLUMNS = ("count", "good", "sum")
# a hypertable has a table only for weeks that have samples
_A_SAMPLE_A_WEEK = """
INSERT INTO telemetry_sample (channel_id, time, value)
SELECT 1, week, 0 FROM unnest(%s::timestamptz[]) AS week
"""
# what other tests left may have been counted: of no rows PostgreSQL reads all
_NEVER_ANALYZED = """
UPDATE pg_class SET reltuples = -1, relpages = 0
WHERE relname LIKE 'telemetry\\_rollup\\_15m%'
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def scans_of(read: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the scans of partitioned tables in what a read sends first."""
    with CaptureQueriesContext(connection) as queries:
        read()
    text = queries[0]["sql"].removeprefix("COPY (").partition(") TO STDOUT")[0]
    with connection.cursor() as cursor:
        # tables of a test are too small for PostgreSQL to bother about an index
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(_NEVER_ANALYZED)
        cursor.execute(f"EXPLAIN (FORMAT JSON) {text}")
        found = cursor.fetchone()[0]
    [plan] = json.loads(found) if isinstance(found, str) else found
    return [
        node for node in nodes(plan["Plan"])
        if str(node.get("Relation Name", "")).startswith(("telemetry_", "_hyper_"))
        and node["Node Type"] != "Custom Scan"  # of TimescaleDB, over the tables below it
    ]  # fmt: skip


@pytest.fixture
def channels() -> list[int]:
    site = SiteFactory()
    device = DeviceFactory(site=site, tenant=site.tenant)
    months = [month_of(dt.datetime(2025, 6, 1, tzinfo=dt.UTC))]
    while len(months) < 15:
        months.append(next_month(months[-1]))
    ensure_months(months)
    weeks = [week_of(START) + n * WEEK for n in range(-10, 10)]
    ensure_partitions(weeks, now=START)
    with connection.cursor() as cursor:
        cursor.execute(_A_SAMPLE_A_WEEK, [weeks])
    return [ChannelFactory(device=device).id for _ in range(5)]


def test_quarters_are_read_by_the_key_from_the_months_asked_for(channels: list[int]) -> None:
    reads = [
        lambda: rollup_rows(channels, START, END, tenant_id=None, columns=COLUMNS),
        lambda: merged_rows(
            channels, START, END, tenant_id=None, columns=COLUMNS, step=HOUR, origin=START
        ),
    ]
    for read in reads:
        [scan] = scans_of(read)
        assert scan["Relation Name"] == "telemetry_rollup_15m_202603"
        assert scan["Node Type"] == "Index Scan"
        assert "(channel_id = " in scan["Index Cond"]
        assert "start >= " in scan["Index Cond"]


def test_samples_are_read_by_the_key_from_the_weeks_asked_for(channels: list[int]) -> None:
    scans = scans_of(lambda: raw_samples(channels, START, START + HOUR, 100, tenant_id=None))

    [table] = [table for table in hot_tables(before=START) if table.end > START]
    assert [scan["Relation Name"] for scan in scans] == [table.name]
    assert scans[0]["Node Type"] == "Index Scan"
    assert "(channel_id = " in scans[0]["Index Cond"]
