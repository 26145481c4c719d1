"""A home with a connection that buys and sells, its tariff, and questions about its costs."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from accounts.tenancy import all_tenants
from metering.models import Meter
from metering.queries.emissions import Emissions, read_emissions
from metering.queries.energy import read_summary
from metering.queries.energy_costs import CostAnswer, EnergyCosts, read_costs
from metering.queries.frames import Unit, make_frame
from metering.queries.scopes import Scope, find_meter_scope, find_site_scope
from metering.services.cost_following import follow_costs
from metering.services.tariffs import add_version, assign_tariff, create_tariff
from tests.metering.billing import day
from tests.metering.conftest import NOW, Plant
from tests.metering.energy_site import EnergySite, even

WHOLE = {
    "components": [
        {
            "kind": "time_of_use", "name": "energy", "default": "night",
            "bands": [{"name": "day", "price": "0.40"}, {"name": "night", "price": "0.20"}],
            "rules": [{"band": "day", "from": "06:00", "to": "22:00"}],
        },
        {"kind": "flat", "name": "feed-in", "price": "0.08", "flow": "export"},
        {"kind": "fixed", "name": "base", "price": "2.40", "per": "day"},
        {"kind": "percent", "name": "VAT", "percent": "25", "on": ["energy", "base"]},
    ],
    "co2": {"grams_per_kwh": "400"},
}  # fmt: skip


def tariff(
    plant: Plant, definition: dict[str, Any], *, since: str = "2026-01-01",
    meter: Meter | None = None, currency: str = "EUR",
) -> None:  # fmt: skip
    with plant.red.scope():
        made = create_tariff(name=f"Tariff {uuid.uuid4().hex[:6]}", currency=currency, now=NOW)
        add_version(tariff_id=made.id, definition=definition, valid_from=day(since), now=NOW)
        assign_tariff(
            site_id=plant.site.id, tariff_id=made.id, meter_id=meter.id if meter else None,
            valid_from=day(since), now=NOW,
        )  # fmt: skip


def follow(now: dt.datetime = NOW) -> None:
    with all_tenants():
        while follow_costs(now=now).is_more:
            pass


def ask(plant: Plant, unit: Unit, on: str, *, meter: Meter | None = None, **more: Any) -> Any:
    now, step = more.pop("now", NOW), more.pop("step", None)
    read = more.pop("read", read_costs)
    with plant.red.scope():
        scope: Scope = find_meter_scope(meter.id) if meter else find_site_scope(plant.site.id)
        frame = make_frame(unit, day(on), zone=scope.zone, step=step)
        summary = read_summary(scope, frame, now=now, against=more.get("against"))
        return read(summary, now=now, **more)


def costs(plant: Plant, unit: Unit, on: str, **more: Any) -> EnergyCosts:
    answer: CostAnswer = ask(plant, unit, on, **more)
    found = answer.of("EUR")
    assert found is not None
    return found


def co2(plant: Plant, unit: Unit, on: str, **more: Any) -> Emissions:
    found: Emissions = ask(plant, unit, on, read=read_emissions, **more)
    return found


def make_home(plant: Plant) -> EnergySite:
    """Draws 0.25 kWh a quarter and sells 0.5 at noon; a day costs (8.00 + 2.40) × 1.25 − 0.64."""
    site = EnergySite(plant, dt.date(2026, 11, 1), dt.date(2026, 11, 20))
    site.add("Grid", {"import": even(0.25), "export": lambda at: 0.5 * (12 <= at.hour < 16)},
             role="grid")  # fmt: skip
    site.add("Oven", {"import": even(0.1)}, parent="Grid")
    plant.build()
    return site
