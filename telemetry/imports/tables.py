"""Rows of CSV and XLSX files, one at a time, with the numbers that a person sees."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import python_calamine

from telemetry.imports.files import BoundedBytes, FileProblem, text_lines
from telemetry.imports.plan import MAX_COLUMNS, Plan

# a spreadsheet is unpacked and read as a whole: 200 MB of XML are about a million rows
MAX_SHEET_BYTES = 200 * 1024 * 1024


class Raw(NamedTuple):
    """A row as it stands in the file; `number` is its line, or its row in the sheet."""

    number: int
    cells: list[Any]


def csv_rows(source: BoundedBytes, plan: Plan, *, after: int = 0) -> Iterator[Raw]:
    """Yield the rows behind line `after`; the header counts as lines.

    Raises: FileProblem.
    """
    reader = csv.reader(
        text_lines(source, plan.encoding), delimiter=plan.delimiter, skipinitialspace=True
    )
    seen = 0
    try:
        for cells in reader:
            seen += 1
            if seen <= plan.skip_rows or reader.line_num <= after:
                continue
            if len(cells) > MAX_COLUMNS:
                raise FileProblem("too_many_columns", f"Line {reader.line_num}: over 256 columns.")
            if any(cell.strip() for cell in cells):
                yield Raw(reader.line_num, cells)
    except csv.Error as error:
        raise FileProblem("bad_csv", f"Line {reader.line_num}: {error}.") from error


def xlsx_rows(source: BoundedBytes, plan: Plan, *, after: int = 0) -> Iterator[Raw]:
    """Yield the rows of a sheet behind row `after`.

    Raises: FileProblem.
    """
    book = open_book(source)
    name = plan.sheet or book.sheet_names[0]
    if name not in book.sheet_names:
        raise FileProblem("unknown_sheet", f"There is no sheet {name!r}.")
    sheet = book.get_sheet_by_name(name)
    if sheet.width > MAX_COLUMNS:
        raise FileProblem("too_many_columns", "The sheet has over 256 columns.")
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if number <= max(plan.skip_rows, after) or all(cell == "" for cell in cells):
            continue
        yield Raw(number, cells)


def open_book(source: BoundedBytes) -> python_calamine.CalamineWorkbook:
    """Open a spreadsheet whose parts are not larger than the bound.

    Raises: FileProblem: bad_xlsx, too_large.
    """
    data = io.BytesIO(source.read())
    try:
        with zipfile.ZipFile(data) as parts:
            if sum(part.file_size for part in parts.infolist()) > MAX_SHEET_BYTES:
                raise FileProblem("too_large", "Unpacked, the spreadsheet is over 200 MB.")
        data.seek(0)
        book = python_calamine.CalamineWorkbook.from_filelike(data)
    except (zipfile.BadZipFile, python_calamine.CalamineError, OSError) as error:
        raise FileProblem("bad_xlsx", f"This is no spreadsheet: {error}.") from error
    if not book.sheet_names:
        raise FileProblem("bad_xlsx", "The spreadsheet has no sheets.")
    return book
