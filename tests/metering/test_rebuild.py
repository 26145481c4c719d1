"""The ledger is built anew by command."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from metering.build import rebuild as module
from metering.models import Register
from metering.series import QUARTER_US
from telemetry.models import StorageJob
from tests.metering.conftest import NOW, Plant, entries_of, total

BEGIN = int(NOW.timestamp()) * 1_000_000 - 400 * QUARTER_US


def count(plant: Plant, step: float) -> Register:
    channel = plant.channel()
    register = plant.meter(channel)
    plant.store(channel, BEGIN + np.arange(200) * QUARTER_US, np.arange(200) * step)
    plant.build()
    return register


def run(*args: str) -> Any:
    out = io.StringIO()
    call_command("ledger_rebuild", "--json", *args, stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def spoil(register: Register) -> None:
    """Make a quarter say too much, as no program of ours would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE metering_interval SET amount = amount + 1000000,"
            " adjustment = adjustment + 1000000 WHERE register_id = %s"
            " AND start = (SELECT min(start) FROM metering_interval WHERE register_id = %s)",
            [register.id, register.id],
        )


def test_what_is_right_stays_as_it_is(plant: Plant) -> None:
    register = count(plant, 0.25)
    before = entries_of(register)

    summary = run()

    assert (summary["added"], summary["changed"], summary["removed"]) == (0, 0, 0)
    assert (entries_of(register) == before).all()
    assert not StorageJob.objects.exists()


def test_a_trial_tells_the_difference_and_takes_it_back(plant: Plant) -> None:
    register = count(plant, 0.25)
    spoil(register)

    trial = run("--dry-run")
    assert total(register) == Decimal("50.75")
    real = run()

    assert trial["moved"][0]["by"] == real["moved"][0]["by"] == "-1.000000"
    assert (trial["changed"], trial["dry_run"]) == (1, True)
    assert total(register) == Decimal("49.75")


def test_only_what_was_asked_for_is_built(plant: Plant) -> None:
    first, second = count(plant, 0.25), count(plant, 0.5)
    spoil(first)
    spoil(second)

    run("--meter", str(second.meter_id))

    assert (total(first), total(second)) == (Decimal("50.75"), Decimal("99.5"))
    assert run("--from", "2026-11-19", "--dry-run")["changed"] == 0


def test_an_interrupted_run_goes_on(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    registers = sorted((count(plant, 0.25), count(plant, 0.5)), key=lambda one: one.id)
    built = []
    build = module.build_windows

    def stop(due: Any, *, now: Any) -> Any:
        built.extend(due)
        if len(built) == 2:
            raise KeyboardInterrupt
        return build(due, now=now)

    monkeypatch.setattr(module, "build_windows", stop)
    with pytest.raises(KeyboardInterrupt):
        run()
    run("--resume")

    assert built == [registers[0].id, registers[1].id, registers[1].id]
    assert not StorageJob.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "given", [("--tenant", "nobody"), ("--meter", "00000000-0000-0000-0000-000000000001")]
)
def test_what_is_not_there_is_named(given: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=given[1]):
        run(*given)
