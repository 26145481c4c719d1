"""Presence: tables of cases and the laws that hold for all of them."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.presence import Presence, offline_after_seconds, presence_of

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def seconds_ago(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else NOW - dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("interval", "limit"), [(1, 120), (10, 120), (60, 120), (61, 122), (900, 1800)]
)
def test_offline_limit_is_two_intervals_but_at_least_two_minutes(interval: int, limit: int) -> None:
    assert offline_after_seconds(interval) == limit


@pytest.mark.parametrize(
    ("interval", "silence", "expected"),
    [
        (60, None, Presence.SILENT),
        (60, 0, Presence.ONLINE),
        (60, 90, Presence.ONLINE),
        (60, 90.001, Presence.LATE),
        (60, 120, Presence.LATE),
        (60, 120.001, Presence.OFFLINE),
        (10, 45, Presence.ONLINE),
        (10, 46, Presence.LATE),
        (10, 121, Presence.OFFLINE),
        (900, 1350, Presence.ONLINE),
        (900, 1800, Presence.LATE),
        (900, 1801, Presence.OFFLINE),
        (60, -30, Presence.ONLINE),  # the device's clock runs ahead
    ],
)
def test_silence_decides_while_the_device_says_online(
    interval: int, silence: float | None, expected: Presence
) -> None:
    found = presence_of(
        now=NOW,
        last_seen_at=seconds_ago(silence),
        reported_status="online",
        reported_status_at=seconds_ago(silence),
        expected_interval_seconds=interval,
    )

    assert found == expected


@pytest.mark.parametrize(
    ("seen", "said", "expected"),
    [
        (5, 5, Presence.OFFLINE),
        (5, 3, Presence.OFFLINE),
        (5, None, Presence.OFFLINE),
        (3, 5, Presence.ONLINE),  # a reading arrived after the last will
        (100, 110, Presence.LATE),
        (None, 3, Presence.SILENT),
    ],
)
def test_last_will_counts_until_something_newer_is_seen(
    seen: float | None, said: float | None, expected: Presence
) -> None:
    found = presence_of(
        now=NOW,
        last_seen_at=seconds_ago(seen),
        reported_status="offline",
        reported_status_at=seconds_ago(said),
        expected_interval_seconds=60,
    )

    assert found == expected


@given(
    interval=st.integers(1, 100_000),
    silence=st.floats(0, 1e6),
    longer=st.floats(0, 1e6),
)
def test_longer_silence_never_makes_a_device_more_present(
    interval: int, silence: float, longer: float
) -> None:
    order = [Presence.ONLINE, Presence.LATE, Presence.OFFLINE]

    found = [
        presence_of(
            now=NOW,
            last_seen_at=seconds_ago(seconds),
            reported_status="unknown",
            expected_interval_seconds=interval,
        )
        for seconds in (silence, silence + longer)
    ]

    assert order.index(found[0]) <= order.index(found[1])
