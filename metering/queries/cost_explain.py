"""Where a cost comes from: samples, decisions, readings, formula, tariff, price."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Q

from metering.models import CostLine, LedgerDecision, Meter, MeterTerm, Register, RegisterFeed
from metering.queries.rating import load_readings
from metering.queries.series import Revision, revisions_of
from metering.queries.tariffs import Segment, find_segments
from metering.series import Series
from metering.storage.entries import start_of
from metering.tariffs.definition import read_definition
from metering.tariffs.energy import UnknownPriceSeries
from metering.tariffs.explain import Explanation, explain_quarter
from metering.tariffs.rating import context_start
from telemetry.ingest.batch import from_microseconds
from telemetry.storage.reads import raw_samples

MOST_SAMPLES = 500
_QUARTER = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Source:
    """One register that a quarter was read from, with what led to it."""

    register: Register
    factor: str
    readings: list[Revision]
    decisions: list[LedgerDecision]
    samples: list[tuple[dt.datetime, float, int]]


@dataclass(frozen=True, slots=True)
class QuarterCost:
    """A quarter from its samples to its price.

    sources: one, or those of a computed meter with their factors. problem: why there is no
    price.
    """

    meter: Meter
    start: dt.datetime
    sources: list[Source]
    segment: Segment | None
    price: Explanation | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LineCost:
    """A cost line with the definition of its component and what corrected it.

    revisions: how many quarters of the line were read in which revision when it was computed.
    """

    line: CostLine
    component: dict[str, object]
    corrections: list[CostLine]
    former: list[CostLine]
    revisions: dict[int, int]
    decisions: list[LedgerDecision]


def explain_line(line: CostLine) -> LineCost:
    """Return where a line comes from."""
    start, end = start_of(line.first_quarter), start_of(line.last_quarter + 1)
    registers = list(_registers(line.meter))
    named = [
        part for part in line.version.definition["components"] if part["name"] == line.component
    ]
    others = CostLine.objects.filter(
        meter_id=line.meter_id, day=line.day, component=line.component, band=line.band
    ).exclude(id=line.id)
    return LineCost(
        line=line, component=named[0] if named else {},
        corrections=list(others.filter(corrects=line).order_by("id")),
        former=list(others.filter(superseded_at__isnull=False).order_by("revision")),
        revisions=_revisions([register for register, _ in registers], start, end, line.readings_at),
        decisions=_decisions([register for register, _ in registers], start, end),
    )  # fmt: skip


def explain_quarter_cost(meter: Meter, quarter: int) -> QuarterCost:
    """Return where the cost of a quarter (number since 1970) of a meter comes from."""
    start = start_of(quarter)
    zone = ZoneInfo(meter.site.timezone)
    day = start.astimezone(zone).date()
    sources = [_source(register, factor, start) for register, factor in _registers(meter)]
    held = find_segments(meter.site, [meter], day, day + dt.timedelta(days=1)).get(meter.id, [])
    if not held:
        return QuarterCost(meter, start, sources, None, None)
    definition = read_definition(held[0].version.definition)
    readings = load_readings(
        [meter], context_start(definition, day), day + dt.timedelta(days=1), zone, [definition]
    )
    try:
        price = explain_quarter(
            definition, quarter=quarter, zone=zone, prices=readings.prices,
            imported=readings.imported.get(meter.id, Series.empty()),
            exported=readings.exported.get(meter.id),
        )  # fmt: skip
    except UnknownPriceSeries as error:
        return QuarterCost(meter, start, sources, held[0], None, str(error.args[0]))
    return QuarterCost(meter, start, sources, held[0], price)


def _registers(meter: Meter) -> list[tuple[Register, str]]:
    """Return the registers that a meter is read from, with their factors."""
    factors = {meter.id: "1"}
    if meter.is_virtual:
        terms = MeterTerm.objects.filter(virtual=meter)
        factors = {term.meter_id: f"{term.factor.normalize():f}" for term in terms}
    rows = Register.objects.filter(meter_id__in=list(factors)).select_related("meter")
    return [(row, factors[row.meter_id]) for row in rows.order_by("meter__name", "quantity")]


def _source(register: Register, factor: str, start: dt.datetime) -> Source:
    end = start + _QUARTER
    feeds = RegisterFeed.objects.filter(register=register, installation__installed_at__lt=end)
    feeds = feeds.filter(Q(installation__removed_at=None) | Q(installation__removed_at__gt=start))
    samples = [
        sample
        for feed in feeds
        if feed.channel_id is not None
        for sample in _samples(register, feed.channel_id, start, end)
    ]
    return Source(
        register, factor, revisions_of(register.id, start, end),
        _decisions([register], start, end), samples,
    )  # fmt: skip


def _samples(
    register: Register, channel: int, start: dt.datetime, end: dt.datetime
) -> list[tuple[dt.datetime, float, int]]:
    """Return the samples of a quarter, both its edges included."""
    rows = raw_samples(
        [channel], start, end + dt.timedelta(microseconds=1), MOST_SAMPLES,
        tenant_id=register.tenant_id,
    )  # fmt: skip
    return [
        (from_microseconds(int(row["time"])), float(row["value"]), int(row["quality"]))
        for row in rows
    ]


def _decisions(
    registers: Sequence[Register], start: dt.datetime, end: dt.datetime
) -> list[LedgerDecision]:
    rows = LedgerDecision.objects.filter(
        register__in=registers, time__lt=end, until__gt=start, superseded_at=None
    )
    return list(rows.order_by("time", "id"))


def _revisions(
    registers: Sequence[Register], start: dt.datetime, end: dt.datetime, known: dt.datetime
) -> dict[int, int]:
    found: dict[int, int] = {}
    for register in registers:
        for row in revisions_of(register.id, start, end):
            if row.recorded_at <= known and (
                row.superseded_at is None or row.superseded_at > known
            ):
                found[row.revision] = found.get(row.revision, 0) + 1
    return found


def find_line(line_id: int) -> CostLine:
    """Return a line. Raises: CostLine.DoesNotExist."""
    rows = CostLine.objects.select_related("meter__site", "version__tariff", "corrects", "period")
    return rows.get(id=line_id)
