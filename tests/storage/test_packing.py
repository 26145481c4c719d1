"""Packed days give back each bit, and are small where data is regular."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.storage.packing import Unreadable, pack_day, unpack_day

DAY_US = 86_400_000_000
START = 1_795_132_800_000_000


def check(times, values, qualities) -> bytes:
    """Pack, unpack, compare the bits; return the bytes."""
    times = np.array(times, dtype=np.int64)
    values = np.array(values, dtype=np.float64)
    qualities = np.array(qualities, dtype=np.int16)
    data = pack_day(times, values, qualities)
    again = unpack_day(data)
    assert again[0].tolist() == times.tolist()
    assert again[1].view(np.uint64).tolist() == values.view(np.uint64).tolist()
    assert again[2].tolist() == qualities.tolist()
    assert [part.dtype for part in again] == [np.int64, np.float64, np.int16]
    return data


moments = st.sets(st.integers(0, DAY_US - 1), min_size=1, max_size=200).map(sorted)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.integers(-(10**15), 10**15).map(lambda n: n / 1000),
    st.integers(-(10**9), 10**9).map(lambda n: n * 0.001),
    st.integers(-5, 5).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7e308, 2.0**53, 2.0**53 + 2, -(2.0**63)]),
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_each_bit_comes_back(data):
    times = [START + moment for moment in data.draw(moments)]
    kind = data.draw(st.sampled_from([numbers, numbers.filter(lambda v: abs(v) < 1e6)]))
    values = data.draw(st.lists(kind, min_size=len(times), max_size=len(times)))
    qualities = data.draw(
        st.lists(st.integers(0, 5), min_size=len(times), max_size=len(times))
    )  # fmt: skip
    check(times, values, qualities)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 9),
    st.sampled_from(["divide", "multiply"]),
    st.lists(st.integers(-(2**52), 2**52), min_size=1, max_size=100),
)
def test_scaled_numbers_come_back(decimals, way, found):
    factor = 10.0**decimals
    values = [n / factor if way == "divide" else n * 10.0**-decimals for n in found]
    check(range(START, START + len(values)), values, [0] * len(values))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.0, 1 / 3])
def test_single_samples(value):
    check([START], [value], [2])


def regular(jitter_us: int = 0) -> np.ndarray:
    chance = np.random.default_rng(1)
    times = START + np.arange(8640) * 10_000_000
    return times + (chance.integers(0, jitter_us, 8640) if jitter_us else 0)


@pytest.mark.parametrize(
    ("name", "most", "make"),
    [
        ("power of a house", 2.0, lambda r: np.rint(np.cumsum(r.normal(0, 8, 8640)) + 900) / 1000),
        ("voltage", 1.5, lambda r: np.rint(2300 + r.normal(0, 6, 8640)) / 10),
        ("counter", 1.5, lambda r: np.rint(1e8 + np.cumsum(r.integers(0, 9, 8640))) / 1000),
        ("watts by a factor", 2.0, lambda r: np.rint(500 + r.normal(0, 50, 8640)) * 0.001),
        ("state", 0.1, lambda r: np.repeat(r.integers(0, 2, 90), 96).astype(float)),
    ],
)  # fmt: skip
def test_regular_days_take_two_bytes_a_point(name, most, make):
    values = make(np.random.default_rng(5))
    size = len(check(regular(), values, np.zeros(8640))) / 8640
    assert size <= most, f"{name}: {size:.2f} bytes a point"


def test_times_that_tremble_by_milliseconds():
    times = regular() + np.random.default_rng(2).integers(0, 20, 8640) * 1000
    data = check(times, np.full(8640, 1.5), np.zeros(8640))
    assert len(data) / 8640 < 1.2


def test_bytes_of_others_are_refused():
    data = check([START, START + 1], [1.0, 2.0], [0, 0])
    for broken in (b"", data[:-1], b"\x09" + data[1:], data[:-6] + b"broken"):
        with pytest.raises(Unreadable):
            unpack_day(broken)
    shorter = data[: struct.calcsize("<BBBBBBBxIIqq")] + zlib.compress(b"abc")
    with pytest.raises(Unreadable):
        unpack_day(shorter)
