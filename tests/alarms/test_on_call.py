"""Who is on call."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.notify.on_call import Rota, StandIn, who_is_on_call

BERLIN = ZoneInfo("Europe/Berlin")
ROTA = Rota(("ada", "ben", "cem"), dt.date(2026, 10, 19), BERLIN)  # a Monday


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "person"),
    [("2026-10-19T07:59", None), ("2026-10-19T08:00", "ada"), ("2026-10-26T07:59", "ada"),
     ("2026-10-26T08:00", "ben"), ("2026-11-09T07:59", "cem"), ("2026-11-09T08:00", "ada")],
)  # fmt: skip
def test_turns_change_by_the_clock_on_the_wall(moment: str, person: str | None) -> None:
    assert who_is_on_call(ROTA, at(moment)) == person  # clocks change on 25 October


@given(st.integers(0, 400 * 24), st.integers(1, 10), st.integers(0, 23))
def test_somebody_is_always_on_call_for_a_whole_turn(hours: int, days: int, hour: int) -> None:
    rota = replace(ROTA, days=days, handover=dt.time(hour))
    begin = dt.datetime.combine(rota.first, rota.handover, BERLIN)
    moment = (begin.astimezone(dt.UTC) + dt.timedelta(hours=hours)).astimezone(BERLIN)

    turn = ((moment.date() - rota.first).days - (moment.time() < rota.handover)) // days
    assert who_is_on_call(rota, moment) == rota.people[turn % 3]


def test_who_stands_in_goes_before_the_turn() -> None:
    stand_ins = (
        StandIn(at("2026-10-20T00:00"), at("2026-10-22T00:00"), "ben"),
        StandIn(at("2026-10-21T00:00"), at("2026-10-21T12:00"), None),
    )
    rota = replace(ROTA, stand_ins=stand_ins)

    said = [who_is_on_call(rota, at(f"2026-10-{day}")) for day in (
        "19T12:00", "20T12:00", "21T11:59", "21T12:00", "22T00:00")]  # fmt: skip
    assert said == ["ada", "ben", None, "ben", "ada"]
