"""The table in which fleets come and go: one row for each device. Pure.

What is exported can be imported. A text that a spreadsheet would take for a formula gets an
apostrophe on its way out, and loses it on its way in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

COLUMNS = ("hardware_id", "serial", "kind", "profile", "site", "zone", "name", "gateway")
REQUIRED = ("hardware_id", "profile", "site", "name")
MAX_ROWS = 1_000  # while somebody waits: a device has dozens of channels
MAX_ROWS_OF_COMMAND = 20_000
MAX_BYTES = 2_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_SEPARATORS = ",;\t"
_BYTE_ORDER_MARK = "\ufeff"


class UnreadableTable(ValueError):
    """No table, or not this one; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def write_table(rows: Iterable[Mapping[str, str]], *, separator: str = ",") -> str:
    """Return the table with its header, safe to open in a spreadsheet."""
    text = io.StringIO()
    table = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    table.writerow(COLUMNS)
    table.writerows([_guard(row.get(column, "")) for column in COLUMNS] for row in rows)
    return text.getvalue()


def read_table(data: bytes, *, max_rows: int = MAX_ROWS) -> list[dict[str, str]]:
    """Return the rows of a table in UTF-8; blank lines are left out.

    Comma, semicolon and tab separate; the header names the columns in any order.

    Raises: UnreadableTable.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableTable("too_large", f"More than {MAX_BYTES} bytes.")
    try:
        text = data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise UnreadableTable("not_utf8", "The file is not UTF-8.") from error
    if "\0" in text:
        raise UnreadableTable("not_text", "The file is no text.")
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [line for line in table if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise UnreadableTable("bad_table", str(error)) from error
    if len(lines) - 1 > max_rows:
        raise UnreadableTable("too_many_rows", f"More than {max_rows} rows; split the file.")
    return _rows(lines)


def _rows(lines: list[list[str]]) -> list[dict[str, str]]:
    header = [name.strip().lower() for name in lines[0]] if lines else []
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown or len(set(header)) != len(header):
        named = ", ".join([*missing, *unknown])[:200] or "a column twice"
        raise UnreadableTable("bad_header", f"Columns are {', '.join(COLUMNS)}; wrong: {named}.")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            detail = f"Row {number} has {len(line)} cells, the header {len(header)}."
            raise UnreadableTable("bad_row", detail)
    return [
        {name: _unguard(cell).strip() for name, cell in zip(header, line, strict=True)}
        for line in lines[1:]
    ]


def _guard(text: str) -> str:
    """Put an apostrophe before what looks like a formula, or like one that has its apostrophe."""
    if text.startswith(_FORMULA) or (
        text.startswith("'") and text[1:].startswith((*_FORMULA, "'"))
    ):
        return f"'{text}"
    return text


def _unguard(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text
