"""Demand guards at work: warnings, loads that are shed, and that come back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm
from automation.models import (
    DemandGuard,
    Execution,
    SheddableLoad,
    ZoneControl,
)
from automation.queries.guards import highest_windows, month_of, pictures_of
from automation.running.guards import Guards
from automation.services.guards import change_guard
from devices.models import DeviceProfile, Zone
from tests.automation.guarding import (
    answer,
    at,
    look,
    make_guard,
    make_load,
    ordered,
    power,
    shed,
    window,
)
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    MeterFactory,
    MeterInstallationFactory,
    RegisterFactory,
    RegisterFeedFactory,
)
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def guard(red: Team, profile: DeviceProfile) -> DemandGuard:
    return make_guard(red.tenant, profile, peak_price="12.5")


def alarms() -> list[Alarm]:
    with all_tenants():
        return list(Alarm.objects.filter(code="demand_peak").order_by("raised_at"))


def reasons() -> list[tuple[str, str]]:
    with all_tenants():
        rows = Execution.objects.order_by("decided_at", "id")
        return [(one.state, one.reason) for one in rows]


def in_zone(load: SheddableLoad, mode: str) -> None:
    with tenant_scope(load.tenant_id):
        zone = Zone.objects.create(site=load.device.site, name=f"Zone of {load.name}")
        ZoneControl.objects.create(zone=zone, mode=mode)
        load.device.zone = zone
        load.device.save()


def test_it_warns_once_a_window_and_says_which_loads_and_what_it_costs(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    with all_tenants():
        DemandGuard.objects.update(is_shedding=False)
    make_load(guard, profile, 1)
    make_load(guard, profile, 2, rated_kw="7.5")
    power(guard, (-300, 900, 110))

    look(0, 300, 419)
    assert alarms() == []
    look(420, 430, 600)

    [alarm] = alarms()
    assert (alarm.value, alarm.limit, alarm.unit, alarm.site_id) == (110, 100, "kW", guard.site_id)
    assert alarm.text == (
        "110 kW are expected for this window; the limit is 100 kW. "
        "Heater 1 20 kW · Heater 2 7.5 kW · +1375.00 TRY"
    )
    assert ordered() == []
    look(901)
    [alarm] = alarms()
    assert (alarm.ending, alarm.cleared_at) == ("cleared", at(900))


def test_a_new_window_warns_anew(guard: DemandGuard, profile: DeviceProfile) -> None:
    power(guard, (-300, 1800, 110))

    look(420, 901, 950, 1310, 1320)

    assert [alarm.is_open for alarm in alarms()] == [False, True]


def test_it_sheds_in_order_and_only_what_is_needed(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    for number in (2, 1, 3):
        make_load(guard, profile, number)
    power(guard, (-300, 430, 115))

    look(0, 420, 430)

    assert shed(guard) == ["Heater 1", "Heater 2"]
    assert sorted(ordered()) == [("Heater 1", "heater_off"), ("Heater 2", "heater_off")]
    assert answer("done", 431) == 2
    power(guard, (440, 520, 75))
    look(440, 450, 510)
    assert shed(guard) == ["Heater 1", "Heater 2"]
    kept = window(guard)
    assert kept is not None
    assert (kept.shed, kept.warned_at) == (2, at(420))


def test_two_processes_and_a_crash_shed_nothing_twice(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    make_load(guard, profile, 1, rated_kw=100)
    power(guard, (-300, 430, 115))
    look(420)
    with all_tenants():
        # as if the row of the load had never been written
        SheddableLoad.objects.update(is_shed=False, since=None, asked="", tried_at=None)

    look(430)

    assert len(ordered()) == 1
    assert len(reasons()) == 1


def test_loads_come_back_in_the_reverse_order_one_after_another(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    for number in (1, 2):
        make_load(guard, profile, number)
    power(guard, (-300, 430, 115), (430, 900, 80), (900, 1600, 40))
    look(420)
    answer("done", 421)
    look(440, 890)
    assert shed(guard) == ["Heater 1", "Heater 2"]

    look(1050)
    answer("done", 1051)
    look(1060, 1070)
    assert shed(guard) == ["Heater 1"]
    look(1080, 1120)
    answer("done", 1121)
    look(1130, 1140)

    assert shed(guard) == []
    assert ordered()[2:] == [("Heater 2", "heater_on"), ("Heater 1", "heater_on")]


def test_a_load_comes_back_in_time_whatever_the_demand_and_without_samples(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    make_load(guard, profile, 1, max_off_seconds=300)
    power(guard, (-300, 430, 115))
    look(420)
    answer("done", 421)

    look(700, 719)
    assert len(ordered()) == 1
    look(729)
    answer("done", 730)
    look(740, 750)

    assert shed(guard) == []
    assert ordered()[1:] == [("Heater 1", "heater_on")]


def test_a_restore_that_fails_is_tried_again(guard: DemandGuard, profile: DeviceProfile) -> None:
    make_load(guard, profile, 1, max_off_seconds=300)
    power(guard, (-300, 430, 115))
    look(420)
    answer("done", 421)
    look(430, 720)
    answer("error", 721)

    look(730, 740, 790)

    assert shed(guard) == ["Heater 1"]
    assert [name for _device, name in ordered()] == ["heater_off", "heater_on", "heater_on"]


def test_nothing_is_shed_blindly(guard: DemandGuard, profile: DeviceProfile) -> None:
    make_load(guard, profile, 1)
    power(guard, (-300, 360, 150))

    look(421, 600)

    assert ordered() == []
    with all_tenants():
        [picture] = pictures_of([guard], now=at(421))
    assert (picture.decision.mood, picture.prediction) == ("unknown", None)


@pytest.mark.parametrize(
    ("mode", "state"),
    [("manual", ("skipped", "manual_mode")), ("semi", ("proposed", "")), ("auto", ("running", ""))],
)
def test_the_mode_of_the_zone_holds(
    guard: DemandGuard, profile: DeviceProfile, mode: str, state: tuple[str, str]
) -> None:
    load = make_load(guard, profile, 1)
    in_zone(load, mode)
    power(guard, (-300, 480, 115))

    look(420, 430, 440)

    assert reasons() == [state]
    assert shed(guard) == (["Heater 1"] if mode == "auto" else [])
    assert len(ordered()) == (mode == "auto")


def test_a_shed_that_somebody_agreed_to_counts_from_then(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    load = make_load(guard, profile, 1, max_off_seconds=300)
    in_zone(load, "semi")
    power(guard, (-300, 800, 115))
    look(420)
    with all_tenants():
        Execution.objects.update(state="running", next_at=at(500), agreed_by="ada")
    look(500)
    answer("done", 501)
    look(502, 510, 520)

    assert shed(guard) == ["Heater 1"]
    look(810, 815, 830)
    assert ordered() == [("Heater 1", "heater_off"), ("Heater 1", "heater_on")]


def test_what_is_refused_is_not_shed_and_the_next_one_goes(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    load = make_load(guard, profile, 1, rated_kw=100)
    make_load(guard, profile, 2, rated_kw=100)
    with all_tenants():
        load.device.lifecycle = "decommissioned"
        load.device.save()
    power(guard, (-300, 480, 115))

    look(420, 430, 440)

    assert shed(guard) == ["Heater 2"]
    assert ("refused", "step") in reasons()


def test_a_shed_of_which_nobody_knows_has_to_come_back(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    make_load(guard, profile, 1, max_off_seconds=300)
    power(guard, (-300, 480, 115))
    look(420)
    answer("timeout", 421)

    look(430, 720)

    assert [name for _device, name in ordered()] == ["heater_off", "heater_on"]


def test_a_guard_that_is_switched_off_gives_back_and_rests(
    guard: DemandGuard, profile: DeviceProfile
) -> None:
    make_load(guard, profile, 1)
    power(guard, (-300, 480, 115))
    look(420)
    answer("done", 421)
    with tenant_scope(guard.tenant_id):
        change_guard(guard_id=guard.id, changes={"is_enabled": False}, now=at(450))

    assert not alarms()[0].is_open
    look(460, 500)
    answer("done", 501)
    look(511, 530)

    assert shed(guard) == []
    with all_tenants():
        assert DemandGuard.objects.get().next_at is None


def test_the_demand_of_each_window_is_kept(guard: DemandGuard) -> None:
    power(guard, (-300, 900, 80), (900, 1800, 60))

    look(100, 901)
    assert window(guard) is None
    look(946, 1850, 5000)

    found = [window(guard, second) for second in (0, 900, 3600)]
    assert [one and one.demand_kw for one in found] == [
        pytest.approx(80, abs=0.2), pytest.approx(60), None,
    ]  # fmt: skip
    with tenant_scope(guard.tenant_id):
        [highest, _lower] = highest_windows(guard, now=at(5000))
        month = month_of(guard, now=at(5000))
    assert (highest.start, month.windows, month.above) == (at(0), 2, 0)
    assert month.peak_kw == pytest.approx(80, abs=0.2)


def test_many_guards_cost_no_more_queries(red: Team, profile: DeviceProfile) -> None:
    counts = []
    for number in (1, 9):
        for _ in range(number):
            guard = _quiet(red, profile)
            make_load(guard, profile, 1)
            power(guard, (-300, 430, 50))
        Guards().round(at(420 + number))
        with all_tenants():
            DemandGuard.objects.update(next_at=at(0))
        with CaptureQueriesContext(connections["default"]) as found:
            Guards().round(at(420 + number))
        # two for the savepoint of each guard
        counts.append(len([q for q in found.captured_queries if "SAVEPOINT" not in q["sql"]]))

    assert counts[0] == counts[1]


def _quiet(red: Team, profile: DeviceProfile) -> DemandGuard:
    with all_tenants():
        number = DemandGuard.objects.count()
    return make_guard(red.tenant, profile, name=f"Guard {number}")


def test_one_that_fails_does_not_stop_the_others(
    red: Team, profile: DeviceProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = _quiet(red, profile), _quiet(red, profile)
    for guard in (bad, good):
        power(guard, (-300, 430, 115))
    from automation.running import guards as running

    real = running.act

    def act(picture: Any, modes: Any, *, now: dt.datetime) -> None:
        if picture.guard.id == bad.id:
            raise ValueError("broken")
        real(picture, modes, now=now)

    monkeypatch.setattr(running, "act", act)
    look(420)

    assert [alarm.key for alarm in alarms()] == [f"system:demand_peak:{good.id}"]


@pytest.mark.parametrize(
    ("kind", "factor", "expected"), [("total_increasing", 2, 120), ("gauge", 1, 60)]
)
def test_the_import_of_a_meter_is_watched_by_what_feeds_it(
    red: Team, profile: DeviceProfile, kind: str, factor: int, expected: float
) -> None:
    """A counter of kWh with a transformer ratio, and a power."""
    is_counter = kind == "total_increasing"
    meter = MeterFactory(tenant=red.tenant)
    channel = ChannelFactory(
        device=DeviceFactory(tenant=red.tenant, site=meter.site), kind=kind, name="energy",
        unit="kWh" if is_counter else "kW", expected_interval_seconds=10,
    )  # fmt: skip
    feed = RegisterFeedFactory(
        register=RegisterFactory(meter=meter, quantity="import"), channel=channel,
        installation=MeterInstallationFactory(
            meter=meter, installed_at=at(-86_400), ct_ratio=factor
        ),
    )  # fmt: skip
    guard = make_guard(
        red.tenant, profile, site=meter.site, channel=None, register=feed.register
    )  # fmt: skip
    store_samples(
        channel,
        [(at(second), 60 * second / 3600 + 1000 if is_counter else 60.0)
         for second in range(-300, 431, 10)],
    )  # fmt: skip

    with all_tenants():
        [picture] = pictures_of([guard], now=at(430))

    assert picture.prediction is not None
    assert picture.prediction.expected_kw == pytest.approx(expected)
    assert picture.decision.mood == ("warn" if expected > 100 else "quiet")
