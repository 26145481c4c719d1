"""What the quarters of a day tell about it. No database."""

import numpy as np
import pytest

from telemetry.storage.batches import ROLLUP_DTYPE
from telemetry.truth.findings import DayFacts, judge_day
from telemetry.truth.lateness import CLASSES, EDGES, classes_of, percentile

DAY = 1_763_596_800.0  # 2025-11-20, UTC
INTERVAL = 60.0


def quarters(number=96, **columns):
    """Return quarters with 15 values a minute apart that rise from 5.0 to 5.5."""
    rows = np.zeros(number, dtype=ROLLUP_DTYPE)
    start = DAY * 1e6 + np.arange(number) * 900e6
    rows["start"] = rows["first_time"] = start
    rows["last_time"] = start + 840e6
    rows["count"] = rows["good"] = 15
    rows["first"] = rows["minimum"] = 5.0
    rows["last"] = rows["maximum"] = 5.5
    for name, value in columns.items():
        rows[name] = value
    rows["sum"] = columns.get("sum", rows["count"] * (rows["first"] + rows["last"]) / 2)
    return rows


def judge(rows, **facts):
    given = {"kind": "gauge", "direction": "none", "start": DAY, "end": DAY + 86_400,
             "interval": INTERVAL} | facts  # fmt: skip
    return judge_day(rows, DayFacts(**given))


def test_a_whole_day_is_good():
    figures = judge(quarters())

    assert (figures.expected, figures.received, figures.completeness) == (1440, 1440, 1.0)
    assert (figures.gaps, figures.findings, figures.grade) == (0, [], "good")
    assert figures.mean == pytest.approx(5.25)
    assert figures.noise == 0.5


@pytest.mark.parametrize(("hours", "expected"), [(23, 1380), (25, 1500)])
def test_days_of_clock_changes_have_their_own_length(hours, expected):
    figures = judge(quarters(hours * 4), end=DAY + hours * 3600)

    assert (figures.expected, figures.completeness) == (expected, 1.0)


def test_a_hole_is_a_gap_and_a_burst_does_not_fill_it():
    rows = np.delete(quarters(), slice(40, 48))
    rows["count"][39] = 15 + 8 * 15

    figures = judge(rows)

    assert figures.completeness == pytest.approx(88 / 96)
    assert (figures.gaps, figures.longest_gap_seconds) == (1, 8 * 900 + 60)
    assert (figures.findings, figures.grade) == (["gaps"], "fair")


def test_half_a_day_is_poor():
    assert judge(quarters(48)).grade == "poor"


def test_sparse_channels_are_whole_with_what_they_owe():
    rows = quarters(24, count=1, good=1)
    rows["first_time"] = rows["last_time"] = DAY * 1e6 + np.arange(24) * 3600e6

    assert judge(rows, interval=3600.0).completeness == 1.0


def test_history_keeps_its_own_rhythm():
    figures = judge(quarters(), interval=10.0, is_history=True)

    assert (figures.expected, figures.completeness, figures.gaps) == (1440, 1.0, 0)
    assert figures.grade == "good"
    assert judge(quarters(), interval=10.0).grade == "poor"


def test_a_hole_in_history_is_one():
    figures = judge(np.delete(quarters(), slice(40, 60)), interval=10.0, is_history=True)

    assert figures.completeness == pytest.approx(76 / 96)
    assert (figures.gaps, figures.grade) == (1, "poor")


def test_history_may_be_denser_than_what_is_expected():
    assert judge(quarters(), interval=900.0, is_history=True).expected == 96


def test_what_was_before_the_beginning_does_not_count():
    rows = quarters()
    rows["count"][48:] = rows["good"][48:] = 90
    rows["last_time"][48:] += 50_000_000

    figures = judge(rows, interval=10.0, start=DAY + 43_200)

    assert (figures.expected, figures.completeness, figures.gaps) == (4320, 1.0, 0)
    assert figures.received == 48 * 15 + 48 * 90


