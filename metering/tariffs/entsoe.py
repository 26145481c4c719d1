"""Read publication documents of the ENTSO-E transparency platform (day-ahead prices, A44).

With curve A03 a position that is left out repeats the price before it; with A01 it is not
known. Namespaces differ between versions and are not looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from xml.parsers import expat

from metering.tariffs.prices import (
    QUARTERS_OF,
    BadPrices,
    PriceSeries,
    PriceUnit,
    Span,
    check_size,
    join_spans,
    read_price,
    to_quarter,
)

_RESOLUTIONS = {"PT15M": 15, "PT30M": 30, "PT60M": 60, "PT1H": 60}
_UNITS: dict[str, PriceUnit] = {"MWH": "MWh", "KWH": "kWh"}
_CURVES = ("A01", "A03")
_MAX_DEPTH = 20
_MAX_PERIOD = dt.timedelta(days=800)


@dataclass(frozen=True, slots=True)
class PriceDocument:
    """Prices per kWh with the ISO code of their currency."""

    prices: PriceSeries
    currency: str


@dataclass(slots=True)
class _Element:
    name: str
    text: str = ""
    children: list[_Element] = field(default_factory=list)

    def all(self, name: str) -> list[_Element]:
        return [child for child in self.children if child.name == name]

    def read(self, *path: str) -> str:
        """Return the text at the end of a path of names; empty if there is none."""
        element = self
        for name in path:
            found = element.all(name)
            if not found:
                return ""
            element = found[0]
        return element.text.strip()


def read_entsoe(document: bytes, *, sequence: int | None = None) -> PriceDocument:
    """Return the prices of all time series of a document, per kWh.

    Args: sequence: where a zone has several auctions for the same time, the number of the
        one meant (classificationSequence_AttributeInstanceComponent.position).
    Raises: BadPrices.
    """
    check_size(document)
    root = _parse(document)
    if root.name == "Acknowledgement_MarketDocument":
        reason = root.read("Reason", "text") or "no reason given"
        raise BadPrices("no_prices", "Reason", f"The platform has no prices: {reason:.200}")
    if root.name != "Publication_MarketDocument":
        raise BadPrices(
            "bad_document", root.name[:60], "Give a Publication_MarketDocument with prices (A44)."
        )
    chosen = [item for item in root.all("TimeSeries") if _is_chosen(item, sequence)]
    prices = join_spans(span for item in chosen for span in _read_series(item))
    return PriceDocument(prices, _common_currency(chosen))


def _is_chosen(series: _Element, sequence: int | None) -> bool:
    number = series.read("classificationSequence_AttributeInstanceComponent.position")
    return sequence is None or not number or number == str(sequence)


def _common_currency(series: list[_Element]) -> str:
    currencies = sorted({item.read("currency_Unit.name") for item in series})
    if len(currencies) != 1 or not currencies[0]:
        raise BadPrices(
            "mixed_currency", "currency_Unit.name",
            f"The document must name one currency, it names: {', '.join(currencies) or 'none'}.",
        )  # fmt: skip
    return currencies[0]


def _read_series(series: _Element) -> Iterator[Span]:
    place = f"TimeSeries {series.read('mRID')[:40]}"
    unit = _UNITS.get(series.read("price_Measure_Unit.name").upper())
    if unit is None:
        raise BadPrices("unsupported_unit", place, "Prices must be per MWH or KWH.")
    curve = series.read("curveType") or "A01"
    if curve not in _CURVES:
        raise BadPrices("unsupported_curve", place, f"Curve {curve[:10]} is none of A01, A03.")
    for period in series.all("Period"):
        yield from _read_period(period, place, unit, does_hold=curve == "A03")


def _read_period(
    period: _Element, place: str, unit: PriceUnit, *, does_hold: bool
) -> Iterator[Span]:
    minutes = _RESOLUTIONS.get(period.read("resolution"))
    if minutes is None:
        raise BadPrices(
            "unsupported_resolution", place,
            f"{period.read('resolution')[:20]!r} is none of {', '.join(_RESOLUTIONS)}.",
        )  # fmt: skip
    first, positions = _read_extent(period, place, minutes)
    points = _read_points(period, place, unit, positions)
    known = sorted(points)
    width = QUARTERS_OF[minutes]
    for position, following in pairwise([*known, positions + 1]):
        count = following - position if does_hold else 1
        yield first + (position - 1) * width, count * width, points[position], place


def _read_extent(period: _Element, place: str, minutes: int) -> tuple[int, int]:
    """Return the first quarter of a period and how many positions it has."""
    start = _read_time(period.read("timeInterval", "start"), place)
    end = _read_time(period.read("timeInterval", "end"), place)
    positions, rest = divmod(end - start, dt.timedelta(minutes=minutes))
    if not dt.timedelta() < end - start <= _MAX_PERIOD or rest:
        raise BadPrices("bad_time", place, "A period does not end after a whole number of prices.")
    return to_quarter(start, place), positions


def _read_time(text: str, place: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise BadPrices("bad_time", place, f"{text[:40]!r} is no time.") from None
    if moment.tzinfo is None:
        raise BadPrices("bad_time", place, f"{text[:40]!r} has no time zone.")
    return moment


def _read_points(period: _Element, place: str, unit: PriceUnit, positions: int) -> dict[int, int]:
    points: dict[int, int] = {}
    for point in period.all("Point"):
        text = point.read("position")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
        if not 1 <= number <= positions or number in points:
            raise BadPrices(
                "bad_position", place,
                f"Position {text[:20]!r} is not one of 1 to {positions}, or is there twice.",
            )  # fmt: skip
        points[number] = read_price(point.read("price.amount"), place, unit=unit)
    return points


class _Tree:
    """Takes what the parser finds. A type definition, which could define entities, is refused."""

    def __init__(self) -> None:
        self.outside = _Element("")
        self._open = [self.outside]

    def begin(self, name: str, _attributes: object) -> None:
        if len(self._open) > _MAX_DEPTH:
            raise BadPrices("bad_document", "", "The elements are nested too deeply.")
        element = _Element(name.rpartition("}")[2])
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def add_text(self, text: str) -> None:
        self._open[-1].text += text

    def refuse(self, *_: object) -> None:
        raise BadPrices(
            "document_type_definition", "", "Remove the document type definition (<!DOCTYPE …>)."
        )


def _parse(document: bytes) -> _Element:
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = tree.begin
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.add_text
    parser.StartDoctypeDeclHandler = tree.refuse
    try:
        parser.Parse(document, True)
    except BadPrices:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise BadPrices("bad_document", "", f"This is no XML: {error}.") from None
    return tree.outside.children[0]
