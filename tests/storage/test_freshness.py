"""Late rows are in the rollups within a minute, also those of days that are packed."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from telemetry.models import PackedDay
from telemetry.storage.dirty import work_off
from telemetry.storage.packer import pack_days
from telemetry.tasks import pack_old_days
from tests.conftest import KEY_PREFIX
from tests.pace import assert_within
from tests.storage import expected
from tests.storage.conftest import NOW
from tests.storage.test_rollups import at, daily, make_rows, rolled
from tools.paths import ROOT

AT_MOST_SECONDS = 60.0
PATIENCE_SECONDS = 360.0
WEEK, DAY = dt.timedelta(days=7), dt.timedelta(days=1)


@pytest.fixture
def reactor(transactional_db: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the process that keeps rollups, on the test's database."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = {
        **os.environ,
        "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        "REDIS_KEY_PREFIX": f"{KEY_PREFIX}fresh:",
    }
    command = [sys.executable, "manage.py", "run_reactor", "rollups"]
    with (tmp_path / "log").open("wb") as log:
        program = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    yield program
    program.terminate()
    program.wait(60)


@pytest.mark.parametrize("day", ["2026-11-19 00:00", "2026-10-01 00:00", "2025-11-01 00:00"])
def test_late_rows_are_in_the_rollups_within_a_minute(
    store: Any, make_channel: Any, reactor: subprocess.Popen[bytes], day: str
) -> None:
    channel = make_channel("Europe/Berlin")
    rows = make_rows(channel.id, at(day), 1_000, 1)
    store(rows[::2])
    work_off(now=NOW)
    pack_days(now=NOW, after=WEEK)
    assert PackedDay.objects.exists() is (day < "2026-11-13")

    store(rows[1::2])
    begun = time.monotonic()
    wanted = expected.quarters(rows), expected.days(rows, "Europe/Berlin")
    while (rolled(channel), daily(channel)) != wanted:
        assert reactor.poll() is None
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.1)
    assert_within(time.monotonic() - begun, AT_MOST_SECONDS)


@pytest.mark.parametrize(("after", "packed"), [(0, 0), (7, 60), (90, 10)])
def test_days_are_packed_when_the_settings_say(
    store: Any, make_channel: Any, settings: Any, monkeypatch: Any, after: int, packed: int
) -> None:
    channel = make_channel()
    begin = at("2026-08-12 12:00")
    store([(channel.id, begin + n * 86_400_000_000, float(n), 0) for n in range(60)])
    monkeypatch.setattr("telemetry.tasks.timezone.now", lambda: NOW)
    settings.SAMPLE_PACK_AFTER_DAYS = after
    pack_old_days()
    assert PackedDay.objects.count() == packed
