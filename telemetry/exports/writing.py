"""Series as bytes of a file, part by part."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import xlsxwriter

from telemetry.exports.models import ExportFormat
from telemetry.renderers import BYTE_ORDER_MARK, COLUMNS, line_objects, long_rows, wide_rows
from telemetry.series import EPOCH

MAX_SHEET_ROWS = 1_048_575  # of Excel, without the header

Members = Mapping[str, Any]


class SheetFull(Exception):
    """More values than a sheet has rows."""


def write_part(format_: str, series: Sequence[Members], *, is_first: bool) -> bytes:
    """Return a part of a text file, compressed by itself: parts follow each other freely."""
    text = io.StringIO(newline="")
    if format_ == ExportFormat.NDJSON:
        lines = (line for one in series for line in line_objects(one))
        body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    else:
        table = csv.writer(text)
        if is_first:
            text.write(BYTE_ORDER_MARK)
        for number, row in enumerate(_table_rows(format_, series)):
            if number or is_first:
                table.writerow(row)
        body = text.getvalue().encode()
    return gzip.compress(body, compresslevel=5, mtime=0) if body else b""


def write_book(path: Path, parts: Iterable[Sequence[Members]], *, timezone: str) -> int:
    """Write a workbook with a row for each value; return how many.

    Raises: SheetFull
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "default_date_format": "yyyy-mm-dd hh:mm:ss"}  # fmt: skip
    rows = 0
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet("Values")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, 0, 20)
        sheet.write_row(0, 0, ["time (UTC)", *COLUMNS[1:]])
        for series in parts:
            for row in _cells(series):
                rows += 1
                if rows > MAX_SHEET_ROWS:
                    raise SheetFull
                sheet.write_row(rows, 0, row)
        book.set_properties({"comments": f"Buckets follow the clock of {timezone}"})
    return rows


def _table_rows(format_: str, series: Sequence[Members]) -> Iterator[Sequence[Any]]:
    if format_ == ExportFormat.CSV_WIDE:
        yield from wide_rows(series)
        return
    yield COLUMNS
    for one in series:
        yield from long_rows(one)


def _cells(series: Sequence[Members]) -> Iterator[list[Any]]:
    for one in series:
        fixed = [str(one["device"]), one["metric"], one["agg"], one["unit"]]
        for time_ms, value, quality in zip(one["t"], one["v"], one["q"], strict=True):
            time = EPOCH + dt.timedelta(milliseconds=time_ms)
            yield [time.replace(tzinfo=None), *fixed, value, quality]
