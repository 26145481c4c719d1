"""Green Button files (NAESB ESPI): an Atom feed of meter readings and their intervals.

Read as a stream, because a feed of a year has tens of megabytes. A document type, which
entities would need, is refused before anything of it is expanded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from devices.models import Kind
from telemetry.imports.files import BoundedBytes, FileProblem
from telemetry.imports.plan import PlanColumn
from telemetry.quality import Quality

MAX_DEPTH = 32
MAX_TEXT = 4096
_BLOCK = 65_536
COST_SCALE = 1e-5

_UNITS = {
    5: "A", 23: "Cel", 29: "V", 33: "Hz", 38: "W", 42: "m3", 61: "VA", 63: "var", 71: "VAh",
    72: "Wh", 73: "varh", 134: "L", 31: "J", 39: "Pa",
}  # fmt: skip
_DIRECTIONS = {1: "import", 4: "net", 19: "export", 20: "import"}
_KINDS = {1: Kind.COUNTER, 2: Kind.COUNTER, 3: Kind.COUNTER, 4: Kind.INTERVAL, 9: Kind.COUNTER}
_NAMES = {
    "Wh": "active_energy", "varh": "reactive_energy", "W": "active_power",
    "var": "reactive_power", "m3": "gas_volume", "L": "water_volume",
}  # fmt: skip
_QUALITIES = {
    7: Quality.MANUAL, 8: Quality.ESTIMATED, 9: Quality.ESTIMATED, 12: Quality.ESTIMATED,
    10: Quality.UNCERTAIN, 13: Quality.UNCERTAIN,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EspiReading:
    """One IntervalReading; times in seconds since 1970 UTC, as the file has them.

    `block` is where the block of intervals belongs: the link "up" of its entry.
    """

    number: int
    block: str
    start: int
    duration: int
    value: int
    cost: int | None = None
    quality: Quality = Quality.GOOD


@dataclass(slots=True)
class Series:
    """A MeterReading with what its ReadingType says."""

    title: str = ""
    href: str = ""
    links: list[str] = field(default_factory=list)
    type: dict[str, int] = field(default_factory=dict)

    def owns(self, block: str) -> bool:
        """Tell whether a block of intervals belongs to it."""
        return block in self.links or block.startswith(f"{self.href}/")


@dataclass(slots=True)
class _Entry:
    title: str = ""
    self_href: str = ""
    up: str = ""
    related: list[str] = field(default_factory=list)
    content: str = ""
    fields: dict[str, int] = field(default_factory=dict)


class _Feed:
    """Receives the events of the parser; `done` are entries, `readings` intervals."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.entry = _Entry()
        self.entries: list[_Entry] = []
        self.readings: list[EspiReading] = []
        self._text: list[str] = []
        self._length = 0
        self._reading: dict[str, int] = {}
        self._worst = Quality.GOOD
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self.path.append(local)
        if len(self.path) > MAX_DEPTH:
            raise FileProblem("bad_xml", "The elements are nested too deep.")
        self._text, self._length = [], 0
        if local == "entry":
            self.entry = _Entry()
        elif local == "link":
            self._link(attributes.get("rel", ""), attributes.get("href", ""))
        elif local == "IntervalReading":
            self._reading, self._worst = {}, Quality.GOOD
        elif self.path[-2:-1] == ["content"]:
            self.entry.content = local

    def text(self, data: str) -> None:
        self._length += len(data)
        if self._length <= MAX_TEXT:
            self._text.append(data)

    def end(self, name: str) -> None:
        local = self.path.pop()
        text = "".join(self._text).strip()
        self._text, self._length = [], 0
        parent = self.path[-1] if self.path else ""
        if local == "IntervalReading":
            self._finish_reading()
        elif "IntervalReading" in self.path:
            self._reading_field(local, parent, text)
        elif local == "entry":
            self.entries.append(self.entry)
        elif local == "title" and parent == "entry":
            self.entry.title = text[:100]
        elif parent in {"ReadingType", "LocalTimeParameters"}:
            self.entry.fields[local] = _integer(text)

    def _link(self, rel: str, href: str) -> None:
        if rel == "self":
            self.entry.self_href = href
        elif rel == "up":
            self.entry.up = href
        elif rel == "related":
            self.entry.related.append(href)

    def _reading_field(self, local: str, parent: str, text: str) -> None:
        if local == "quality":
            found = _QUALITIES.get(_integer(text), Quality.GOOD)
            self._worst = max(self._worst, found, key=_DOUBT.index)
        elif (parent, local) in {
            ("timePeriod", "start"), ("timePeriod", "duration"),
            ("IntervalReading", "value"), ("IntervalReading", "cost"),
        }:  # fmt: skip
            self._reading[local] = _integer(text)

    def _finish_reading(self) -> None:
        self._count += 1
        found = self._reading
        if "start" not in found or "value" not in found:
            raise FileProblem("bad_espi", f"Interval {self._count} has no start or no value.")
        self.readings.append(
            EspiReading(
                number=self._count,
                block=self.entry.up or self.entry.self_href,
                start=found["start"],
                duration=found.get("duration", 0),
                value=found["value"],
                cost=found.get("cost"),
                quality=self._worst,
            )
        )


