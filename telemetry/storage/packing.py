"""A day of samples as bytes, and back again bit by bit.

Times and values become integers where that loses nothing: times in the largest unit that
divides them all, values with the smallest number of decimals that gives back each of
them exactly. Of integers the differences are kept, or the differences of those, whichever
are smaller: regular times and steady counters are nearly all zeros. Bytes of equal weight
stand together (shuffled), which is what zlib likes. Values that no scale fits stay floats.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
LEVEL = 6
MAX_DECIMALS = 9
# beyond this integers and floats no longer correspond one to one
_EXACT = 2.0**53
_PROBE = 32  # values that most scales fail at, so the rest need not be tried

RAW, DIVIDED, MULTIPLIED = 0, 1, 2

# version, way of the values, decimals, order and width of the values, of the times,
# number of samples and of runs of quality, first time, unit of the times (µs)
_HEADER = struct.Struct("<BBBBBBBxIIqq")
_RUN = np.dtype([("length", "<u4"), ("quality", "<i2")])

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Qualities = NDArray[np.int16]


class Unreadable(ValueError):
    """Bytes that `pack_day` of this version did not write."""


def pack_day(times: Times, values: Values, qualities: Qualities) -> bytes:
    """Return the bytes of samples, at least one, by rising time (µs)."""
    first = int(times[0])
    unit = int(np.gcd.reduce(times - first)) or 1
    time_order, steps = _differ((times - first) // unit)
    time_width, time_bytes = _shuffle(steps)
    way, decimals, numbers = _scale(values)
    value_order, value_steps = (0, numbers) if way == RAW else _differ(numbers)
    value_width, value_bytes = _shuffle(value_steps)
    runs = _runs(qualities)
    header = _HEADER.pack(
        VERSION, way, decimals, value_order, value_width, time_order, time_width,
        len(times), len(runs), first, unit,
    )  # fmt: skip
    return header + zlib.compress(time_bytes + value_bytes + runs.tobytes(), LEVEL)


def unpack_day(data: bytes) -> tuple[Times, Values, Qualities]:
    """Return the times, values and qualities.

    Raises:
        Unreadable
    """
    try:
        header = _HEADER.unpack_from(data)
        body = zlib.decompress(memoryview(data)[_HEADER.size :])
    except (struct.error, zlib.error) as error:
        raise Unreadable(str(error)) from error
    version, way, decimals, value_order, value_width, time_order, time_width = header[:7]
    count, run_count, first, unit = header[7:]
    if version != VERSION:
        raise Unreadable(f"version {version}")
    middle = count * time_width
    end = middle + count * value_width
    if len(body) != end + run_count * _RUN.itemsize:
        raise Unreadable("the lengths do not add up")
    times = _sum_up(_unshuffle(body[:middle], time_width, count), time_order) * unit + first
    numbers = _unshuffle(body[middle:end], value_width, count)
    values = _unscale(numbers if way == RAW else _sum_up(numbers, value_order), way, decimals)
    runs = np.frombuffer(body, dtype=_RUN, offset=end)
    return times, values, np.repeat(runs["quality"], runs["length"]).astype(np.int16)


def _scale(values: Values) -> tuple[int, int, NDArray[Any]]:
    """Return the way, the decimals and the integers that give the values back."""
    probe = values[:_PROBE]
    with np.errstate(invalid="ignore", over="ignore"):
        for decimals in range(MAX_DECIMALS + 1):
            for way in (DIVIDED, MULTIPLIED):
                if _fits(probe, way, decimals) and _fits(values, way, decimals):
                    return way, decimals, np.rint(values * 10.0**decimals).astype(np.int64)
    return RAW, 0, values.view(np.uint64)


def _fits(values: Values, way: int, decimals: int) -> bool:
    numbers = np.rint(values * 10.0**decimals)
    if not (np.abs(numbers) < _EXACT).all():
        return False
    # bit by bit: minus zero is not zero
    again = _unscale(numbers.astype(np.int64), way, decimals)
    return bool(np.array_equal(again.view(np.uint64), values.view(np.uint64)))


def _unscale(numbers: NDArray[Any], way: int, decimals: int) -> Values:
    if way == RAW:
        return numbers.view(np.float64)
    if way == DIVIDED:
        return numbers / 10.0**decimals
    return numbers * 10.0**-decimals


def _differ(numbers: NDArray[np.int64]) -> tuple[int, NDArray[np.uint64]]:
    """Return how often differences were taken (0 to 2), and these, non-negative."""
    found = []
    for _order in range(3):
        found.append(_zigzag(numbers))
        numbers = np.diff(numbers, prepend=np.int64(0))
    costs = [float(np.log2(steps.astype(np.float64) + 1).sum()) for steps in found]
    order = int(np.argmin(costs))
    return order, found[order]


def _sum_up(steps: NDArray[np.uint64], order: int) -> NDArray[np.int64]:
    numbers = (steps >> np.uint64(1)).astype(np.int64) ^ -(steps & np.uint64(1)).astype(np.int64)
    for _ in range(order):
        numbers = np.cumsum(numbers)
    return numbers


def _zigzag(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Map 0, -1, 1, -2 … to 0, 1, 2, 3 …, so that small numbers have few bytes."""
    return ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)


def _shuffle(numbers: NDArray[np.uint64]) -> tuple[int, bytes]:
    """Return how many bytes a number needs, and first all lowest bytes, then the next."""
    width = (int(numbers.max()).bit_length() + 7) // 8
    columns = numbers.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)[:, :width]
    return width, columns.T.tobytes()


def _unshuffle(data: bytes, width: int, count: int) -> NDArray[np.uint64]:
    columns = np.zeros((count, 8), dtype=np.uint8)
    columns[:, :width] = np.frombuffer(data, dtype=np.uint8).reshape(width, count).T
    return columns.view("<u8").reshape(-1)


def _runs(qualities: Qualities) -> NDArray[np.void]:
    starts = np.flatnonzero(np.concatenate(([True], qualities[1:] != qualities[:-1])))
    runs = np.empty(len(starts), dtype=_RUN)
    runs["length"] = np.diff(np.append(starts, len(qualities)))
    runs["quality"] = qualities[starts]
    return runs
