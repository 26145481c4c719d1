"""Rows out of PostgreSQL by binary COPY, as arrays and without a Python loop."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

_HEADER = 19  # signature, flags, length of the extension
_FIELD_COUNT = 2
_TRAILER = 2
_ARRAY_HEADER = 20  # dimensions, flags, type, length, lower bound
POSTGRES_EPOCH_US = 946_684_800 * 1_000_000
POSTGRES_EPOCH_DAYS = 10_957


def copy_columns(
    query: sql.Composable | str, parameters: Any, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Do what `copy_rows` does for a SELECT, in a fraction of the time.

    The rows come as one row of arrays: libpq hands out COPY row by row, which costs more
    than all the rest.
    """
    text = query if isinstance(query, str) else query.as_string(None)
    names = [f"c{number}" for number in range(len(dtype.names or ()))]
    arrays = ", ".join(f"array_agg({name})" for name in names)
    statement = (
        f"COPY (SELECT {arrays} FROM ({text}) AS found({', '.join(names)}))"  # noqa: S608
        " TO STDOUT (FORMAT BINARY)"
    )
    # bound beforehand: Django's cursor that records statements takes no parameters here
    with connection.cursor() as cursor, cursor.copy(cursor.mogrify(statement, parameters)) as copy:
        return _read_arrays(b"".join(copy), dtype)


def _read_arrays(data: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    rows: NDArray[Any] = np.empty(0, dtype=dtype)
    place = _HEADER + _FIELD_COUNT
    for name in dtype.names or ():
        (length,) = struct.unpack_from(">i", data, place)
        if length < 0:  # of no rows there is no array
            break
        element = np.dtype([("length", ">i4"), ("value", dtype[name].newbyteorder(">").str)])
        count = (length - _ARRAY_HEADER) // element.itemsize
        if len(rows) != count:
            rows = np.empty(count, dtype=dtype)
        offset = place + 4 + _ARRAY_HEADER
        rows[name] = np.frombuffer(data, dtype=element, offset=offset, count=count)["value"]
        place += 4 + length
    return rows


def copy_rows(query: sql.Composable | str, parameters: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the rows of a query whose columns have the types of `dtype`, none of them null.

    Times and dates count from PostgreSQL's own epoch, 2000.
    """
    text = query if isinstance(query, str) else query.as_string(None)
    statement = f"COPY ({text}) TO STDOUT (FORMAT BINARY)"
    # bound beforehand: Django's cursor that records statements takes no parameters here
    with (
        connection.cursor() as cursor,
        cursor.copy(cursor.mogrify(statement, parameters)) as copy,
    ):
        data = b"".join(copy)
    wire = np.frombuffer(data, dtype=wire_of(dtype), offset=_HEADER, count=_count(data, dtype))
    rows = np.empty(len(wire), dtype=dtype)
    for name in dtype.names or ():
        rows[name] = wire[name]
    return rows


def wire_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a row of binary COPY: the number of fields, then length (`#`) and bytes of each."""
    fields: list[tuple[str, str]] = [("fields#", ">i2")]
    for name in dtype.names or ():
        fields += [(f"{name}#", ">i4"), (name, dtype[name].newbyteorder(">").str)]
    return np.dtype(fields)


def _count(data: bytes, dtype: np.dtype[Any]) -> int:
    return (len(data) - _HEADER - _TRAILER) // wire_of(dtype).itemsize
