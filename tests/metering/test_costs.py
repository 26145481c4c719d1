"""Costs follow the ledger and the tariffs; what was billed is only ever adjusted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from metering.models import CostLine, CostState, Meter, Tariff
from metering.queries.series import revisions_of
from metering.services.bookings import book_amount
from metering.services.costs import (
    CostRefused,
    close_period,
    open_period,
    recalculate_costs,
    remove_period,
)
from metering.services.meters import MeterRefused, remove_meter
from metering.services.tariffs import (
    TariffRefused,
    add_version,
    assign_tariff,
    create_tariff,
    import_prices,
    remove_assignment,
)
from telemetry.truth.corrections import correct_value
from tests.metering.billing import SECOND, Bill, day, flat
from tests.metering.conftest import NOW, Plant


@pytest.fixture
def bill(plant: Plant) -> Bill:
    """Three months at 2 TRY, closed days of the site in Istanbul."""
    made = Bill(plant, "2026-01-01", "2026-03-01", "Europe/Istanbul")
    made.version(flat("2"), "2025-12-01")
    made.assign("2025-12-01")
    return made


def test_each_day_of_the_ledger_costs_its_price(bill: Bill) -> None:
    bill.follow()

    lines = bill.lines(superseded_at=None)

    assert [(line.day, line.quantity, line.amount) for line in lines[:2]] == [
        (day("2026-01-01"), Decimal(24), Decimal(48)),
        (day("2026-01-02"), Decimal(24), Decimal(48)),
    ]
    assert bill.total() == 59 * 48
    assert {line.is_provisional for line in lines} == {False}


def test_a_price_from_february_never_touches_january(bill: Bill) -> None:
    bill.follow()
    january = [(line.id, line.amount) for line in bill.lines(day__lt=day("2026-02-01"))]

    bill.version(flat("3"), "2026-02-01", now=NOW + SECOND)
    bill.follow(NOW + SECOND)

    assert [(line.id, line.amount) for line in bill.lines(day__lt=day("2026-02-01"))] == january
    assert bill.total(day__gte=day("2026-02-01")) == 28 * 24 * 3
    old = bill.lines(day=day("2026-02-01"), superseded_at__isnull=False)
    assert [(line.amount, line.revision) for line in old] == [(48, 1)]
    fresh = bill.lines(day=day("2026-02-01"), superseded_at=None)
    assert [(line.amount, line.revision) for line in fresh] == [(72, 2)]


def test_a_price_that_becomes_known_late_is_an_adjustment_of_what_was_billed(bill: Bill) -> None:
    bill.follow()
    period = bill.close("2026-01-01", "2026-02-01")
    billed = {line.id: line.amount for line in bill.lines(period=period)}

    bill.version(flat("2.5"), "2026-01-20", valid_to=day("2026-01-22"), now=NOW + SECOND)
    bill.follow(NOW + SECOND)

    assert {line.id: line.amount for line in bill.lines(period=period)} == billed
    adjustments = bill.lines(is_adjustment=True)
    assert [(line.day, line.amount, line.quantity) for line in adjustments] == [
        (day("2026-01-20"), 12, 0), (day("2026-01-21"), 12, 0),
    ]  # fmt: skip
    assert [line.corrects.day for line in adjustments if line.corrects] == [
        day("2026-01-20"), day("2026-01-21"),
    ]  # fmt: skip
    assert bill.total(day__lt=day("2026-02-01"), is_adjustment=False) == 31 * 48
    assert bill.total(day__lt=day("2026-02-01")) == 31 * 48 + 24

    # the same again writes nothing; another correction only what is still missing
    bill.version(flat("2.25"), "2026-01-20", valid_to=day("2026-01-22"), now=NOW + 2 * SECOND)
    bill.follow(NOW + 2 * SECOND)
    assert [line.amount for line in bill.lines(is_adjustment=True)] == [12, -6, 12, -6]


def test_adjustments_are_billed_with_the_next_period(bill: Bill) -> None:
    bill.follow()
    january = bill.close("2026-01-01", "2026-02-01")
    bill.version(flat("3"), "2026-01-31", valid_to=day("2026-02-01"), now=NOW + SECOND)
    bill.follow(NOW + SECOND)

    february = bill.close("2026-02-01", "2026-03-01", now=NOW + SECOND)

    assert bill.total(period=january) == 31 * 48
    assert bill.total(period=february) == 28 * 48 + 24
    assert [line.period for line in bill.lines(is_adjustment=True)] == [february]


def test_a_corrected_sample_of_a_billed_month_becomes_an_adjustment(bill: Bill) -> None:
    bill.follow()
    bill.close("2026-01-01", "2026-02-01")
    midnight = dt.datetime(2026, 1, 10, 21, tzinfo=dt.UTC)
    place = bill.times.index(int(midnight.timestamp()) * 1_000_000)
    later = NOW + dt.timedelta(minutes=1)

    # at midnight the counter stood 0.1 kWh higher: the day before used that, the day after not
    with bill.plant.red.scope():
        correct_value(
            channel=bill.channel, at=midnight, value=100 + 0.25 * place + 0.1, reason="read off",
            made_by=bill.plant.red.owner, now=later,
        )  # fmt: skip
    bill.plant.build(later)
    bill.follow(later)

    adjustments = bill.lines(is_adjustment=True)
    assert [(line.day.day, line.quantity, line.amount) for line in adjustments] == [
        (10, Decimal("0.1"), Decimal("0.2")), (11, Decimal("-0.1"), Decimal("-0.2")),
    ]  # fmt: skip
    assert bill.total(day=day("2026-01-10"), is_adjustment=False) == 48
    assert bill.total(day=day("2026-01-10")) == Decimal("48.2")

    # the readings that were billed can still be read
    quarter = midnight - dt.timedelta(minutes=15)
    old, new = revisions_of(bill.register.id, quarter, midnight)
    assert (old.revision, old.amount, old.superseded_at) == (1, 250_000, later)
    assert (new.revision, new.amount) == (2, 350_000)
    assert adjustments[0].corrects is not None
    assert old.recorded_at <= adjustments[0].corrects.readings_at < later
    assert adjustments[0].readings_at == later


def test_what_was_billed_cannot_be_changed_by_anybody(bill: Bill) -> None:
    bill.follow()
    period = bill.close("2026-01-01", "2026-02-01")

    with bill.plant.red.scope():
        lines = CostLine.objects.filter(period=period)
        for change in (lambda: lines.update(amount=0), lines.delete):
            with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
                change()
        with pytest.raises(ProgrammingError, match="never changed"), transaction.atomic():
            bill.tariff.versions.update(note="x")
        with pytest.raises(MeterRefused, match="billed"):
            remove_meter(meter_id=bill.register.meter_id, now=NOW)
        with pytest.raises(CostRefused, match="stays"):
            remove_period(period_id=period.id, now=NOW)


def test_periods_do_not_overlap_and_close_only_when_they_are_over(bill: Bill) -> None:
    bill.close("2026-01-01", "2026-02-01")

    with bill.plant.red.scope():
        for start, end in (("2026-01-31", "2026-03-01"), ("2025-12-01", "2026-01-02")):
            with pytest.raises(CostRefused) as refused:
                open_period(site_id=bill.plant.site.id, start=day(start), end=day(end), now=NOW)
            assert refused.value.code == "overlaps"
        period = open_period(
            site_id=bill.plant.site.id, start=day("2026-11-01"), end=day("2026-12-01"), now=NOW
        )
        with pytest.raises(CostRefused) as refused:
            close_period(period_id=period.id, now=NOW)
        assert refused.value.code == "not_over"


def test_computing_again_writes_nothing(bill: Bill) -> None:
    bill.follow()
    with bill.plant.red.scope():
        found = recalculate_costs(
            meters=[bill.meter], start=day("2025-12-01"), end=day("2026-12-01"), now=NOW
        )

    assert (found.written, found.ended) == (0, 0)
    assert found.before == found.after == {"TRY": 59 * 48}


def test_a_trial_only_counts(bill: Bill) -> None:
    with bill.plant.red.scope():
        found = recalculate_costs(
            meters=[bill.meter], start=day("2026-01-01"), end=day("2026-01-03"), now=NOW,
            is_trial=True,
        )  # fmt: skip

    assert (found.written, found.before, found.after) == (2, {}, {"TRY": 96})
    assert bill.lines() == []


TIERS = {
    "components": [
        {"kind": "tiers", "name": "energy", "per": "month",
         "tiers": [{"up_to": "700", "price": "1"}, {"price": "10"}]},
    ]
}  # fmt: skip


def test_tiers_begin_anew_with_the_month_whatever_is_computed_again(bill: Bill) -> None:
    bill.version(TIERS, "2025-12-01", now=NOW + SECOND)
    bill.follow(NOW + SECOND)
    assert bill.total(day__lt=day("2026-02-01")) == 700 + 10 * 44
    assert bill.total(day__gte=day("2026-02-01")) == 28 * 24  # 672 kWh: below 700 again

    # 100 kWh more on the 2nd move the days after it into the second tier
    noon, later = dt.datetime(2026, 1, 2, 9, tzinfo=dt.UTC), NOW + dt.timedelta(minutes=1)
    with bill.plant.red.scope():
        book_amount(
            register=bill.register, start=noon, end=noon + dt.timedelta(hours=1),
            amount=Decimal(100), reason="was bridged", now=later,
        )  # fmt: skip
    bill.plant.build(later)
    bill.follow(later)

    assert bill.total(day__lt=day("2026-02-01")) == 700 + 10 * 144
    assert bill.total(day__gte=day("2026-02-01")) == 28 * 24


@pytest.mark.parametrize(
    ("zone", "start", "end", "date", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", "2026-03-31", "2026-03-29", 23),
        ("Europe/Berlin", "2025-10-25", "2025-10-28", "2025-10-26", 25),
        ("Australia/Lord_Howe", "2026-04-04", "2026-04-07", "2026-04-05", Decimal("24.5")),
    ],
)
def test_a_day_on_which_the_clock_is_changed_costs_its_own_hours(
    make_plant: Callable[..., Plant],
    zone: str,
    start: str,
    end: str,
    date: str,
    hours: Decimal,
) -> None:
    bill = Bill(make_plant(zone), start, end, zone)
    bill.version(flat("2"), "2025-01-01")
    bill.assign("2025-01-01")
    bill.follow()

    assert [line.quantity for line in bill.lines(day=day(date))] == [hours]
    assert bill.total(day=day(date)) == 2 * hours


DEMAND = {"components": [{"kind": "demand", "name": "power", "price": "10"},
                         {"kind": "fixed", "name": "fee", "price": "1", "per": "day"}]}  # fmt: skip


def test_the_running_day_is_provisional_and_leaves_no_trace(plant: Plant) -> None:
    bill = Bill(plant, "2026-11-19", "2026-11-20T12:00", "Europe/Istanbul")
    bill.version(DEMAND, "2026-11-19")
    bill.assign("2026-11-19")
    bill.follow()

    assert [(line.day.day, line.component, line.amount, line.is_provisional)
            for line in bill.lines()] == [
        (19, "fee", 1, False), (20, "fee", 1, True), (20, "power", Decimal(4), True)]  # fmt: skip

    tomorrow = NOW + dt.timedelta(days=1)
    bill.follow(tomorrow)

    assert [(line.day.day, line.component, line.amount, line.is_provisional)
            for line in bill.lines()] == [
        (19, "fee", 1, False), (20, "fee", 1, False),
        (21, "fee", 1, True), (21, "power", Decimal(4), True)]  # fmt: skip


def test_one_broken_tariff_never_stops_the_others(make_plant: Callable[..., Plant]) -> None:
    good, broken = (Bill(make_plant(), "2026-01-01", "2026-01-03", "Europe/Istanbul")
                    for _ in range(2))  # fmt: skip
    unknown = {"components": [{"kind": "dynamic", "name": "energy", "series": "nobody"}]}
    broken.version(unknown, "2025-12-01")
    good.version(flat("2"), "2025-12-01")
    broken.assign("2025-12-01")
    good.assign("2025-12-01")

    good.follow()

    assert good.total() == 96
    assert broken.lines() == []
    with broken.plant.red.scope():
        assert "nobody" in CostState.objects.get(meter_id=broken.register.meter_id).error

        # once there are prices it works by itself, and the problem is gone
        import_prices(
            series="nobody", document=b"time,price\n2026-01-01T00:00+03:00,5\n", form="csv",
            zone=ZoneInfo("Europe/Istanbul"), currency="TRY", now=NOW,
        )  # fmt: skip
    broken.follow()
    first, second = broken.lines(day=day("2026-01-01"))
    assert {first.band, second.band} == {"", "unpriced"}
    assert first.amount + second.amount == 5
    with broken.plant.red.scope():
        assert CostState.objects.get(meter_id=broken.register.meter_id).error == ""


def test_a_meters_own_tariff_goes_before_that_of_its_site(bill: Bill) -> None:
    with bill.plant.red.scope():
        own = create_tariff(name="own", currency="TRY", now=NOW)
        add_version(tariff_id=own.id, definition=flat("7"), valid_from=day("2026-01-01"), now=NOW)
        made = assign_tariff(
            site_id=bill.plant.site.id, meter_id=bill.register.meter_id, tariff_id=own.id,
            valid_from=day("2026-01-10"), valid_to=day("2026-01-11"), now=NOW,
        )  # fmt: skip
    bill.follow()
    assert bill.total(day=day("2026-01-10")) == 24 * 7
    assert bill.total(day=day("2026-01-11")) == 24 * 2

    with bill.plant.red.scope():
        remove_assignment(assignment_id=made.id, now=NOW)
    bill.follow()
    assert bill.total(day=day("2026-01-10")) == 24 * 2


def test_a_submeter_is_not_charged_by_the_tariff_of_its_site(bill: Bill) -> None:
    channel = bill.plant.channel()
    bill.plant.store(channel, bill.times, [float(n) for n in range(len(bill.times))])
    below = bill.plant.meter(channel, parent=bill.register.meter_id)
    bill.plant.build()
    bill.follow()

    with bill.plant.red.scope():
        assert not CostLine.objects.filter(meter_id=below.meter_id).exists()
    assert bill.total() == 59 * 48


def test_other_tenants_have_no_part_in_it(bill: Bill, blue: object) -> None:
    bill.follow()
    with blue.scope():  # type: ignore[attr-defined]
        assert not CostLine.objects.exists()
        with pytest.raises(Tariff.DoesNotExist):
            add_version(
                tariff_id=bill.tariff.id, definition=flat("1"), valid_from=NOW.date(), now=NOW
            )


def test_two_tariffs_never_hold_at_once(bill: Bill) -> None:
    with bill.plant.red.scope():
        other = create_tariff(name="other", currency="TRY", now=NOW)
        assign_tariff(
            site_id=bill.plant.site.id, tariff_id=other.id, valid_from=day("2026-02-01"), now=NOW
        )
        with pytest.raises(TariffRefused) as refused:
            assign_tariff(
                site_id=bill.plant.site.id, tariff_id=bill.tariff.id,
                valid_from=day("2026-01-15"), now=NOW,
            )  # fmt: skip
    assert refused.value.code == "overlaps"


def test_prices_keep_what_they_replaced(plant: Plant) -> None:
    def load(text: str) -> tuple[int, int, int]:
        done = import_prices(
            series="spot", document=text.encode(), form="csv", zone=ZoneInfo("Europe/Berlin"),
            currency="EUR", now=NOW,
        )  # fmt: skip
        return done.added, done.changed, done.quarters

    with plant.red.scope():
        assert load("2026-01-01T00:00+01:00,0.1\n2026-01-01T01:00+01:00,0.2\n") == (8, 0, 8)
        assert load("2026-01-01T00:00+01:00,0.1\n2026-01-01T01:00+01:00,0.3\n") == (0, 4, 8)
        assert load("2026-01-01T00:00+01:00,0.1\n2026-01-01T01:00+01:00,0.3\n") == (0, 0, 8)


def test_the_number_of_queries_does_not_grow_with_meters(bill: Bill) -> None:
    def count(meters: list[Meter]) -> int:
        with bill.plant.red.scope(), CaptureQueriesContext(connection) as queries:
            recalculate_costs(
                meters=meters, start=day("2026-01-01"), end=day("2026-01-05"), now=NOW
            )
        return len(queries)

    def more(number: int) -> list[Meter]:
        for _ in range(number):
            channel = bill.plant.channel()
            bill.plant.store(channel, bill.times[:400], [float(n) for n in range(400)])
            bill.plant.meter(channel)
        bill.plant.build()
        with bill.plant.red.scope():
            return list(Meter.objects.select_related("site").all())

    few = count(more(1))
    assert count(more(6)) == few
