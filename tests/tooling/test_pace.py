"""What is promised in seconds holds for an idle machine, and scales with a slower one."""

from __future__ import annotations

import pytest

from tests import pace
from tests.pace import MOST, REFERENCE_SECONDS, assert_within, slowness


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_slowest", 0.0)


def probe_takes(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
    answers = iter(seconds)
    monkeypatch.setattr(pace, "_probe", lambda: next(answers))


def test_a_bar_that_is_met_costs_no_measurement(monkeypatch):
    probe_takes(monkeypatch)

    assert_within(3.0, 3.0)


@pytest.mark.parametrize(
    ("probe", "expected"),
    [(0.5, 1.0), (1.0, 1.0), (2.5, 2.5), (100.0, MOST)],
    ids=["faster", "as fast", "slower", "hopeless"],
)
def test_the_slowest_of_three_counts_and_a_bar_never_shrinks(monkeypatch, probe, expected):
    probe_takes(monkeypatch, 0.0, probe * REFERENCE_SECONDS, 0.0)

    assert slowness() == pytest.approx(expected)


def test_a_slow_machine_gets_longer_and_not_for_ever(monkeypatch):
    probe_takes(monkeypatch, *[2 * REFERENCE_SECONDS] * 6)

    assert_within(5.9, 3.0)
    with pytest.raises(AssertionError, match=r"6\.10 s; 3 s on the reference, 6\.00 s on this"):
        assert_within(6.1, 3.0)


def test_a_load_that_is_gone_is_remembered(monkeypatch):
    probe_takes(monkeypatch, *[3 * REFERENCE_SECONDS] * 3, *[REFERENCE_SECONDS] * 3)

    assert slowness() == slowness() == pytest.approx(3)


def test_the_probe_measures_a_start_of_python():
    assert pace._probe() > 0.05
