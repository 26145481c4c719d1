"""Rollups are computed anew from what is stored."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from telemetry.models import StorageJob
from telemetry.storage import rebuild as module
from telemetry.storage.dirty import work_off
from telemetry.storage.packer import pack_days
from tests.storage import expected
from tests.storage.conftest import NOW
from tests.storage.test_packer import WEEK
from tests.storage.test_rollups import at, daily, make_rows, rolled

ZONE = "Europe/Berlin"


@pytest.fixture
def filled(store, make_channel):
    """Two channels over the edge of a month, partly packed, without rollups."""
    channels = [make_channel(ZONE) for _ in range(2)]
    rows = [r for c in channels for r in make_rows(c.id, at("2026-10-28 00:00"), 20_000, c.id)]
    store(rows)
    pack_days(now=NOW, after=WEEK)
    return channels, rows


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("rollup_rebuild", *args, stdout=out)
    return out.getvalue()


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_rollup_15m, telemetry_rollup_day")


def test_everything_is_computed_and_the_second_time_nothing(filled):
    channels, rows = filled
    out = run()
    count = len(expected.quarters(rows))
    assert f"{count} of " in out.splitlines()[-1]
    assert "100 %" in out
    assert rolled(*channels) == expected.quarters(rows)
    assert daily(*channels) == expected.days(rows, ZONE)
    assert run().splitlines()[-1].startswith("0 of")
    assert not StorageJob.objects.exists()


def test_stale_quarters_go(filled):
    channels, rows = filled
    work_off(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE telemetry_rollup_15m SET start = start - interval '3 days', sum = 1"
            " WHERE start = '2026-10-29 10:00Z'"
        )
    run()
    assert rolled(*channels) == expected.quarters(rows)


def test_a_trial_changes_nothing(filled):
    channels, rows = filled
    out = run("--dry-run")
    assert out.splitlines()[-1].endswith("would change.")
    assert f"{len(expected.quarters(rows))} of " in out
    assert rolled(*channels) == {}


def test_of_a_device_and_of_days(filled, red):
    (first, second), rows = filled
    run("--device", str(first.device_id), "--from", "2026-10-30", "--to", "2026-11-03")
    inside = {
        key: figures
        for key, figures in expected.quarters(rows).items()
        if key[0] == first.id and at("2026-10-30 00:00") <= key[1] < at("2026-11-03 00:00")
    }
    assert rolled(first, second) == inside
    run("--tenant", red.tenant.slug)
    assert rolled(first, second) == expected.quarters(rows)
    with pytest.raises(CommandError):
        run("--tenant", "nobody")


def test_an_interrupted_run_goes_on(filled, monkeypatch):
    channels, rows = filled
    monkeypatch.setattr(module, "CHANNELS", 1)
    real, seen = module._find_windows, []

    def die(ids, start, end):
        seen.append(ids)
        if ids != seen[0]:
            raise KeyboardInterrupt
        return real(ids, start, end)

    monkeypatch.setattr(module, "_find_windows", die)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert rolled(channels[1]) == {}
    monkeypatch.setattr(module, "_find_windows", lambda *args: seen.append(args[0]) or real(*args))
    seen.clear()
    run("--resume")
    assert {tuple(ids) for ids in seen} == {(channels[1].id,)}
    assert rolled(*channels) == expected.quarters(rows)
