"""Ages are said in the largest whole unit."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils.translation import override

from reports.ages import describe_age, seconds_between


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "just now"),
        (12, "12 s ago"),
        (59.9, "59 s ago"),
        (61, "1 min ago"),
        (7_199, "1 h ago"),
        (200_000, "2 d ago"),
    ],
)
def test_describes_an_age(seconds: float, words: str) -> None:
    assert describe_age(seconds) == words


def test_speaks_turkish() -> None:
    with override("tr"):
        assert describe_age(130) == "2 dk önce"


def test_a_clock_that_runs_ahead_is_not_in_the_future(now: dt.datetime) -> None:
    assert seconds_between(now + dt.timedelta(minutes=5), now) == 0
