"""When people are told, and how often."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from alarms.notify.escalation import wait
from alarms.notify.gathering import Note, Pace, plan_messages
from alarms.rules.definition import Slot
from alarms.rules.week import Week

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Week([Slot(start="22:00", end="06:00")], BERLIN)
STEPS = (dt.timedelta(), HOUR, 3 * HOUR)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_at_night_the_clock_of_an_escalation_stands_still() -> None:
    def due(raised: str, quiet: Week | None = NIGHT) -> list[dt.datetime | None]:
        return [wait(at(raised), after, quiet) for after in STEPS]

    assert due("2026-11-20T21:30") == [
        at("2026-11-20T21:30"), at("2026-11-21T06:30"), at("2026-11-21T08:30"),
    ]  # fmt: skip
    assert due("2026-11-21T03:00") == [
        at("2026-11-21T06:00"), at("2026-11-21T07:00"), at("2026-11-21T09:00"),
    ]  # fmt: skip
    assert due("2026-11-21T03:00", None)[0] == at("2026-11-21T03:00")


def test_who_is_never_to_be_told_is_not() -> None:
    always = Week([Slot()], BERLIN)
    assert [wait(at("2026-11-20T10:00"), after, always) for after in STEPS] == [None] * 3


@given(st.integers(0, 366 * 1440), st.integers(0, 3000))
def test_what_is_waited_is_as_long_as_asked_without_the_quiet(start: int, length: int) -> None:
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + start * MINUTE

    end = wait(begin, length * MINUTE, NIGHT)

    assert end is not None and not NIGHT.holds(end)
    passed = round((end - begin) / MINUTE)
    loud = sum(not NIGHT.holds(begin + n * MINUTE) for n in range(passed))
    assert loud == length


@given(
    st.lists(st.integers(0, 300), max_size=40), st.integers(0, 20), st.integers(1, 5),
    st.lists(st.integers(-120, 0), max_size=4),
)  # fmt: skip
def test_messages_keep_the_pace_and_lose_nothing(
    minutes: list[int], gather: int, most: int, before: list[int]
) -> None:
    begin = at("2026-11-20T10:00")
    notes = [Note(f"{number}", begin + minute * MINUTE) for number, minute in enumerate(minutes)]
    sent = [begin + minute * MINUTE for minute in before][:most]
    pace = Pace(gather * MINUTE, most, HOUR)

    messages = plan_messages(notes, pace, sent=sent)

    told = [note.key for message in messages for note in message.notes]
    assert sorted(told) == sorted(note.key for note in notes)
    assert all(note.at <= message.at for message in messages for note in message.notes)
    times = sorted([*sent, *(message.at for message in messages)])
    for early, late in zip(times, times[most:], strict=False):
        assert late - early >= HOUR
    for message in messages:  # nothing waits longer than it must
        first = message.notes[0].at + pace.gather
        others = [time for time in times if time < message.at][-most:]
        allowed = others[0] + HOUR if len(others) == most else first
        assert message.at in (first, allowed)
