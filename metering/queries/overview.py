"""Meters of the tenant in scope with what they counted today and this month."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from devices.models import Site
from metering.models import LedgerState, Meter, Quantity
from metering.queries.energy import MOST_SHARED
from metering.queries.meters import list_meters
from metering.queries.series import Days, meter_days
from metering.series import Ints
from telemetry.ingest.batch import from_microseconds

EPOCH = dt.date(1970, 1, 1)
QUARTERS_A_DAY = 96


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A meter in its tree; amounts in millionths, None where nothing is known.

    `certain`: share of the month's quarters until now that are measured, alone or together;
    `shared`: that are measured together only.
    `rest`: what its submeters do not count of its month. `newest`: of the samples in the ledger.
    """

    meter: Meter
    depth: int
    today: int | None
    month: int | None
    certain: float | None
    shared: float
    newest: dt.datetime | None
    rest: int | None

    @property
    def light(self) -> str:
        """Return good, shared, uncertain, bad or missing.

        shared: the sum is certain, but when it was used is not known well.
        """
        if self.certain is None:
            return "missing"
        if self.certain >= 0.99:
            return "shared" if self.shared > MOST_SHARED else "good"
        return "uncertain" if self.certain >= 0.9 else "bad"


@dataclass(frozen=True, slots=True)
class SiteMeters:
    """The meters of a site, those above before those below them."""

    site: Site
    rows: list[MeterRow] = field(default_factory=list)


def meter_tree(*, now: dt.datetime) -> list[SiteMeters]:
    """Return all meters by site and name; as many queries whatever their number.

    A meter that counts no import, such as one of a PV plant, is shown by what it delivers.
    """
    meters = list(list_meters().order_by("site__name", "site_id", "name", "id"))
    first = (now - dt.timedelta(days=1)).date().replace(day=1)
    last = (now + dt.timedelta(days=2)).date()
    days = meter_days([meter for meter in meters if not _delivers(meter)], first, last)
    delivering = [meter for meter in meters if _delivers(meter)]
    if delivering:
        days |= meter_days(delivering, first, last, Quantity.EXPORT)
    newest = _newest(meters)
    by_site: dict[uuid.UUID, list[Meter]] = defaultdict(list)
    for meter in meters:
        by_site[meter.site_id].append(meter)
    return [_site_of(some, days, newest, now) for some in by_site.values()]


def _site_of(
    meters: Sequence[Meter],
    days: Mapping[uuid.UUID, Days],
    newest: Mapping[uuid.UUID, dt.datetime],
    now: dt.datetime,
) -> SiteMeters:
    site = meters[0].site
    local = now.astimezone(ZoneInfo(site.timezone))
    today, month = local.date(), local.date().replace(day=1)
    known = {meter.id: _since(days.get(meter.id), month) for meter in meters}
    months = {meter: _sum(rows) for meter, rows in known.items()}
    used = {meter.id: None if _delivers(meter) else months[meter.id] for meter in meters}
    below: dict[uuid.UUID | None, list[Meter]] = defaultdict(list)
    for meter in meters:
        below[meter.parent_id].append(meter)
    elapsed = (today - month).days * QUARTERS_A_DAY + (local.hour * 60 + local.minute) // 15
    rows = [
        MeterRow(
            meter,
            depth,
            _sum(_since(known[meter.id], today)),
            months[meter.id],
            _certain(known[meter.id], elapsed),
            _shared(known[meter.id], elapsed),
            newest.get(meter.id),
            _rest(meter, below[meter.id], used),
        )
        for meter, depth in _walk(below, None, 0)
    ]
    return SiteMeters(site, rows)


def _delivers(meter: Meter) -> bool:
    quantities = {register.quantity for register in meter.registers.all()}
    return quantities == {Quantity.EXPORT}


def _walk(
    below: Mapping[uuid.UUID | None, Sequence[Meter]], parent: uuid.UUID | None, depth: int
) -> Iterator[tuple[Meter, int]]:
    for meter in below.get(parent, ()):
        yield meter, depth
        yield from _walk(below, meter.id, depth + 1)


def _since(rows: Days | None, day: dt.date) -> Days | None:
    return None if rows is None else rows[rows["day"] >= (day - EPOCH).days]


def _sum(rows: Days | None) -> int | None:
    return None if rows is None or not len(rows) else int(rows["amount"].sum())


def _certain(rows: Days | None, elapsed: int) -> float | None:
    if rows is None or not len(rows):
        return None
    quarters: Ints = rows["quarters"].astype("int64")
    sure = int((quarters - rows["estimated_quarters"]).sum())
    return min(1.0, sure / max(elapsed - 1, int(quarters.sum()), 1))


def _shared(rows: Days | None, elapsed: int) -> float:
    if rows is None or not len(rows):
        return 0.0
    whole = max(elapsed - 1, int(rows["quarters"].astype("int64").sum()), 1)
    return int(rows["prorated_quarters"].astype("int64").sum()) / whole


def _rest(
    meter: Meter, below: Sequence[Meter], months: Mapping[uuid.UUID, int | None]
) -> int | None:
    whole = months[meter.id]
    parts = [months[child.id] for child in below if child.is_active]
    known = [part for part in parts if part is not None]
    if whole is None or not parts or len(known) < len(parts):
        return None
    return whole - sum(known)


def _newest(meters: Sequence[Meter]) -> dict[uuid.UUID, dt.datetime]:
    registers = {register.id: meter.id for meter in meters for register in meter.registers.all()}
    found: dict[uuid.UUID, dt.datetime] = {}
    rows = LedgerState.objects.filter(register_id__in=list(registers), built_until__isnull=False)
    for register, until in rows.values_list("register_id", "built_until"):
        moment, meter = from_microseconds(until or 0), registers[register]
        found[meter] = max(moment, found.get(meter, moment))
    return found
