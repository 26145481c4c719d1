"""Tariffs and costs from the command line."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from metering.models import Price, Tariff
from metering.services.cost_rebuilds import rebuild_costs
from tests.metering.billing import Bill, day, flat
from tests.metering.conftest import NOW, Plant


def run(*arguments: object) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def bill(plant: Plant) -> Bill:
    made = Bill(plant, "2026-01-01", "2026-03-01", "Europe/Istanbul")
    made.version(flat("2"), "2025-12-01")
    made.assign("2025-12-01")
    return made


def test_costs_are_tried_then_written_then_left_alone(bill: Bill) -> None:
    asked = ("cost_recalculate", "--tenant", bill.plant.red.tenant.slug,
             "--from", "2026-01-01", "--to", "2026-03-01")  # fmt: skip

    assert "59 lines would be written" in run(*asked, "--dry-run")
    assert bill.lines() == []
    written = run(*asked)
    assert "100 %" in written
    assert "59 lines written" in written
    assert "2832.000000 TRY" in written
    assert "0 lines written" in run(*asked)


def test_an_interrupted_recalculation_goes_on_where_it_was(bill: Bill) -> None:
    asked = {"start": day("2025-12-01"), "end": day("2026-07-01"), "now": NOW}
    with bill.plant.red.scope():
        first = next(rebuild_costs(**asked))
        rest = list(rebuild_costs(**asked, resumes=True))

    assert (first.done, [part.done for part in rest], first.parts) == (1, [2, 3], 3)
    assert bill.total() == 59 * 48


def test_a_tariff_is_imported_once(plant: Plant, tmp_path: Path) -> None:
    file = tmp_path / "tariff.json"
    versions = [{"valid_from": f"202{n}-01-01", "definition": flat(str(n))} for n in (5, 6)]
    file.write_text(json.dumps({"name": "Grid", "currency": "EUR", "versions": versions}))
    asked = ("tariff_import", str(file), "--tenant", plant.red.tenant.slug)

    assert "2 versions would be added" in run(*asked, "--dry-run")
    assert "2 versions added" in run(*asked)
    assert "0 versions added, 2 were there" in run(*asked)
    with plant.red.scope():
        assert Tariff.objects.get().versions.count() == 2

    file.write_text("{")
    with pytest.raises(CommandError):
        run(*asked)


def test_prices_are_imported_from_a_file(plant: Plant, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("time;price\n2026-01-01 00:00;98,5\n")
    asked = ("tariff_import", str(file), "--tenant", plant.red.tenant.slug, "--series", "spot",
             "--tz", "Europe/Berlin", "--unit", "MWh", "--currency", "EUR")  # fmt: skip

    assert "4 of 4 quarter hours would be added" in run(*asked, "--dry-run")
    with plant.red.scope():
        assert not Price.objects.exists()
    assert "4 of 4 quarter hours added, 0 changed" in run(*asked)
    with plant.red.scope():
        assert set(Price.objects.values_list("price", flat=True)) == {98_500}