@pytest.mark.parametrize("first", [1_120_990_773_361_210, 2_236_789_655_490_433])
def test_the_first_value_ever_counts(first):
    rows = quarters(1, count=1, good=1)
    rows["first_time"] = rows["last_time"] = first
    start = float(rows["first_time"][0]) / 1e6
    assert start * 1e6 > first, "as a float it is later"

    assert judge(rows, interval=900.0, start=start, end=start + 900).completeness == 1.0


def test_states_owe_nothing():
    figures = judge(quarters(1), kind="state")

    assert (figures.expected, figures.completeness, figures.gaps) == (None, None, 0)
    assert figures.grade == "good"


def test_a_day_without_anything_is_unknown():
    assert judge(quarters(0), start=DAY, end=DAY).grade == "unknown"


def test_a_value_that_stays_is_stuck_unless_it_is_nothing():
    same = {name: 21.5 for name in ("first", "last", "minimum", "maximum")}
    stuck = judge(quarters(**same), stuck_after=3600)
    assert stuck.stuck_seconds == 95 * 900 + 840
    assert stuck.findings == ["stuck"]

    assert judge(quarters(**same)).findings == []
    nothing = {name: 0.0 for name in same}
    assert judge(quarters(**nothing), stuck_after=3600).stuck_seconds == 0


@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_a_thousandfold_mean_is_suspicious(factor):
    figures = judge(quarters(), former_means=(5.25 / factor,) * 4)

    assert figures.findings == ["scale"]
    assert figures.grade == "poor"


@pytest.mark.parametrize("former", [(5.0,) * 14, (5250.0,) * 2, (50.0,) * 4, (0.0,) * 4])
def test_other_means_are_not(former):
    assert judge(quarters(), former_means=former).findings == []


def test_import_below_zero_is_inverted():
    figures = judge(quarters(minimum=-4.0), direction="import")

    assert (figures.findings, figures.grade) == (["sign"], "poor")
    assert judge(quarters(minimum=-4.0), direction="net").findings == []


def test_a_counter_that_counts_backwards_is_inverted_one_fall_is_a_reset():
    level = np.arange(96) * 1.0
    down = quarters(first=100 - level, last=99.5 - level)
    assert judge(down, kind="total_increasing").findings == ["sign", "resets"]

    up = quarters(first=level, last=level + 0.5)
    up["first"][50:] -= 50
    up["last"][50:] -= 50
    once = judge(up, kind="total_increasing")
    assert (once.falls, once.findings, once.grade) == (1, ["resets"], "fair")
    assert judge(up, kind="total").falls == 0


def test_clocks_that_are_ahead_or_drift_and_late_values_are_told():
    assert judge(quarters(), clock_offset=-30.0).findings == ["clock"]
    assert judge(quarters(), clock_offset=9.0, former_offset=1.0).findings == ["drift"]
    assert judge(quarters(), lateness_p95=4000.0).findings == ["late"]
    assert judge(quarters(), clock_offset=0.4, former_offset=0.2, lateness_p95=3.0).findings == []


def test_lateness_is_told_from_few_numbers():
    assert classes_of(np.array([-5.0, 0.5, 1.5, 7200.0, 1e9])).tolist() == [0, 0, 1, 10, 13]
    assert CLASSES == len(EDGES) + 1 == 14
    assert percentile([0] * CLASSES, 0.95) is None
    assert percentile([90, 5, 0, 5], 0.5) == pytest.approx(0.5556, abs=0.001)
    assert percentile([0] * 13 + [3], 0.95) == EDGES[-1]


def test_a_day_that_was_backfilled_says_nothing_of_the_clock():
    """Its smallest lateness is that of the backfill: 16 h once looked like a moved clock."""
    found = judge(quarters(), clock_offset=0.4, former_offset=57_600.0)

    assert (found.clock_drift, found.findings) == (None, [])
