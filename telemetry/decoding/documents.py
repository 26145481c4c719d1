"""From bytes to documents: JSON, CSV, bare values, forms, pairs and Teleinfo."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from telemetry.decoding.numbers import PLAIN_NUMBER
from telemetry.ingest.decode import DecodeError

MAX_DEPTH = 12
MAX_ROWS = 2_000
MAX_COLUMNS = 200
MAX_NUMBER_DIGITS = 19


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a format is written.

    separator: between the values of csv, the pairs of pairs. assign: between key and value of
    a pair. columns: names of the columns of a CSV; blank: its first row. begin, end: what
    stands around the pairs of one message.
    """

    separator: str = ","
    assign: str = "="
    columns: list[str] = []
    has_header: bool = True
    begin: str = ""
    end: str = ""


def read_json(payload: bytes, options: Options) -> Any:
    """Return the document; NaN and infinity are read as null.

    Raises: DecodeError: bad_encoding, bad_payload, too_deep, duplicate_key.
    """
    try:
        document = json.loads(
            _text(payload),
            object_pairs_hook=_unique_keys,
            parse_constant=lambda _name: None,
            parse_int=_bounded_int,
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise DecodeError("bad_payload", f"No JSON: {error}.") from None
    _check_depth(document)
    return document


def read_scalar(payload: bytes, options: Options) -> Any:
    """Return a bare number, or the text without the quotes of JSON."""
    text = _text(payload).strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return float(text) if PLAIN_NUMBER.fullmatch(text) else text


def read_csv(payload: bytes, options: Options) -> Any:
    """Return a list of objects by column; of lists without names.

    Raises: DecodeError: bad_encoding, bad_payload, too_many_values.
    """
    text = _text(payload).strip("\ufeff\r\n ")
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=options.separator))
    except csv.Error as error:
        raise DecodeError("bad_payload", f"No CSV: {error}.") from None
    if len(rows) > MAX_ROWS or any(len(row) > MAX_COLUMNS for row in rows):
        detail = f"More than {MAX_ROWS} rows or {MAX_COLUMNS} columns."
        raise DecodeError("too_many_values", detail)
    rows = [[cell.strip() for cell in row] for row in rows if row]
    columns = options.columns
    if not columns and options.has_header and rows:
        columns, rows = rows[0], rows[1:]
    if not columns:
        return rows
    return [dict(zip(columns, row, strict=False)) for row in rows]


def read_form(payload: bytes, options: Options) -> Any:
    """Return the fields of `a=1&b=2`.

    Raises: DecodeError: bad_encoding, too_many_values.
    """
    try:
        return dict(parse_qsl(_text(payload).strip(), max_num_fields=MAX_COLUMNS * 2))
    except ValueError as error:
        raise DecodeError("too_many_values", str(error)) from None


def read_pairs(payload: bytes, options: Options) -> Any:
    """Return the values of `a=1;b=2` by key; empty keys and values are left out.

    Raises: DecodeError: bad_encoding, bad_payload (begin or end is missing).
    """
    text = _text(payload).strip()
    if not (text.startswith(options.begin) and text.endswith(options.end)):
        detail = f"The message does not begin with {options.begin!r} and end with {options.end!r}."
        raise DecodeError("bad_payload", detail)
    text = text[len(options.begin) : len(text) - len(options.end)]
    found: dict[str, str] = {}
    for pair in text.split(options.separator)[: MAX_COLUMNS * 2]:
        key, assigned, value = pair.partition(options.assign)
        if key.strip() and assigned and value.strip():
            found.setdefault(key.strip(), value.strip())
    return found


def read_teleinfo(payload: bytes, options: Options) -> Any:
    """Return the values of a French meter's frame by label.

    Historic lines have blanks between label, value and checksum, standard ones tabs and
    sometimes a time stamp. A line whose checksum is wrong is left out; a frame without any
    right one is refused.

    Raises: DecodeError: bad_encoding, bad_payload.
    """
    found: dict[str, str] = {}
    wrong = 0
    lines = _text(payload).replace("\x02", "\n").replace("\x03", "\n").splitlines()
    for line in lines[:MAX_ROWS]:
        group = line.strip("\r\n")
        if not group.strip():
            continue
        pair = _teleinfo_group(group)
        if pair is None:
            wrong += 1
        else:
            found.setdefault(*pair)
    if not found and wrong:
        raise DecodeError("bad_payload", "No group of the frame has a right checksum.")
    return found


def _teleinfo_group(group: str) -> tuple[str, str] | None:
    separator = "\t" if "\t" in group else " "
    body, told = group[:-1], group[-1:]
    # historic frames leave the separator before the checksum out of it
    counted = body if separator == "\t" else body.removesuffix(" ")
    if chr((sum(map(ord, counted)) & 0x3F) + 0x20) != told:
        return None
    words = [word for word in body.split(separator) if word]
    return (words[0], words[-1]) if len(words) > 1 else None


def _text(payload: bytes) -> str:
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DecodeError("bad_encoding", "The payload is not UTF-8.") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise DecodeError("duplicate_key", "A key stands twice; which value is meant?")
    return document


def _bounded_int(text: str) -> int | float:
    return int(text) if len(text) <= MAX_NUMBER_DIGITS else float(text)


def _check_depth(document: Any) -> None:
    level = [document] if isinstance(document, dict | list) else []
    for _depth in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise _too_deep()


def _inner(value: Any) -> list[Any]:
    members = value.values() if isinstance(value, dict) else value
    return [inner for inner in members if isinstance(inner, dict | list)]


def _too_deep() -> DecodeError:
    return DecodeError("too_deep", f"Nested deeper than {MAX_DEPTH} levels.")
