"""Numbers by which devices count their readings: `boot` and `seq` in the payload.

`boot` grows with each restart of the device, `seq` counts from 1 within it. Nothing here reads
the database.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from psycopg.types.multirange import Multirange

MAX_NUMBER = 2**53

# device, boot, seq
Number = tuple[uuid.UUID, int, int]
Run = tuple[int, int]


class _Numbered(msgspec.Struct):
    boot: object = None
    seq: object = None


_decoder = msgspec.json.Decoder(_Numbered)


def read_number(boot: object, seq: object) -> tuple[int, int] | None:
    """Return (boot, seq); None if these are no numbers. Without `boot` it is boot 0."""
    if not _is_number(seq):
        return None
    if boot is None:
        return 0, seq  # type: ignore[return-value]
    return (boot, seq) if _is_number(boot) else None  # type: ignore[return-value]


def _is_number(raw: object) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= MAX_NUMBER


def peek_number(payload: bytes) -> tuple[int, int] | None:
    """Return the number of a JSON object that is not read otherwise."""
    try:
        found = _decoder.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return read_number(found.boot, found.seq)


def runs_of(numbers: Iterable[Number]) -> dict[tuple[uuid.UUID, int], list[Run]]:
    """Return by (device, boot) the runs [first, last] of numbers, ascending.

    >>> device = uuid.UUID(int=1)
    >>> list(runs_of([(device, 4, 3), (device, 4, 1), (device, 4, 2), (device, 4, 7)]).values())
    [[(1, 3), (7, 7)]]
    """
    by_boot: defaultdict[tuple[uuid.UUID, int], set[int]] = defaultdict(set)
    for device_id, boot, seq in numbers:
        by_boot[device_id, boot].add(seq)
    return {key: _runs(sorted(found)) for key, found in by_boot.items()}


def missing_runs(received: Multirange[Any], start: int, end: int) -> list[Run]:
    """Return what lacks of the numbers start to end, both included.

    >>> from psycopg.types.range import Range
    >>> missing_runs(Multirange([Range(1, 5), Range(8, 9)]), 3, 10)
    [(5, 7), (9, 10)]
    """
    runs: list[Run] = []
    at = start
    for part in received:
        lower, upper = int(part.lower or 0), int(part.upper or 0)
        if at <= end and lower > at:
            runs.append((at, min(lower - 1, end)))
        at = max(at, upper)
    if at <= end:
        runs.append((at, end))
    return runs


def _runs(numbers: list[int]) -> list[Run]:
    runs: list[Run] = []
    for number in numbers:
        if runs and runs[-1][1] + 1 == number:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs
