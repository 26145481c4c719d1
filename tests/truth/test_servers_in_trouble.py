"""Short forms of what `./run faults` does for longer: servers that refuse, block or hang up."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from django.db import connection, connections
from psycopg import errors

from telemetry.storage.dirty import work_off
from telemetry.storage.packer import pack_days
from telemetry.storage.reads import raw_samples, rollup_rows
from telemetry.truth.models import ChannelDay
from telemetry.truth.statistics import compute_days
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


def another_connection() -> psycopg.Connection:
    parameters = connections["default"].get_connection_params()
    for name in ("pool", "context", "cursor_factory", "prepare_threshold"):
        parameters.pop(name, None)
    return psycopg.connect(**parameters)


def send(bench: Bench, *seconds: int) -> None:
    bench.send(*[{"ts": T0 + at, "values": {"power": 1000 + at % 50}} for at in seconds])


@pytest.mark.parametrize("trouble", [errors.DiskFull, errors.TooManyConnections])
def test_a_database_without_room_is_waited_for(bench, monkeypatch, trouble):
    """F12, F14: nothing is acknowledged, nothing is blamed on the message."""
    honest = bench.worker._store.write

    def refuse(_change: object) -> None:
        raise trouble("no room")

    monkeypatch.setattr(bench.worker._store, "write", refuse)
    send(bench, 0, 1)
    for _ in range(3):
        with pytest.raises(trouble):
            bench.worker.run_once()
    assert bench.redis.xlen(bench.buffer.stream) == 1

    monkeypatch.setattr(bench.worker._store, "write", honest)
    bench.drain()
    assert len(bench.samples()) == 2
    assert bench.reasons() == []


def test_a_connection_that_is_ended_is_opened_again(bench):
    """F14: `pg_terminate_backend` between two batches."""
    send(bench, 0)
    bench.drain()
    pid = bench.worker._store._connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    send(bench, 1)
    for _ in range(3):
        try:
            bench.drain()
        except psycopg.OperationalError:
            continue

    assert len(bench.samples()) == 2
    assert bench.reasons() == []


def test_a_locked_table_is_tried_again(bench):
    """F15: the writer gives up after its lock_timeout and keeps the entries."""
    send(bench, 0)
    bench.drain()
    bench.worker._store._connection.autocommit = True
    bench.worker._store._connection.execute("SET lock_timeout = '200ms'")
    bench.worker._store._connection.autocommit = False
    with another_connection() as other:
        other.execute("LOCK TABLE telemetry_sample IN ACCESS EXCLUSIVE MODE")
        send(bench, 1)
        with pytest.raises(errors.LockNotAvailable):
            bench.worker.run_once()
        other.rollback()

    bench.drain()
    assert len(bench.samples()) == 2


def test_late_wrong_and_repeated_times_leave_the_same_figures(bench):
    """F30, F31, F54: 72 h late, a day ahead, 1970, before and after packing."""
    month = START + dt.timedelta(days=30)
    hours = 3600
    send(bench, 0, -72 * hours, -72 * hours, 86_400, -T0 + 5)
    bench.drain()
    work_off(now=START)
    pack_days(now=month, after=dt.timedelta(days=7))
    send(bench, -72 * hours - 60, -72 * hours, 0)
    bench.drain()
    work_off(now=month)
    pack_days(now=month, after=dt.timedelta(days=7))

    assert bench.reasons() == ["time_in_future", "time_too_old"]
    channel = _channel(bench)
    span = START - dt.timedelta(days=4), START + dt.timedelta(days=1)
    assert len(raw_samples([channel], *span, tenant_id=None)) == 3
    rollups = rollup_rows([channel], *span, tenant_id=None)
    assert rollups["count"].tolist() == [1, 1, 1]


def test_a_day_is_judged_though_nobody_told_of_its_values(bench):
    """The reactor that counts lateness was killed with what it had collected."""
    send(bench, *range(-600, 0, 10))
    bench.drain()
    work_off(now=START)
    compute_days(now=START + dt.timedelta(minutes=2))
    judged = _judged(bench)

    assert (judged.received, judged.stale_since) == (60, None)


def _judged(bench: Bench) -> ChannelDay:
    with bench.team.scope():
        return ChannelDay.objects.get()


def _channel(bench: Bench) -> int:
    with bench.team.scope():
        return bench.device.channels.get(name="active_power_net").id
