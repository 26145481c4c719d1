"""Two years of weekly tables cost a question about a day nothing."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices.models import Channel
from telemetry.ingest.batch import to_microseconds
from telemetry.partitions import WEEK, week_of
from telemetry.storage import reads
from telemetry.storage.dirty import work_off
from telemetry.storage.hot import hot_tables
from telemetry.storage.models import Rollup15m
from telemetry.storage.reads import raw_samples
from telemetry.storage.tiers import find_tier
from tests.storage.conftest import NOW

WEEKS = 105
DAY = dt.timedelta(days=1)
PLANNING_MS = 150.0  # two orders of magnitude above what a free machine takes
_INTERVAL = """
SELECT time_interval FROM timescaledb_information.dimensions
WHERE hypertable_name = 'telemetry_sample'
"""
_BETWEEN = re.compile(r"time >= '([^']+)'\S* AND time < '([^']+)'")
_INDEXES = "SELECT count(*) FROM pg_indexes WHERE tablename = 'telemetry_sample'"


def fill_weeks(store: Any, channel: Channel) -> dt.datetime:
    """Store a sample in the middle of each week; return the first moment."""
    first = week_of(NOW) - (WEEKS - 1) * WEEK + 3 * DAY
    moments = [to_microseconds(first + n * WEEK) for n in range(WEEKS)]
    store([(channel.id, moment, float(n), 0) for n, moment in enumerate(moments)])
    return first


def explain(channel: Channel, start: dt.datetime, end: dt.datetime) -> tuple[set[str], float]:
    """Return the tables that a read of hot samples plans, and the ms that this takes."""
    parameters = reads._parameters([channel.id], start, end, None) | {"limit": None}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON, SUMMARY) {reads._HOT}", parameters)
        (answer,) = cursor.fetchone()
    [plan] = json.loads(answer) if isinstance(answer, str) else answer
    return set(_tables(plan["Plan"])), plan["Planning Time"]


def _tables(node: dict[str, Any]) -> list[str]:
    own = [node["Relation Name"]] if "Relation Name" in node else []
    below = [name for child in node.get("Plans", []) for name in _tables(child)]
    return [name for name in own + below if name.startswith(("telemetry_sample_", "_hyper_"))]


def test_a_day_is_planned_without_the_other_weeks(store: Any, make_channel: Any) -> None:
    channel = make_channel()
    first = fill_weeks(store, channel)
    assert len({table.name for table in hot_tables(before=NOW)}) == WEEKS
    middle = first + 50 * WEEK
    explain(channel, middle, middle + DAY)  # the catalog is read once in a connection
    tables, milliseconds = explain(channel, middle, middle + DAY)
    assert len(tables) == 1
    assert milliseconds < PLANNING_MS
    tables, _ = explain(channel, first, NOW)
    assert len(tables) == WEEKS
    found = raw_samples([channel.id], first, NOW, tenant_id=None)
    assert found["value"].tolist() == [float(n) for n in range(WEEKS)]


def test_two_years_are_rolled_up_without_all_weeks_in_each_statement(
    store: Any, make_channel: Any
) -> None:
    channel = make_channel()
    fill_weeks(store, channel)
    with CaptureQueriesContext(connection) as captured:
        while work_off(now=NOW).marks:
            pass
    reading = [query["sql"] for query in captured if "FROM telemetry_sample" in query["sql"]]
    spans = [
        dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first)
        for sql in reading
        for first, last in _BETWEEN.findall(sql)
    ]
    assert Rollup15m.objects.count() == WEEKS
    assert len(spans) >= WEEKS // 8
    assert max(spans) <= 8 * WEEK


@pytest.mark.timescale
@pytest.mark.django_db
def test_a_hypertable_has_weeks_and_no_index_but_the_key() -> None:
    if not find_tier().is_hypertable:
        pytest.skip("this server has no TimescaleDB")
    with connection.cursor() as cursor:
        cursor.execute(_INTERVAL)
        assert cursor.fetchall() == [(WEEK,)]
        cursor.execute(_INDEXES)
        assert cursor.fetchone() == (1,)


def test_tables_are_a_week_long(store: Any, make_channel: Any) -> None:
    fill_weeks(store, make_channel())
    tables = hot_tables(before=NOW)
    assert {table.end - table.start for table in tables} == {WEEK}
    ends = [table.end for table in tables[:-1]]
    assert ends == [table.start for table in tables[1:]]
