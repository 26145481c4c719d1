"""Energy and cost of sessions from stored samples, until they are final."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts.models import AuditEvent
from charging.models import ChargingSession, Connector
from charging.queries.connectors import read_live
from charging.queries.receipts import receipt_of
from charging.services.settling import settle_due
from devices.models import Channel, Kind
from telemetry.models import LatestValue
from telemetry.quality import Quality
from tests.charging.places import Place, at
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    LatestValueFactory,
    MeterFactory,
    MeterInstallationFactory,
    RegisterFactory,
    RegisterFeedFactory,
)
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


@pytest.fixture
def meter(place: Place) -> Channel:
    """A register in kWh in front of the connector, read every minute."""
    device = DeviceFactory(tenant=place.red.tenant)
    channel: Channel = ChannelFactory(
        device=device, name="active_energy_import", kind=Kind.COUNTER, unit="kWh",
        expected_interval_seconds=60,
    )  # fmt: skip
    power = ChannelFactory(device=device, name="active_power_import")
    with place.red.scope():
        Connector.objects.update(energy_channel=channel, power_channel=power)
    return channel


def settle(place: Place, seconds: float) -> ChargingSession:
    """Compute what is due, and return the newest session."""
    with place.red.scope():
        ChargingSession.objects.update(updated_at=at(-1))
    settle_due(now=at(seconds))
    return place.sessions()[-1]


def read(meter: Channel, *samples: tuple[float, float]) -> None:
    store_samples(meter, [(at(second), value) for second, value in samples])


def test_energy_is_the_difference_of_the_register_of_a_real_meter(
    place: Place, meter: Channel
) -> None:
    """The seed multiplied what the cable bears with a raw reading of the pilot."""
    place.look(0, 3, cable_a=32, raw={"CPV": 2960})
    place.look(60, 5)
    place.look(660, 7)
    place.look(720, 1)
    read(meter, (0, 500), (60, 500), *((60 + 60 * n, 500 + 0.1 * n) for n in range(1, 11)),
         (720, 501), (780, 501))  # fmt: skip

    place.look(790, 1)
    session = settle(place, 800)

    assert (session.register_start, session.register_end) == (500, 501)
    assert (session.energy_kwh, session.is_estimated) == (1, False)
    assert session.settled_at == at(800)
    assert session.cost == Decimal("8.50")  # 7.50 a kWh and 1.00 a session


def test_late_samples_correct_a_receipt_and_the_trail_says_so(place: Place, meter: Channel) -> None:
    read(meter, (0, 500))
    place.go(3, 5, 7, 1, step=60)
    first = settle(place, 200)
    assert (first.energy_kwh, first.is_estimated) == (Decimal("0.736000"), True)
    assert (first.cost, first.settled_at) == (Decimal("6.52"), None)
    assert first.receipt_number == 1

    read(meter, (60, 500), (119, 500.25), (181, 500.25))
    place.look(190, 1)
    last = settle(place, 4000)

    assert (last.energy_kwh, last.is_estimated) == (Decimal("0.25"), False)
    assert (last.receipt_number, last.settled_at) == (1, at(4000))
    with place.red.scope():
        [event] = AuditEvent.objects.filter(action="charging_session.recomputed")
        assert event.detail["before"]["energy_kwh"] == "0.736000"
        assert event.detail["after"]["energy_kwh"] == "0.250000"
    assert settle_due(now=at(8000)) == 0


def test_what_is_final_stays(place: Place, meter: Channel) -> None:
    read(meter, (0, 500), (60, 500), (119, 500.2), (190, 500.2))
    place.go(3, 5, 7, 1, step=60)
    assert settle(place, 195).settled_at is None  # who charged until 190 s?
    place.look(195, 1)
    assert settle(place, 200).settled_at == at(200)

    read(meter, (100, 500.9), (150, 501))

    assert settle(place, 400).energy_kwh == Decimal("0.2")


def test_without_a_meter_it_is_an_estimate_that_says_so(place: Place) -> None:
    place.look(0, 3, current_limit_a=16)
    place.go(5, 7, 1, start=60, step=1800)

    session = settle(place, 4000)

    assert session.energy_kwh == Decimal("5.704")  # 16 A, three phases of 230 V, 31 minutes
    assert (session.is_estimated, session.estimate_note) == (True, "no_meter")
    assert session.settled_at == at(4000)


def test_a_meter_that_stays_silent_becomes_an_estimate_after_a_day(
    place: Place, meter: Channel
) -> None:
    place.look(0, 3, current_limit_a=10)
    place.go(5, 7, 1, start=60, step=3600)
    assert settle(place, 8000).settled_at is None

    session = settle(place, 7260 + DAY)

    assert session.energy_kwh == Decimal("7.015")  # from the look at which nothing charged
    assert (session.is_estimated, session.estimate_note) == (True, "meter_silent")
    assert session.settled_at is not None


def test_a_meter_that_falls_silent_is_measured_so_far_and_estimated_after(
    place: Place, meter: Channel
) -> None:
    place.look(55, 3, current_limit_a=10)
    place.go(5, 7, 1, start=60, step=3600)
    read(meter, (0, 500), (60, 500), *((60 * n, 500 + 0.05 * (n - 1)) for n in range(2, 32)))

    session = settle(place, 7260 + DAY)

    assert session.register_end == Decimal("501.5")
    assert session.energy_kwh == Decimal("4.95")
    assert session.estimate_note == "meter_gap"


def test_bad_samples_do_not_count(place: Place, meter: Channel) -> None:
    store_samples(
        meter,
        [(at(0), 500.0), (at(60), 500.0), (at(90), 999.0, Quality.BAD), (at(119), 500.2),
         (at(190), 500.2)],
    )  # fmt: skip
    place.go(3, 5, 7, 1, step=60)

    assert settle(place, 200).energy_kwh == Decimal("0.2")


def test_what_flowed_while_nobody_looked_belongs_to_the_session(
    place: Place, meter: Channel
) -> None:
    place.look(0, 3)
    place.look(600, 5)  # the bridge was away: it began somewhere between
    place.look(660, 7)
    place.look(720, 1)
    read(meter, *((60 * n, 500 + 0.1 * max(0, min(n, 11) - 2)) for n in range(14)))

    session = settle(place, 800)

    assert session.charging_at == at(600)
    assert session.energy_kwh == Decimal("0.9")


def test_waiting_after_the_grace_costs(place: Place, meter: Channel) -> None:
    place.go(3, 5, 7, step=60)
    place.look(120 + 1800, 1)
    read(meter, *((60 * n, 500.0) for n in range(40)))

    session = settle(place, 2400)

    assert session.cost == Decimal("11.00")  # 20 minutes of 0.50, and the fee
    receipt = receipt_of(session, now=at(9999))
    assert receipt is not None
    assert (receipt.cost.idle_minutes, receipt.cost.total) == (20, session.cost)
    assert receipt.cost.net + receipt.cost.vat == session.cost
    assert receipt.is_final


def test_the_largest_power_is_kept(place: Place, meter: Channel) -> None:
    place.go(3, 5, 7, 1, step=60)
    power = place.fresh().power_channel
    assert power is not None
    store_samples(power, [(at(30), 99.0), (at(70), 7.2), (at(100), 11.0), (at(130), 98.0)])

    assert settle(place, 200).peak_kw == 11


def test_while_charging_it_is_the_newest_register_less_the_first(
    place: Place, meter: Channel
) -> None:
    read(meter, (0, 500), (60, 500), (90, 500.1))
    place.go(3, 5, step=60)
    settle(place, 95)
    LatestValueFactory(channel=meter, value=500.4, time=at(150))

    with place.red.scope():
        [live] = read_live([place.fresh()], now=at(65))
        assert (live.energy_kwh, live.is_fresh) == (Decimal("0.4"), True)
        assert live.cost == Decimal("4.00")
        LatestValue.objects.update(value=0.0)  # the meter was exchanged
        [live] = read_live([place.fresh()], now=at(200))
        assert (live.energy_kwh, live.is_fresh) == (Decimal("0.1"), False)


def test_while_charging_a_meter_behind_a_transformer_counts_in_its_own_unit(
    place: Place, meter: Channel
) -> None:
    register = RegisterFactory(meter=MeterFactory(tenant=place.red.tenant))
    installed = MeterInstallationFactory(meter=register.meter, ct_ratio=40)
    RegisterFeedFactory(register=register, installation=installed, channel=meter)
    read(meter, (0, 500), (60, 500), (90, 500.01))
    place.go(3, 5, step=60)
    session = settle(place, 95)
    assert (session.register_start, session.energy_kwh) == (20_000, Decimal("0.4"))
    LatestValueFactory(channel=meter, value=500.02, time=at(150))

    with place.red.scope():
        [live] = read_live([place.fresh()], now=at(151))

    assert live.energy_kwh == Decimal("0.8")
    assert live.register_kwh == pytest.approx(20_000.8)


def test_sessions_of_a_connector_add_up_to_its_register(place: Place, meter: Channel) -> None:
    """Three vehicles within a quarter of an hour, and a meter that is read every five minutes."""
    for number in range(3):
        place.go(2, 3, 5, 7, 1, start=10 + number * 250, step=40)
    read(meter, *((300 * n, 500 + n * 0.7 - (0.7 if n > 3 else 0)) for n in range(5)))
    place.look(1250, 1)
    with place.red.scope():
        ChargingSession.objects.update(updated_at=at(-1))

    settle_due(now=at(1300))

    sessions = place.sessions()
    assert [one.settled_at for one in sessions] == [at(1300)] * 3
    assert sum(one.energy_kwh or 0 for one in sessions) == Decimal("2.1")
    assert dt.timedelta(seconds=120) == sum(
        ((one.stopped_at or at(0)) - (one.charging_at or at(0)) for one in sessions), dt.timedelta()
    )


def test_nothing_is_counted_twice_when_nobody_looked_until_the_next_vehicle(
    place: Place, meter: Channel
) -> None:
    read(meter, (0, 500), (650, 501), (1400, 501.5))
    place.look(0, 3)
    place.look(60, 5)
    place.look(660, 7)
    place.look(720, 1)
    assert settle(place, 1450).settled_at is None

    place.look(4320, 5)  # it began somewhere after 720 s, perhaps before 1400 s
    place.look(4380, 1)
    read(meter, *((60 * n, 501.5) for n in range(24, 75)))
    place.look(4500, 1)
    settle(place, 4500)

    sessions = place.sessions()
    assert [one.settled_at for one in sessions] == [at(4500)] * 2
    assert sum(one.energy_kwh or 0 for one in sessions) == Decimal("1.5")


def test_a_card_at_the_reader_does_not_show_that_nothing_charges(
    place: Place, meter: Channel
) -> None:
    place.look(0, 3)
    place.look(500, rfid="ab")
    place.look(600, 5)
    place.look(660, 7)
    place.look(720, 1)
    read(meter, *((60 * n, 500 + 0.1 * max(0, min(n, 11) - 2)) for n in range(14)))

    assert settle(place, 800).energy_kwh == Decimal("0.9")


def test_one_that_cannot_be_computed_keeps_no_other_waiting(place: Place) -> None:
    place.go(3, 5, 7, 1, step=60)
    with place.red.scope():
        ChargingSession.objects.update(price={"currency": "TRY"})
    place.go(3, 5, 7, 1, start=400, step=60)
    with place.red.scope():
        ChargingSession.objects.update(updated_at=at(-1))
        ChargingSession.objects.filter(charging_at=at(60)).update(updated_at=at(-2))

    assert settle_due(now=at(800)) == 1
    broken, other = place.sessions()
    assert (broken.energy_kwh, broken.updated_at) == (None, at(800))
    assert other.settled_at == at(800)

    assert settle_due(now=at(805)) == 0
    with place.red.scope():
        ChargingSession.objects.update(price=other.price)
    settle_due(now=at(816))
    assert place.sessions()[0].settled_at == at(816)


def test_a_limit_that_is_lowered_at_the_end_does_not_lower_the_estimate(place: Place) -> None:
    place.look(55, 3, current_limit_a=32)
    place.look(60, 5)
    place.look(1800, 5, current_limit_a=16)
    place.look(1860, 7)
    place.look(1900, 1)

    assert settle(place, 2000).energy_kwh == Decimal("11.070667")  # 32 A from 55 s to 1860 s


def test_a_limit_that_is_lowered_afterwards_does_not_lower_the_estimate(place: Place) -> None:
    place.look(55, 3, current_limit_a=20)
    place.look(60, 5)
    place.look(1860, 7)
    place.look(1900, 1)
    place.look(1950, 1, current_limit_a=6)
    place.look(1960, 1, current_limit_a=32)

    assert settle(place, 2000).energy_kwh == Decimal("6.919167")  # 20 A
