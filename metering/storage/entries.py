"""Reads and writes quarter hours; what was known before is kept as a past revision."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from metering.ledger.kinds import ENTRY_DTYPE, Entries
from metering.ledger.merge import same
from metering.series import QUARTER_SECONDS, Grade, Ints
from telemetry.storage.copying import copy_columns
from telemetry.storage.months import ensure_months, month_of

TABLE = "metering_interval"
STRAIGHT = 2_000  # from so many new rows on COPY pays

STORED_DTYPE = np.dtype([("register", "<i4"), *((name, ENTRY_DTYPE[name]) for name in (
    "number", "amount", "begin", "finish", "adjustment", "grade", "method", "has_register",
    "is_open"))])  # fmt: skip
_READ_DTYPE = np.dtype([("register", "<i4"), ("number", "<i8"), ("amount", "<i8"),
    ("begin", "<i8"), ("finish", "<i8"), ("adjustment", "<i8"), ("grade", "<i2"),
    ("method", "<i2"), ("has_register", "<i2"), ("is_open", "<i2")])  # fmt: skip
_READ = """
SELECT wanted.register_id, (extract(epoch FROM found.start) / 900)::int8, found.amount,
    coalesce(found.begin_register, 0), coalesce(found.end_register, 0), found.adjustment,
    found.grade, found.method, (found.begin_register IS NOT NULL)::int::int2,
    found.is_open::int::int2