_DOUBT = [Quality.GOOD, Quality.MANUAL, Quality.ESTIMATED, Quality.UNCERTAIN]


def read_feed(source: BoundedBytes) -> Iterator[EspiReading | _Entry]:
    """Yield entries and readings in the order of the file.

    Raises: FileProblem: bad_xml, unsafe_xml, bad_espi.
    """
    feed = _Feed()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = feed.start
    parser.EndElementHandler = feed.end
    parser.CharacterDataHandler = feed.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.buffer_text = True
    while True:
        data = source.read(_BLOCK) or b""
        try:
            parser.Parse(data, not data)
        except expat.ExpatError as error:
            raise FileProblem("bad_xml", f"The XML is broken: {error}.") from error
        yield from feed.readings
        yield from feed.entries
        feed.readings, feed.entries = [], []
        if not data:
            return


def read_series(source: BoundedBytes, *, limit: int | None = None) -> list[Series]:
    """Return the meter readings of a feed that have intervals and a type.

    Args: limit: look at so many intervals, if what they belong to stood before them.

    Raises: FileProblem: as `read_feed`, and no_readings.
    """
    types: dict[str, dict[str, int]] = {}
    found: list[Series] = []
    blocks: dict[str, None] = {}
    for item in read_feed(source):
        if isinstance(item, EspiReading):
            blocks[item.block] = None
            if limit and item.number >= limit and types and found:
                break
        elif item.content == "ReadingType":
            types[item.self_href] = item.fields
        elif item.content == "MeterReading":
            found.append(Series(item.title, item.self_href, item.related))
    for series in found:
        series.type = next((types[link] for link in series.links if link in types), {})
        if not series.type and len(types) == 1:
            series.type = next(iter(types.values()))
    used = [series for series in found if any(series.owns(block) for block in blocks)]
    if not used:
        raise FileProblem("no_readings", "The file has no intervals of a meter reading.")
    return used


def columns_of(series: list[Series]) -> list[PlanColumn]:
    """Return a column for the values of each series (2n) and one for their cost (2n + 1)."""
    columns: list[PlanColumn] = []
    for number, one in enumerate(series):
        column = _value_column(number, one)
        taken = {known.channel for known in columns}
        if column.channel in taken:
            column = replace(column, channel=f"{column.channel}_{number + 1}")
        cost = "energy_cost_interval" if number == 0 else f"energy_cost_interval_{number + 1}"
        columns += [
            column,
            PlanColumn(2 * number + 1, cost, "", Kind.INTERVAL, COST_SCALE, f"{one.title}: cost"),
        ]
    return columns


def _value_column(number: int, series: Series) -> PlanColumn:
    code = series.type.get("uom", 0)
    unit = _UNITS.get(code)
    if unit is None:
        raise FileProblem("unknown_unit", f"The unit of measure {code} of ESPI is not known here.")
    kind = _KINDS.get(series.type.get("accumulationBehaviour", 4), Kind.GAUGE)
    name = _NAMES.get(unit, "reading")
    if unit in {"Wh", "varh", "W", "var"}:
        name = f"{name}_{_DIRECTIONS.get(series.type.get('flowDirection', 1), 'import')}"
    if kind == Kind.INTERVAL:
        name = f"{name}_interval"
    scale = 10.0 ** series.type.get("powerOfTenMultiplier", 0)
    return PlanColumn(2 * number, name, unit, kind, scale, series.title)


def _refuse_doctype(*args: object) -> None:
    raise FileProblem("unsafe_xml", "The file declares a document type, which is refused.")


def _integer(text: str) -> int:
    """Return a number of a field; fields that are texts count as 0."""
    try:
        return int(text)
    except ValueError:
        return 0
