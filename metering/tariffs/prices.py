"""Price series: a price per kWh for each quarter hour, and how they are read from CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from metering.series import QUARTER_SECONDS, Ints
from metering.tariffs.calendar import Mask

MAX_BYTES = 16 * 1024 * 1024
MAX_QUARTERS = 400_000  # eleven years
QUARTERS_OF = {15: 1, 30: 2, 60: 4}
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?")

PriceUnit = Literal["kWh", "MWh"]


class BadPrices(ValueError):
    """A document from which no prices can be read.

    `code`: too_large, bad_document, document_type_definition, no_prices, bad_time, bad_price,
    bad_position, unsupported_resolution, unsupported_curve, unsupported_unit, mixed_currency,
    conflicting_prices. `place`: a line of CSV, or an element. The text says what to do.
    """

    def __init__(self, code: str, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.code = code
        self.place = place
        self.message = message


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Prices, or grams of CO₂.

    numbers: quarter hours since 1970 UTC, ascending, each once; what is left out is not
    known. prices: millionths of the currency (of a gram) per kWh.
    """

    numbers: Ints
    prices: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def look_up(self, numbers: Ints) -> tuple[Ints, Mask]:
        """Return the prices of these quarters, 0 where none is known, and which are known."""
        if not len(self.numbers):
            return np.zeros(len(numbers), dtype=np.int64), np.zeros(len(numbers), dtype=np.bool_)
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        known = self.numbers[at] == numbers
        return np.where(known, self.prices[at], 0), known


# first quarter, how many quarters, price, where it stands in the document
Span = tuple[int, int, int, str]


def join_spans(spans: Iterable[Span]) -> PriceSeries:
    """Return the prices of stretches in any order; stretches may repeat each other.

    Raises: BadPrices: no_prices, conflicting_prices, too_large.
    """
    found: dict[int, int] = {}
    left = MAX_QUARTERS
    for first, count, price, place in spans:
        left -= count  # repeated ones count too, so that small documents take no long time
        if left < 0:
            raise BadPrices("too_large", place, "More than eleven years: split the document.")
        for number in range(first, first + count):
            if found.setdefault(number, price) != price:
                at = dt.datetime.fromtimestamp(number * QUARTER_SECONDS, tz=dt.UTC)
                raise BadPrices(
                    "conflicting_prices", place,
                    f"There are two prices for {at:%Y-%m-%dT%H:%MZ}: choose one sequence of the "
                    "document, or remove one of them.",
                )  # fmt: skip
    if not found:
        raise BadPrices("no_prices", "", "The document holds no price: ask for another period.")
    numbers = np.array(sorted(found), dtype=np.int64)
    return PriceSeries(numbers, np.array([found[int(number)] for number in numbers], np.int64))


def read_price(text: str, place: str, *, unit: PriceUnit = "kWh") -> int:
    """Return millionths of the currency per kWh, half to even.

    Raises: BadPrices: bad_price.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise BadPrices("bad_price", place, f"{text[:40]!r} is no price: write 0.2345 or -0.01.")
    return int(Decimal(text).scaleb(3 if unit == "MWh" else 6).to_integral_value())


def to_quarter(moment: dt.datetime, place: str) -> int:
    """Return the quarter hour that begins at an instant.

    Raises: BadPrices: bad_time.
    """
    number, rest = divmod(moment.timestamp(), QUARTER_SECONDS)
    if rest:
        raise BadPrices(
            "bad_time", place, f"{moment.isoformat()} is not on a quarter hour: correct the time."
        )
    return int(number)


def read_csv_prices(
    document: bytes, *, zone: ZoneInfo, minutes: int = 60, unit: PriceUnit = "kWh"
) -> PriceSeries:
    """Read rows of time and price, with or without a row of names.

    The separator is a comma or a semicolon; with semicolons prices may have a decimal comma.
    A time without an offset is of `zone`; the repeated hour of autumn comes twice, in order.

    Args: minutes: how long a price holds: 15, 30 or 60.
    Raises: BadPrices.
    """
    if minutes not in QUARTERS_OF:
        raise BadPrices("unsupported_resolution", "", "Prices hold for 15, 30 or 60 minutes.")
    check_size(document)
    rows = list(_csv_rows(document))
    times = _csv_times([(place, cells[0]) for place, cells in rows], zone)
    return join_spans(
        (number, QUARTERS_OF[minutes], read_price(cells[1], place, unit=unit), place)
        for number, (place, cells) in zip(times, rows, strict=True)
    )


def check_size(document: bytes) -> None:
    """Raise BadPrices (too_large) if a document is larger than any real one."""
    if len(document) > MAX_BYTES:
        raise BadPrices(
            "too_large", "", f"{len(document)} bytes are more than {MAX_BYTES}: split the document."
        )


def _csv_rows(document: bytes) -> Iterator[tuple[str, tuple[str, str]]]:
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadPrices("bad_document", "", "This is no UTF-8: save it as CSV UTF-8.") from None
    separator = ";" if ";" in text.partition("\n")[0] else ","
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise BadPrices("bad_document", "", f"This is no CSV: {error}.") from None
    for line, cells in enumerate(rows, start=1):
        if not any(cells) or (line == 1 and not cells[0][:1].isdigit()):
            continue
        if len(cells) != 2:
            raise BadPrices("bad_document", f"line {line}", "Write a time and a price in a row.")
        price = cells[1].replace(",", ".") if separator == ";" else cells[1]
        yield f"line {line}", (cells[0], price)


def _csv_times(cells: list[tuple[str, str]], zone: ZoneInfo) -> list[int]:
    seen: set[int] = set()
    numbers = []
    for place, text in cells:
        number = _csv_time(place, text.strip(), zone, seen)
        seen.add(number)
        numbers.append(number)
    return numbers


def _csv_time(place: str, text: str, zone: ZoneInfo, seen: set[int]) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise BadPrices(
            "bad_time", place, f"{text[:40]!r} is no time: write 2026-01-31T13:00+01:00."
        ) from None
    if moment.tzinfo is not None:
        return to_quarter(moment, place)
    local = moment.replace(tzinfo=zone)
    if local.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise BadPrices(
            "bad_time", place, f"{text} does not exist in {zone}: the clock was set forward then."
        )
    number = to_quarter(local, place)
    return to_quarter(local.replace(fold=1), place) if number in seen else number
