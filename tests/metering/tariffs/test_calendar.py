import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from dateutil.easter import EASTER_ORTHODOX
from dateutil.easter import easter as known_easter

from metering.tariffs.calendar import day_types, easter, local_days, match_slots
from metering.tariffs.components import Calendar, DayType, Slot
from tests.metering.tariffs.quarters import BERLIN, ISTANBUL, LORD_HOWE, day, quarter

HOURS_OF_DAY = [
    (BERLIN, "2026-03-29", 23),
    (BERLIN, "2026-10-25", 25),
    (BERLIN, "2026-06-01", 24),
    (ISTANBUL, "2026-03-29", 24),
    (ISTANBUL, "2026-10-25", 24),
    (LORD_HOWE, "2026-04-05", 24.5),
    (LORD_HOWE, "2026-10-04", 23.5),
    (ZoneInfo("Asia/Kathmandu"), "2026-10-04", 24),
    (ZoneInfo("America/Santiago"), "2026-09-06", 23),  # the clock jumps at midnight
    (ZoneInfo("America/Santiago"), "2026-04-04", 25),
    (ZoneInfo("Pacific/Apia"), "2011-12-30", 0),  # the zone left this day out
]


@pytest.mark.parametrize(("zone", "text", "hours"), HOURS_OF_DAY)
def test_a_local_day_has_its_real_length(zone, text, hours):
    days = local_days(day(text), day(text) + dt.timedelta(days=1), zone)

    assert int(np.diff(days.edges)[0]) == hours * 4


@pytest.mark.parametrize(("zone", "text", "hours"), HOURS_OF_DAY)
def test_quarters_have_the_local_time_of_the_zone(zone, text, hours):
    start = day(text) - dt.timedelta(days=1)
    days = local_days(start, start + dt.timedelta(days=3), zone)
    numbers = np.arange(days.edges[0], days.edges[-1])

    located = days.locate(numbers)
    clock = days.clock(numbers, located)

    for number, index, at in zip(numbers.tolist(), located.tolist(), clock.tolist(), strict=True):
        local = dt.datetime.fromtimestamp(number * 900, tz=zone)
        assert (days.day(index), at) == (local.date(), local.hour * 4 + local.minute // 15)


def test_days_go_on_over_the_end_of_years():
    days = local_days(day("2025-12-30"), day("2028-01-02"), BERLIN)

    assert len(days) == 2 + 365 + 365 + 1
    assert days.edges[2] == quarter("2026-01-01")
    assert days.edges[-1] == quarter("2028-01-02")


def test_easter_is_when_the_churches_keep_it():
    years = range(1900, 2200)

    assert [easter(year) for year in years] == [known_easter(year) for year in years]
    assert [easter(year, "orthodox") for year in years] == [
        known_easter(year, EASTER_ORTHODOX) for year in years
    ]


CALENDAR = Calendar(
    holidays=(day("2026-05-14"),),
    yearly=("12-25",),
    easter=(-2, 1),
    day_types=(
        DayType(name="bridge", dates=(day("2026-05-15"),)),
        DayType(name="friday", weekdays=(5,)),
        DayType(name="eve", yearly=("12-24",), easter=(-1,)),
    ),
)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("2026-05-13", {"weekday"}),
        ("2026-05-14", {"holiday"}),
        ("2026-05-15", {"weekday", "bridge", "friday"}),
        ("2026-05-16", {"saturday"}),
        ("2026-05-17", {"sunday"}),
        ("2027-12-25", {"holiday"}),  # a Saturday
        ("2026-04-03", {"holiday", "friday"}),  # Good Friday
        ("2026-04-04", {"saturday", "eve"}),
        ("2026-04-06", {"holiday"}),
        ("2026-12-24", {"weekday", "eve"}),
    ],
)
def test_a_day_has_one_own_type_and_all_that_are_named(text, types):
    assert day_types(CALENDAR, day(text)) == types


def match_at(slots, moments):
    numbers = np.array(sorted(quarter(moment) for moment in moments))
    days = local_days(day(moments[0][:10]), day("2027-01-01"), BERLIN)
    return match_slots(
        slots, calendar=CALENDAR, days=days, numbers=numbers, located=days.locate(numbers)
    ).tolist()


def test_a_slot_over_midnight_is_both_ends_of_its_days():
    slots = [Slot(day_types=("saturday",), start="22:00", end="06:00")]
    moments = ["2026-05-15T23:00", "2026-05-16T05:45", "2026-05-16T06:00", "2026-05-16T21:45",
               "2026-05-16T22:00", "2026-05-17T00:00"]  # fmt: skip

    assert match_at(slots, moments) == [-1, 0, -1, -1, 0, -1]


def test_the_first_slot_that_fits_decides():
    slots = [Slot(months=(5,), start="12:00"), Slot(day_types=("weekday",)), Slot()]
    moments = ["2026-05-15T11:45", "2026-05-15T12:00", "2026-05-16T11:45", "2026-06-01T12:00"]

    assert match_at(slots, moments) == [1, 0, 2, 1]


def test_a_quarter_belongs_to_the_minute_at_which_it_begins():
    # Liberia kept 44:30 minutes behind until 1972: midnight is at 00:44:30 UTC
    zone = ZoneInfo("Africa/Monrovia")
    days = local_days(day("1971-06-01"), day("1971-06-02"), zone)
    numbers = np.arange(days.edges[0], days.edges[0] + 2)

    assert dt.datetime.fromtimestamp(int(days.edges[0]) * 900, zone).isoformat() == (
        "1971-06-01T00:00:30-00:44:30"
    )
    assert days.clock(numbers, days.locate(numbers)).tolist() == [0, 1]
