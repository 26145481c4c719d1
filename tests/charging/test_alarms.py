"""What is wrong at connectors becomes alarms, and ends with its reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.tenancy import all_tenants
from alarms.models import Alarm
from charging.models import ChargingEvent, Connector
from charging.running import ChargingRounds
from devices.models import Channel, Device
from tests.charging.places import Place, at
from tests.factories import ChannelFactory, DeviceFactory
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def rounds() -> Iterator[ChargingRounds]:
    return ChargingRounds()


@pytest.fixture
def power(place: Place) -> Channel:
    channel: Channel = ChannelFactory(device=DeviceFactory(tenant=place.red.tenant))
    with place.red.scope():
        Connector.objects.update(power_channel=channel)
    return channel


def alarms() -> list[tuple[str, str, str]]:
    with all_tenants():
        rows = Alarm.objects.order_by("raised_at", "code")
        return [(one.code, one.ending, one.severity) for one in rows]


def run(rounds: ChargingRounds, *seconds: float) -> None:
    for second in seconds:
        assert rounds.round(at(second)) == []


def test_a_controller_that_is_silent_for_thirty_seconds(
    place: Place, rounds: ChargingRounds
) -> None:
    place.look(0, 1)
    run(rounds, 29)
    assert alarms() == []

    run(rounds, 36)
    assert alarms() == [("charger_silent", "", "error")]
    with all_tenants():
        [alarm] = Alarm.objects.all()
        assert (alarm.raised_at, alarm.subject) == (at(30), str(place.connector))
        assert (alarm.tenant_id, alarm.site_id) == (
            place.red.tenant.id, place.connector.charge_point.site_id
        )  # fmt: skip
    place.look(40, 1)
    run(rounds, 42)

    assert alarms() == [("charger_silent", "cleared", "error")]


def test_nobody_misses_a_controller_in_maintenance_or_never_seen(
    place: Place, rounds: ChargingRounds
) -> None:
    run(rounds, 100)
    place.look(101, 1)
    with place.red.scope():
        Device.objects.update(lifecycle="maintenance")

    run(rounds, 200)

    assert alarms() == []


def test_a_fault_lasts_until_the_controller_is_free(place: Place, rounds: ChargingRounds) -> None:
    place.go(1, 8)
    run(rounds, 2)
    assert alarms() == [("charger_fault", "", "error")]

    place.go(0, start=3)
    run(rounds, 8)
    assert alarms() == [("charger_fault", "", "error")]
    place.look(12, 1)
    run(rounds, 14)

    assert alarms() == [("charger_fault", "cleared", "error")]


def test_a_contactor_that_does_not_follow_is_critical(place: Place, rounds: ChargingRounds) -> None:
    place.look(0, 1)
    place.look(1, 1, is_relay_on=True)
    place.look(2, 1, is_relay_on=True)
    run(rounds, 3)

    assert alarms() == [("contactor_mismatch", "", "critical")]


def test_current_through_an_open_contactor_is_one_that_is_welded(
    place: Place, rounds: ChargingRounds, power: Channel
) -> None:
    place.look(0, 1)
    store_samples(power, [(at(second), 3.5) for second in range(1, 9)])

    run(rounds, 9)

    assert alarms() == [("contactor_mismatch", "", "critical")]
    with place.red.scope():
        [event] = ChargingEvent.objects.all()
        assert (event.kind, event.detail) == (
            "CONTACTOR_MISMATCH", {"value_kw": 3.5, "limit_kw": 0.2}
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kw", "lasting", "is_told"), [(12.2, 6, True), (12.2, 4, False), (12.1, 9, False)]
)
def test_more_than_the_limit_and_ten_percent_for_five_seconds(
    place: Place, rounds: ChargingRounds, power: Channel, kw: float, lasting: int, is_told: bool
) -> None:
    """16 A on three phases of 230 V are 11.04 kW; with 10 % more, 12.144."""
    place.look(0, 5, current_limit_a=16)
    store_samples(power, [(at(1), 11.0), *((at(2 + n), kw) for n in range(lasting + 1))])

    run(rounds, 20)

    assert (alarms() == [("charging_overcurrent", "", "error")]) is is_told
    assert ("OVERCURRENT" in place.kinds()) is is_told


def test_an_overcurrent_is_told_once_while_it_lasts(
    place: Place, rounds: ChargingRounds, power: Channel
) -> None:
    place.look(0, 5, current_limit_a=16)
    store_samples(power, [(at(second), 15.0) for second in range(1, 200)])
    for second in range(20, 200, 10):
        place.look(second, 5)
        run(rounds, second)
    assert place.kinds().count("OVERCURRENT") == 1

    store_samples(power, [(at(201), 11.0), *((at(s), 15.0) for s in range(210, 230))])
    place.look(204, 5)
    run(rounds, 205)
    assert alarms() == [("charging_overcurrent", "cleared", "error")]
    run(rounds, 231)

    assert place.kinds().count("OVERCURRENT") == 2
    assert len(alarms()) == 2


def test_a_part_that_fails_keeps_no_other_from_its_work(place: Place) -> None:
    rounds = ChargingRounds()

    def fails(now: object) -> None:
        raise ValueError

    rounds._parts[0].do = fails
    place.go(1, 8)

    assert rounds.round(at(3)) == ["subscribers"]
    assert alarms() == [("charger_fault", "", "error")]
