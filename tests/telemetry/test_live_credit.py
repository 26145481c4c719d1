"""The credit window and the token bucket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.live.credit import CreditWindow, UnsentFrame
from telemetry.live.limits import UNACKED_BYTES, TokenBucket


def test_64_frames_may_be_unacknowledged():
    window = CreditWindow()

    numbers = [window.take(10, now=0.0) for _ in range(64)]

    assert numbers == list(range(1, 65))
    assert not window.is_open()


def test_an_acknowledgement_opens_the_window_again():
    window = CreditWindow()
    for _ in range(64):
        window.take(10, now=0.0)

    assert window.acknowledge(1, now=1.0)

    assert window.is_open()
    assert window.owed == 63


def test_large_frames_close_the_window_by_bytes():
    window = CreditWindow()

    window.take(UNACKED_BYTES, now=0.0)

    assert not window.is_open()
    window.acknowledge(1, now=0.0)
    assert window.is_open()


def test_an_acknowledgement_of_old_frames_is_no_news():
    window = CreditWindow()
    window.take(10, now=0.0)
    window.acknowledge(1, now=1.0)

    assert not window.acknowledge(1, now=2.0)


def test_a_frame_that_was_not_sent_cannot_be_acknowledged():
    window = CreditWindow()
    window.take(10, now=0.0)

    with pytest.raises(UnsentFrame):
        window.acknowledge(2, now=1.0)


@pytest.mark.parametrize(
    ("acknowledged_at", "asked_at", "overdue"),
    [
        (None, 28.0, False),
        (None, 28.1, True),
        (20.0, 47.9, False),
        (20.0, 48.1, True),
    ],
)
def test_28_seconds_without_progress_are_overdue(acknowledged_at, asked_at, overdue):
    window = CreditWindow()
    window.take(10, now=0.0)
    window.take(10, now=0.0)
    if acknowledged_at is not None:
        window.acknowledge(1, now=acknowledged_at)

    assert window.is_overdue(asked_at) is overdue


def test_nothing_owed_is_never_overdue():
    window = CreditWindow()
    window.take(10, now=0.0)
    window.acknowledge(1, now=1.0)

    assert not window.is_overdue(1000.0)


def test_the_time_runs_from_the_first_frame_that_is_owed():
    window = CreditWindow()
    window.take(10, now=0.0)
    window.acknowledge(1, now=1.0)
    window.take(10, now=100.0)

    assert not window.is_overdue(120.0)


@given(st.lists(st.one_of(st.integers(1, 100_000), st.none()), max_size=200))
def test_what_is_owed_never_exceeds_the_window(steps):
    """Numbers are sizes of frames, None acknowledges everything sent."""
    window = CreditWindow(max_frames=8, max_bytes=200_000)
    sizes: list[int] = []
    for step in steps:
        if step is None:
            window.acknowledge(window.sent, now=0.0)
            sizes = []
        elif window.is_open():
            window.take(step, now=0.0)
            sizes.append(step)

    assert window.owed == len(sizes) <= 8
    assert sum(sizes[:-1]) < 200_000


class TestTokenBucket:
    def test_allows_a_burst_and_then_the_rate(self):
        bucket = TokenBucket(rate=10, burst=10, now=0.0)

        assert [bucket.take(0.0) for _ in range(11)] == [True] * 10 + [False]
        assert bucket.take(0.1)
        assert not bucket.take(0.1)

    def test_tells_how_long_to_wait(self):
        bucket = TokenBucket(rate=10, burst=1, now=0.0)
        bucket.take(0.0)

        assert bucket.wait_seconds(0.04) == pytest.approx(0.06, abs=0.001)

    @given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
    def test_never_lets_more_through_than_burst_and_rate(self, gaps):
        bucket = TokenBucket(rate=10, burst=5, now=0.0)
        now, taken = 0.0, 0
        for gap in gaps:
            now += gap
            taken += bucket.take(now)

        assert taken <= 5 + now * 10 + 0.001
