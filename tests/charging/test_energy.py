"""The energy of sessions: exact sums whatever the moments at which the meter was read."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charging.energy import Measured, Span, estimate_kwh, measure, steps_of
from metering.ledger.kinds import Limits, Steps

SECOND = 1_000_000
LIMITS = Limits(rate=3 * 22 * 1_000_000 / 3600)
SILENCE = 900 * SECOND


def steps(*samples: tuple[float, float], limits: Limits = LIMITS) -> Steps:
    """Return the steps of (second, kWh)."""
    times = np.array([round(second * SECOND) for second, _kwh in samples], dtype=np.int64)
    values = np.array([round(kwh * 1_000_000) for _second, kwh in samples], dtype=np.int64)
    return steps_of(times, values, limits)


def span(begin: float, end: float) -> Span:
    return round(begin * SECOND), round(end * SECOND)


def energy(found: Measured | None) -> float:
    assert found is not None
    return float(found.energy)


def test_it_is_the_difference_of_the_register() -> None:
    found = measure(
        steps((0, 100), (60, 100), (120, 100.5), (180, 101), (240, 101)), span(60, 180),
        silence_us=SILENCE,
    )  # fmt: skip

    assert found == Measured(
        Decimal("100.000000"), Decimal("101.000000"), Decimal("1.000000"), 180 * SECOND, True,
        False,
    )  # fmt: skip


def test_what_flowed_around_the_edges_is_not_lost() -> None:
    """It charged within 30–90 s; the meter was read at 0, 60 and 120 s."""
    found = measure(steps((0, 100), (60, 100.2), (120, 100.4)), span(30, 90), silence_us=SILENCE)

    assert energy(found) == 0.4


def test_two_sessions_between_two_readings_share_by_their_time() -> None:
    data = steps((0, 100), (600, 103))
    first, second = span(0, 100), span(300, 500)

    parts = [
        measure(data, first, [second], silence_us=SILENCE),
        measure(data, second, [first], silence_us=SILENCE),
    ]

    assert [energy(part) for part in parts] == [1, 2]


def test_it_is_complete_only_with_a_reading_after_the_end() -> None:
    data = steps((0, 100), (60, 100.2))

    early = measure(data, span(0, 90), silence_us=SILENCE)
    full = measure(steps((0, 100), (60, 100.2), (120, 100.3)), span(0, 90), silence_us=SILENCE)

    assert early is not None and not early.is_complete
    assert full is not None and full.is_complete


def test_a_long_silence_within_is_not_complete() -> None:
    data = steps((0, 100), (10, 100.01), (2000, 102), (2010, 102.01))

    found = measure(data, span(5, 2005), silence_us=SILENCE)

    assert found is not None and not found.is_complete
    assert energy(found) == pytest.approx(2.01)


def test_a_reset_within_is_bridged_and_told() -> None:
    data = steps((0, 100), (60, 100.2), (120, 0.1), (180, 0.3), (240, 0.5))

    found = measure(data, span(0, 240), silence_us=SILENCE)

    assert found is not None and found.is_guessed
    assert energy(found) == pytest.approx(0.7)


def test_a_rollover_within_loses_nothing() -> None:
    limits = Limits(rate=LIMITS.rate, modulus=100 * 1_000_000)
    data = steps((0, 99.8), (60, 99.9), (120, 0.1), (180, 0.3), (240, 0.5), limits=limits)

    found = measure(data, span(0, 240), silence_us=SILENCE)

    assert energy(found) == pytest.approx(0.7)


def test_nothing_is_known_without_readings() -> None:
    assert measure(steps(), span(0, 60), silence_us=SILENCE) is None
    assert measure(steps((0, 1), (10, 1)), span(20, 60), silence_us=SILENCE) is None


def test_an_estimate_is_limit_times_phases_times_voltage_times_time() -> None:
    assert estimate_kwh(amps=16, phases=3, volts=230, seconds=1800) == Decimal("5.520000")
    assert estimate_kwh(amps=16, phases=3, volts=230, seconds=-1) == 0


@st.composite
def days(draw: st.DrawFn) -> tuple[Steps, list[Span], int]:
    """Readings at odd moments, and sessions that charge one after the other."""
    edges = sorted(draw(st.lists(st.integers(0, 7200), min_size=2, max_size=12, unique=True)))
    spans = [span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    read = sorted(draw(st.sets(st.integers(1, 7199), max_size=40)) | {0, 7200})
    rates = draw(st.lists(st.integers(0, 6000), min_size=len(spans), max_size=len(spans)))

    def register(second: int) -> int:
        at = second * SECOND
        return 5_000_000 + sum(
            rate * max(0, min(at, end) - begin) // SECOND
            for (begin, end), rate in zip(spans, rates, strict=True)
        )

    times = np.array([second * SECOND for second in read], dtype=np.int64)
    values = np.array([register(second) for second in read], dtype=np.int64)
    return steps_of(times, values, LIMITS), spans, register(7200) - register(0)


@settings(max_examples=300, deadline=None)
@given(days())
def test_sessions_add_up_to_the_register(day: tuple[Steps, list[Span], int]) -> None:
    data, spans, whole = day

    found = [
        measure(data, one, [other for other in spans if other != one], silence_us=10**12)
        for one in spans
    ]

    assert sum(part.energy for part in found if part is not None) * 1_000_000 == whole
    assert all(part is not None and part.energy >= 0 for part in found)
    assert all(
        part is not None and part.register_end - part.register_start == part.energy
        for part in found
    )
