"""Versions, waves and halts, without a database."""

import pytest

from devices.firmware.rollout import (
    BadWaves,
    WaveCount,
    find_halt,
    is_wave_over,
    plan_waves,
)
from devices.firmware.versions import BadVersion, is_same, order_of, read_reported


def test_versions_have_an_order():
    rising = ["0.9", "1.0-alpha", "1.0-rc.1", "1.0-rc.2", "1.0-rc.10", "1.0", "1.0.1", "1.2",
              "1.10", "2.0.0.1"]  # fmt: skip
    assert sorted(reversed(rising), key=order_of) == rising
    assert order_of("1.0") == order_of("1.0.0.0")


@pytest.mark.parametrize(
    "text",
    ["", "1", "v1.0", "1.0.0.0.0", "1..0", "1.0-", "1.0-RC", "1.0 ", "1.0\n", "../1.0", "1.0+b",
     "1234567.0", "1.0-a.b.c.d.e", "١.٠"],
)  # fmt: skip
def test_what_is_no_version(text):
    with pytest.raises(BadVersion):
        order_of(text)


def test_what_devices_say_is_read_kindly():
    assert is_same("v2.4.1+g1a2b3c4", "2.4.1")
    assert is_same(" 2.4.1 ", "2.4.1")
    assert not is_same("2.4.1-rc.1", "2.4.1")
    assert read_reported("factory") is None


@pytest.mark.parametrize(
    ("total", "canary", "sizes", "expected"),
    [(100, "2", ["10%", "50%"], [2, 10, 50, 38]), (3, "5", [], [3]), (10, "1", [], [1, 9]),
     (10, "10%", ["100%"], [1, 9]), (1, "1", ["5", "5"], [1]), (0, "1", [], []),
     (7, "1%", ["3"], [1, 3, 3])],
)  # fmt: skip
def test_sizes_of_waves(total, canary, sizes, expected):
    assert plan_waves(total, canary=canary, sizes=sizes) == expected


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "1.5", "", "many", "1 0"])
def test_sizes_that_mean_nothing(text):
    with pytest.raises(BadWaves):
        plan_waves(10, canary=text, sizes=[])


def test_too_many_waves():
    with pytest.raises(BadWaves):
        plan_waves(100, canary="1", sizes=["1"] * 20)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (WaveCount(0, done=1, away=1), True),
        (WaveCount(0, away=2), False),  # nothing is known yet
        (WaveCount(0, done=1, active=1), False),
        (WaveCount(0, done=1, waiting=1), False),
        (WaveCount(0, skipped=2), True),
        (WaveCount(1, away=5), True),
        (WaveCount(1, failed=1, done=4), True),
    ],
)
def test_when_a_wave_is_over(count, expected):
    assert is_wave_over(count) is expected


@pytest.mark.parametrize(
    ("counts", "wave", "forgiven", "expected"),
    [
        ([WaveCount(0, failed=1, done=3)], 0, 0, None),
        ([WaveCount(0, failed=2, done=3)], 0, 0, "canary_failures"),
        ([WaveCount(0, failed=1, troubled=1, waiting=1)], 0, 0, "canary_failures"),
        ([WaveCount(0, failed=2, done=3)], 0, 2, None),
        ([WaveCount(0, failed=1)], 0, 0, "canary_failed"),
        ([WaveCount(0, failed=1)], 0, 1, None),
        ([WaveCount(0, done=2), WaveCount(1, done=1, failed=1)], 1, 0, None),  # too few to tell
        ([WaveCount(0, done=2), WaveCount(1, done=7, failed=1)], 1, 0, "failure_rate"),
        ([WaveCount(0, done=2), WaveCount(1, done=8, failed=1)], 1, 0, None),
        ([WaveCount(0, done=2), WaveCount(1, done=7, failed=1)], 1, 1, None),
    ],
)
def test_when_a_campaign_halts(counts, wave, forgiven, expected):
    found = find_halt(counts, current_wave=wave, halt_percent=10, forgiven=forgiven)
    assert (found.code if found else None) == expected
