"""Plain PostgreSQL and TimescaleDB pass the same tests.

`./run test` starts TimescaleDB where the machine has it or apt offers it, and sets
TIMESCALE_DATABASE_URL; a server of one's own, with the extension preloaded, can be named there.
What stores, packs, rolls up and deletes is then tested on it once more.
"""

from __future__ import annotations

import datetime as dt
import io
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection

from telemetry.models import SamplePartition
from telemetry.partitions import create_ahead, drop_expired
from telemetry.storage.hot import hot_tables
from telemetry.storage.tiers import Tier, find_tier, forget_tier, make_hypertable, wants_hypertable
from tests.storage.conftest import NOW
from tests.storage.tables import date_tables
from tests.storage.test_packer import read
from tests.storage.test_rollups import at, make_rows

AGAIN = [
    "tests/storage", "tests/ingest", "--ignore=tests/ingest/test_buffer_and_partitions.py",
    "tests/telemetry/test_retention.py", "tests/telemetry/test_history.py", "tests/virtual",
    "tests/metering",
    "-o", "timeout=600",
]  # fmt: skip
_ADD_POLICY = """
INSERT INTO _timescaledb_config.bgw_job (application_name, schedule_interval, max_runtime,
    max_retries, retry_period, proc_schema, proc_name, hypertable_id)
SELECT 'Retention', '1 day', '1 hour', -1, '1 hour', '_timescaledb_functions',
    'policy_retention', id
FROM _timescaledb_catalog.hypertable WHERE table_name = 'telemetry_sample'
"""
URL = os.environ.get("TIMESCALE_DATABASE_URL", "")
DAY = dt.timedelta(days=1)
NO_SERVER = (
    "TIMESCALE IS NOT TESTED: set TIMESCALE_DATABASE_URL to a server with the extension preloaded"
)


@pytest.mark.skipif(not URL, reason=NO_SERVER)
@pytest.mark.timescale
@pytest.mark.timeout(2400)
def test_the_same_tests_pass_on_timescale() -> None:
    env = {**os.environ, "DATABASE_URL": URL, "SAMPLE_TIER": "timescale"}
    env.pop("TIMESCALE_DATABASE_URL")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *AGAIN]
    done = subprocess.run(command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


def on_timescale() -> bool:
    """Tell whether this run is on TimescaleDB."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
def test_the_tier_is_that_of_the_table() -> None:
    out = io.StringIO()
    call_command("storage_tier", stdout=out)
    assert Tier(out.getvalue().strip()) is find_tier()
    assert find_tier().is_hypertable == on_timescale()


@pytest.mark.django_db
def test_a_server_without_the_extension_says_so() -> None:
    if on_timescale():
        pytest.skip("this server has it")
    with pytest.raises(CommandError, match="does not offer"):
        call_command("storage_tier", "--convert")


@pytest.mark.django_db
def test_what_a_new_database_gets(settings) -> None:
    for wanted, expected in (("plain", False), ("auto", on_timescale()), ("timescale", True)):
        settings.SAMPLE_TIER = wanted
        assert wants_hypertable(connection) is expected


@pytest.mark.timescale
def test_samples_move_into_a_hypertable(store, make_channel) -> None:
    if not on_timescale():
        pytest.skip("this server has no TimescaleDB")
    channel = make_channel()
    with connection.cursor() as cursor:  # as an installation was before it had the extension
        cursor.execute("DROP TABLE telemetry_sample")
        cursor.execute(
            "CREATE TABLE telemetry_sample (channel_id integer NOT NULL, time timestamptz NOT NULL,"
            " value double precision NOT NULL, quality smallint NOT NULL DEFAULT 0,"
            " PRIMARY KEY (channel_id, time)) PARTITION BY RANGE (time)"
        )
    forget_tier()
    rows = make_rows(channel.id, at("2026-11-01 00:00"), 3000, 1)
    store(rows)
    assert (find_tier(), SamplePartition.objects.exists()) == (Tier.PLAIN, True)
    assert make_hypertable(connection).is_hypertable
    assert read(channel) == rows
    assert not SamplePartition.objects.exists()
    assert store(rows).duplicates == 3000


def test_tables_past_the_retention_go(store, make_channel) -> None:
    channel = make_channel()
    store(make_rows(channel.id, at("2026-08-03 00:00"), 3000, 1))
    store([(channel.id, at("2026-11-20 10:00"), 1.0, 0)])
    date_tables(NOW - 29 * DAY)  # as history that was filled in late
    before = len(hot_tables(before=NOW))
    assert drop_expired(now=NOW, retention=30 * DAY) == []
    date_tables(NOW - 31 * DAY)
    dropped = drop_expired(now=NOW, retention=30 * DAY)
    assert 0 < len(dropped) == before - len(hot_tables(before=NOW))
    assert read(channel) == [(channel.id, at("2026-11-20 10:00"), 1.0, 0)]


@pytest.mark.django_db
def test_weeks_ahead_are_made_where_nothing_else_makes_them() -> None:
    SamplePartition.objects.all().delete()
    assert bool(create_ahead(now=NOW + 7000 * DAY)) is not find_tier().is_hypertable


@pytest.mark.django_db
def test_policies_of_timescale_on_samples_are_told() -> None:
    found = {"databases": ["default"], "include_deployment_checks": True}
    assert "energy.W019" not in [message.id for message in run_checks(**found)]
    if not on_timescale():
        return
    with connection.cursor() as cursor:  # as add_retention_policy does under the other licence
        cursor.execute(_ADD_POLICY)
    [told] = [message for message in run_checks(**found) if message.id == "energy.W019"]
    assert "policy_retention" in told.msg
