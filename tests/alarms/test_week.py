"""Parts of the week, also where clocks are changed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.rules.definition import Slot
from alarms.rules.week import Week

ZONES = ("UTC", "Europe/Berlin", "Europe/Istanbul", "Asia/Kolkata", "Australia/Lord_Howe",
         "America/New_York")  # fmt: skip
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
clocks = st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")
slots_of = st.lists(
    st.builds(
        Slot, days=st.sets(st.integers(1, 7)).map(lambda days: tuple(sorted(days))), start=clocks,
        end=clocks | st.just("24:00"),
    ).filter(lambda slot: slot.start != slot.end),
    max_size=3,
)  # fmt: skip
moments = st.integers(0, 365 * 86_400).map(
    lambda second: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=second)
)


def is_in(slots: list[Slot], local: dt.datetime) -> bool:
    """Read the clock on the wall: a slot that began yesterday may still go on."""
    clock = f"{local:%H:%M}"
    for slot in slots:
        days = slot.days or range(1, 8)
        today, yesterday = local.isoweekday() in days, (local.isoweekday() - 2) % 7 + 1 in days
        if slot.start < slot.end:
            if today and slot.start <= clock < slot.end:
                return True
        elif (today and clock >= slot.start) or (yesterday and clock < slot.end):
            return True
    return False


@given(slots_of, st.sampled_from(ZONES), st.lists(moments, min_size=1, max_size=20))
def test_agrees_with_the_clock_on_the_wall(
    slots: list[Slot], zone: str, times: list[dt.datetime]
) -> None:
    week = Week(slots, ZoneInfo(zone))
    micro = np.array([(at - EPOCH) // dt.timedelta(microseconds=1) for at in times])

    assert week.mask(micro).tolist() == [
        is_in(slots, at.astimezone(ZoneInfo(zone))) for at in times
    ]  # fmt: skip


@given(slots_of, st.sampled_from(ZONES), moments)
def test_the_next_change_is_one_and_the_first(
    slots: list[Slot], zone: str, moment: dt.datetime
) -> None:
    week = Week(slots, ZoneInfo(zone))
    change = week.next_change(moment)

    if change is None:
        assert len({week.holds(moment + dt.timedelta(hours=n)) for n in range(24 * 8)}) == 1
        return
    minute = dt.timedelta(minutes=1)
    assert moment < change
    assert week.holds(change) is not week.holds(moment)
    assert week.holds(change - minute) is week.holds(moment)


@pytest.mark.parametrize(
    ("at", "end"),
    [("2026-03-28T22:30", "2026-03-29T06:00"), ("2026-10-24T22:30", "2026-10-25T06:00")],
)  # fmt: skip
def test_a_night_ends_by_the_clock_also_when_it_is_changed(at: str, end: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = Week([Slot(start="22:00", end="06:00")], berlin)
    asked, expected = (dt.datetime.fromisoformat(text).replace(tzinfo=berlin) for text in (at, end))

    assert night.holds(asked)
    assert night.next_change(asked) == expected


def test_a_slot_without_end_has_none() -> None:
    always = Week([Slot()], ZoneInfo("UTC"))

    assert always.next_change(EPOCH) is None