FROM unnest(%(registers)s::int[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    AS wanted(register_id, first, last)
CROSS JOIN LATERAL (
    SELECT * FROM metering_interval AS entry
    WHERE entry.register_id = wanted.register_id
        AND entry.start BETWEEN wanted.first AND wanted.last
        AND entry.start BETWEEN %(first)s AND %(last)s
    ORDER BY entry.start OFFSET 0
) AS found
"""
_FRESH = """
fresh AS (
    SELECT register_id, to_timestamp(number * 900.0) AS start, amount,
        CASE WHEN has_register THEN begin_register END AS begin_register,
        CASE WHEN has_register THEN end_register END AS end_register,
        adjustment, grade, method, is_open
    FROM unnest(%(register)s::int[], %(number)s::int8[], %(amount)s::int8[], %(begin)s::int8[],
        %(finish)s::int8[], %(adjustment)s::int8[], %(grade)s::int2[], %(method)s::int2[],
        %(has_register)s::bool[], %(is_open)s::bool[])
        AS given(register_id, number, amount, begin_register, end_register, adjustment, grade,
            method, has_register, is_open)
)
"""
_KEYS = """
SELECT entry.* FROM unnest(%(register)s::int[], %(number)s::int8[]) AS key(register_id, number)
CROSS JOIN LATERAL (
    SELECT * FROM metering_interval WHERE register_id = key.register_id
        AND start = to_timestamp(key.number * 900.0) OFFSET 0
) AS entry
"""
_KEEP = f"""
INSERT INTO metering_interval_past
SELECT entry.*, %(now)s FROM ({_KEYS}) AS entry WHERE NOT entry.is_open
ON CONFLICT DO NOTHING
"""  # noqa: S608
_WRITE = f"""
WITH {_FRESH}
INSERT INTO metering_interval AS old (register_id, start, amount, begin_register, end_register,
    adjustment, grade, method, is_open, revision, recorded_at)
SELECT register_id, start, amount, begin_register, end_register, adjustment, grade, method,
    is_open, coalesce((SELECT max(past.revision) + 1 FROM metering_interval_past AS past
        WHERE past.register_id = fresh.register_id AND past.start = fresh.start), 1), %(now)s
FROM fresh
ON CONFLICT (register_id, start) DO UPDATE SET amount = excluded.amount,
    begin_register = excluded.begin_register, end_register = excluded.end_register,
    adjustment = excluded.adjustment, grade = excluded.grade, method = excluded.method,
    is_open = excluded.is_open, revision = excluded.revision, recorded_at = excluded.recorded_at
"""  # noqa: S608
_DELETE = """
DELETE FROM metering_interval AS entry
USING unnest(%(register)s::int[], %(number)s::int8[]) AS gone(register_id, number)
WHERE entry.register_id = gone.register_id AND entry.start = to_timestamp(gone.number * 900.0)
"""
_COPY = f"""
COPY {TABLE} (register_id, start, amount, begin_register, end_register, adjustment, grade,
    method, is_open, revision, recorded_at) FROM STDIN (FORMAT BINARY)
"""
_COPY_DTYPE = np.dtype([("register", "<i4"), ("start", "<i8"), ("amount", "<i8"),
    ("begin", "<i8"), ("finish", "<i8"), ("adjustment", "<i8"), ("grade", "<i2"),
    ("method", "<i2"), ("is_open", "i1"), ("revision", "<i2"), ("recorded", "<i8")])  # fmt: skip
_POSTGRES_EPOCH_US = 946_684_800 * 1_000_000


@dataclass(frozen=True, slots=True)
class Built:
    """What a build says about [first, last] of a register: there is nothing else in there.

    Quarter numbers since 1970.
    """

    register: int
    first: int
    last: int
    entries: Entries


@dataclass(frozen=True, slots=True)
class Written:
    """Quarters that are new, that say something else now, and that are gone.

    `measured`: how many of them were or are measured; estimates of later gaps rest on these.
    `spans`: first and last of them by register.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    measured: int = 0
    spans: tuple[tuple[int, int, int], ...] = ()

    def __add__(self, other: Written) -> Written:
        return Written(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.measured + other.measured,
        )  # spans are of one transaction


def read_entries(wanted: Sequence[tuple[int, int, int]]) -> NDArray[np.void]:
    """Return the quarters of (register, first, last), sorted by register and number."""
    if not wanted:
        return np.empty(0, dtype=STORED_DTYPE)
    registers, firsts, lasts = (list(column) for column in zip(*wanted, strict=True))
    rows = copy_columns(
        _READ,
        {
            "registers": registers,
            "firsts": [start_of(number) for number in firsts],
            "lasts": [start_of(number) for number in lasts],
            "first": start_of(min(firsts)),
            "last": start_of(max(lasts)),
        },
        _READ_DTYPE,
    )
    found = rows.astype(STORED_DTYPE)
    return found[np.lexsort((found["number"], found["register"]))]


def write_entries(built: Sequence[Built], *, now: dt.datetime) -> Written:
    """Make the ledger say what was built, inside a transaction; what says the same stays.

    A closed quarter that changes keeps its former revision; an open one is just filled.
    """
    fresh = _with_registers(built)
    stored = read_entries([(one.register, one.first, one.last) for one in built])
    key, old_key = _keys(fresh), _keys(stored)
    is_known = np.isin(key, old_key, assume_unique=True)
    places = np.searchsorted(old_key, key[is_known])
    is_changed = is_known.copy()
    is_changed[is_known] = ~same(fresh[is_known], stored[places])
    gone = stored[~np.isin(old_key, key, assume_unique=True)]
    added = fresh[~is_known]
    _ensure_months(added["number"])
    before = stored[places][is_changed[is_known]]
    measured = sum(
        int((part["grade"] <= Grade.PRORATED).sum())
        for part in (added, gone, fresh[is_changed], before)
    )
    moment = {"now": now}
    with connection.cursor() as cursor:
        replaced = np.concatenate((fresh[is_changed], gone))
        if len(replaced):
            cursor.execute(_KEEP, _columns(replaced) | moment)
        if len(gone):
            cursor.execute(_DELETE, _columns(gone))
        is_straight = len(added) >= STRAIGHT and not len(stored)
        if is_straight and not _has_past(cursor, built):
            _copy(cursor, added, now)
            added = added[:0]
        rows = np.concatenate((added, fresh[is_changed]))
        if len(rows):
            cursor.execute(_WRITE, _columns(rows) | moment)
    touched = np.concatenate((fresh[~is_known | is_changed], gone))
    return Written(
        int((~is_known).sum()), int(is_changed.sum()), len(gone), measured, _spans(touched)
    )


def start_of(number: int) -> dt.datetime:
    """Return the beginning of a quarter, UTC."""
    return dt.datetime.fromtimestamp(int(number) * QUARTER_SECONDS, dt.UTC)


def _spans(rows: NDArray[np.void]) -> tuple[tuple[int, int, int], ...]:
    """Return (register, first, last) of quarters."""
    rows = rows[np.lexsort((rows["number"], rows["register"]))]
    begins = np.flatnonzero(np.append(True, rows["register"][1:] != rows["register"][:-1]))
    begins = begins[: len(rows)]
    ends = np.append(begins[1:], len(rows))
    return tuple(
        (int(rows["register"][at]), int(rows["number"][at]), int(rows["number"][end - 1]))
        for at, end in zip(begins, ends, strict=False)
        if end > at
    )


def _with_registers(built: Sequence[Built]) -> NDArray[np.void]:
    rows = np.empty(sum(len(one.entries) for one in built), dtype=STORED_DTYPE)
    place = 0
    for one in built:
        part = rows[place : place + len(one.entries)]
        part["register"] = one.register
        for name in ENTRY_DTYPE.names or ():
            part[name] = one.entries[name]
        place += len(one.entries)
    return rows[np.lexsort((rows["number"], rows["register"]))]


def _keys(rows: NDArray[np.void]) -> Ints:
    return (rows["register"].astype(np.int64) << 32) + rows["number"]


def _ensure_months(numbers: Ints) -> None:
    # a day is never longer than what a month's name needs; one look per distinct day
    days = np.unique(numbers // 96)
    ensure_months({month_of(start_of(int(day) * 96)) for day in days}, TABLE)


def _columns(rows: NDArray[np.void]) -> dict[str, Any]:
    return {name: rows[name].tolist() for name in STORED_DTYPE.names or ()}


def _has_past(cursor: Any, built: Sequence[Built]) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM metering_interval_past WHERE register_id = ANY(%s))",
        [[one.register for one in built]],
    )
    return bool(cursor.fetchone()[0])


def _copy(cursor: Any, rows: NDArray[np.void], now: dt.datetime) -> None:
    """Write rows that are new; those without a register have nulls, which need another width."""
    plain = rows["has_register"]
    for part, leaves_out in ((rows[plain], ()), (rows[~plain], ("begin", "finish"))):
        if len(part):
            with cursor.copy(_COPY) as copy:
                copy.write(_wire(part, now, leaves_out))


def _wire(rows: NDArray[np.void], now: dt.datetime, leaves_out: tuple[str, ...]) -> bytes:
    fields = [("fields#", ">i2")]
    for name in _COPY_DTYPE.names or ():
        fields.append((f"{name}#", ">i4"))
        if name not in leaves_out:
            fields.append((name, _COPY_DTYPE[name].newbyteorder(">").str))
    wire = np.empty(len(rows), dtype=np.dtype(fields))
    wire["fields#"] = len(_COPY_DTYPE.names or ())
    recorded = int(now.timestamp() * 1_000_000) - _POSTGRES_EPOCH_US
    given: dict[str, Any] = {
        "start": rows["number"] * QUARTER_SECONDS * 1_000_000 - _POSTGRES_EPOCH_US,
        "revision": 1,
        "recorded": recorded,
    }
    for name in _COPY_DTYPE.names or ():
        wire[f"{name}#"] = -1 if name in leaves_out else _COPY_DTYPE[name].itemsize
        if name not in leaves_out:
            wire[name] = given[name] if name in given else rows[name]
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + wire.tobytes() + b"\xff\xff"
