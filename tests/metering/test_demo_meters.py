"""The demo's meters: made once, with a past that the simulator goes on from."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import Tenant
from accounts.tenancy import all_tenants, tenant_scope
from devices.demo.seed import seed_fleet
from devices.simulation.state import read_state
from metering.build.due import work_off
from metering.demo.history import STEP_SECONDS, seed_history
from metering.demo.meters import seed_meters
from metering.demo.tariffs import first_of_month, seed_tariffs
from metering.models import BillingPeriod, CostLine, Meter
from metering.queries.energy import read_summary
from metering.queries.frames import Unit, make_frame
from metering.queries.insight import find_balance
from metering.queries.scopes import find_site_scope
from metering.services.cost_following import follow_costs
from tests.metering.conftest import _TABLES

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAYS = 9


@pytest.fixture
def seeded(transactional_db: None, tmp_path: Path):
    fleet = seed_fleet(known={})
    state = tmp_path / "sim_state.json"
    stored = seed_history(fleet.entries(), days=DAYS, state_file=state, now=NOW)
    seed_tariffs(fleet.gateways, now=NOW)
    made = seed_meters(fleet.gateways, now=NOW)
    yield fleet, state, stored, made
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(_TABLES)}")


def test_sites_have_a_past_that_the_simulator_goes_on_from(seeded) -> None:
    fleet, state, stored, made = seeded
    with all_tenants():
        while work_off(now=NOW + dt.timedelta(hours=1)).registers:
            pass

    assert made > 20
    assert stored > 20 * DAYS * 86_400 / STEP_SECONDS
    saved = read_state(state, seed=1)
    assert saved is not None
    assert saved.at <= (NOW - dt.timedelta(days=1)).timestamp()
    with tenant_scope(Tenant.objects.get(slug="anatolia-energy").id):
        site = Meter.objects.filter(site__name="Izmir plant").first().site
        scope = find_site_scope(site.id)
        frame = make_frame(Unit.DAY, dt.date(2026, 11, 16), zone=scope.zone)
        found = read_summary(scope, frame, now=NOW)
        nodes = find_balance(found)
    assert {band.kind for band in found.sources} >= {"grid", "solar"}
    assert len(found.circuits) >= 4
    assert found.quality.measured == 1
    assert nodes[0].balance is not None
    # what the submeters do not see is the building itself, which has no meter
    assert 0 < nodes[0].balance.total.residual < found.total


def test_a_second_start_makes_nothing_twice(seeded) -> None:
    fleet, state, _stored, made = seeded

    assert seed_history(fleet.entries(), days=DAYS, state_file=state, now=NOW) == 0
    assert seed_tariffs(fleet.gateways, now=NOW + dt.timedelta(days=40)) == 0
    with all_tenants():
        periods = BillingPeriod.objects.values_list("start", "end")
        assert sorted(periods) == [(dt.date(2026, 10, 1), dt.date(2026, 11, 1))] * 4
    assert seed_meters(fleet.gateways, now=NOW) == 0
    assert made > 20


def test_what_sites_counted_has_a_price(seeded) -> None:
    with all_tenants():
        while work_off(now=NOW + dt.timedelta(hours=1)).registers:
            pass
        while follow_costs(now=NOW + dt.timedelta(hours=1)).is_more:
            pass

    for slug, currency in (("anatolia-energy", "TRY"), ("nordhafen-werke", "EUR")):
        with tenant_scope(Tenant.objects.get(slug=slug).id):
            lines = CostLine.objects.filter(
                meter__name="Grid connection", day=dt.date(2026, 11, 16), superseded_at=None
            ).select_related("version__tariff")
            assert {line.version.tariff.currency for line in lines} == {currency}
            sites = {line.meter_id: [] for line in lines}
            for line in lines:
                sites[line.meter_id].append(line)
            assert len(sites) == 2
            # the newer prices of each tariff hold by now
            newest = {line.version.valid_from for line in lines}
            assert newest <= {first_of_month(NOW, 4), first_of_month(NOW, 6)}
            for found in sites.values():
                assert sum(line.amount for line in found) > 0


def test_months_are_counted_over_the_turn_of_the_year() -> None:
    assert first_of_month(NOW, 0) == dt.date(2026, 11, 1)
    assert first_of_month(NOW, 11) == dt.date(2025, 12, 1)
    assert first_of_month(NOW, 23) == dt.date(2024, 12, 1)
