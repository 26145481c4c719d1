"""The quality of all devices of a site, day by day, to be compared."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Avg, Case, Count, IntegerField, Max, Q, Sum, Value, When

from devices.models import Device, Site
from telemetry.truth.findings import SCALE, SIGN, STUCK
from telemetry.truth.models import ChannelDay, Grade, SequenceGap

DAYS = 14
# the worst comes first, and stands for a device whose channels differ
GRADES = (Grade.POOR, Grade.FAIR, Grade.GOOD, Grade.UNKNOWN)
_RANK = Case(
    *(When(grade=grade, then=Value(rank)) for rank, grade in enumerate(reversed(GRADES))),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """A device on one day: the worst grade of its channels, their mean completeness (0 to 1)."""

    day: dt.date
    grade: str
    completeness: float | None


@dataclass(frozen=True, slots=True)
class DeviceQuality:
    """A device over some days.

    lateness_p95: s, of its worst channel and day. gaps: in the values of its channels; missing:
    numbers that lack in the count of its messages. stuck, suspicious: days of channels.
    """

    id: uuid.UUID
    name: str
    uid: str
    grade: str
    days: list[DeviceDay]
    completeness: float | None
    lateness_p95: float | None
    gaps: int
    missing: int
    stuck: int
    suspicious: int


@dataclass(frozen=True, slots=True)
class SiteOverview:
    """All devices of a site that measure; days are local ones."""

    first_day: dt.date
    last_day: dt.date
    devices: list[DeviceQuality]

    def count(self, grade: str) -> int:
        """Return how many devices have a grade."""
        return sum(device.grade == grade for device in self.devices)


# what to sort by; ties are settled by name. What is not known comes last in any case.
_Key = Callable[[DeviceQuality], float | str | None]
ORDERINGS: dict[str, _Key] = {
    "name": lambda device: device.name.casefold(),
    "grade": lambda device: GRADES.index(Grade(device.grade)),
    "completeness": lambda device: device.completeness,
    "lateness": lambda device: device.lateness_p95,
    "gaps": lambda device: device.gaps + device.missing,
    "stuck": lambda device: device.stuck,
    "suspicious": lambda device: device.suspicious,
}


def site_overview(
    site: Site,
    *,
    now: dt.datetime,
    first: dt.date | None = None,
    last: dt.date | None = None,
    order: str = "grade",
) -> SiteOverview:
    """Return the devices of a site; the last two weeks unless told. Four queries.

    Args: order: a name of ORDERINGS, with a minus for the other direction.
    """
    today = now.astimezone(ZoneInfo(site.timezone)).date()
    last = last or today
    first = first or last - dt.timedelta(days=DAYS - 1)
    devices = list(Device.objects.filter(site=site).only("id", "name", "uid").order_by("name"))
    ids = [device.id for device in devices]
    rows = ChannelDay.objects.filter(
        channel__device__in=ids, day__range=(first, last), computed_at__isnull=False
    )
    days = _days_of(rows)
    figures = _figures_of(rows)
    missing = _missing_of(ids)
    found = [
        _device(device, days[device.id], figures.get(device.id, {}), missing.get(device.id, 0),
                today=today, span=(first, last))
        for device in devices
    ]  # fmt: skip
    return SiteOverview(first, last, sort_devices(found, order))


def sort_devices(devices: Sequence[DeviceQuality], order: str) -> list[DeviceQuality]:
    """Return devices in an order; those of which it is not known last."""
    key = ORDERINGS.get(order.removeprefix("-"), ORDERINGS["grade"])
    by_name = sorted(devices, key=lambda device: (device.name.casefold(), str(device.id)))
    known = [device for device in by_name if key(device) is not None]
    unknown = [device for device in by_name if key(device) is None]
    return sorted(known, key=key, reverse=order.startswith("-")) + unknown  # type: ignore[arg-type]


def _days_of(rows: Any) -> defaultdict[uuid.UUID, dict[dt.date, DeviceDay]]:
    found: defaultdict[uuid.UUID, dict[dt.date, DeviceDay]] = defaultdict(dict)
    by_day = rows.values("channel__device_id", "day").annotate(
        rank=Max(_RANK), share=Avg("completeness")
    )
    for row in by_day.order_by("channel__device_id", "day"):
        grade = GRADES[len(GRADES) - 1 - row["rank"]]
        found[row["channel__device_id"]][row["day"]] = DeviceDay(row["day"], grade, row["share"])
    return found


def _figures_of(rows: Any) -> dict[uuid.UUID, dict[str, Any]]:
    by_device = rows.values("channel__device_id").annotate(
        completeness=Avg("completeness"),
        lateness_p95=Max("lateness_p95"),
        gaps=Sum("gaps"),
        stuck=Count("id", filter=Q(findings__contains=[STUCK])),
        suspicious=Count("id", filter=Q(findings__overlap=[SCALE, SIGN])),
    )
    return {row.pop("channel__device_id"): row for row in by_device.order_by("channel__device_id")}


def _missing_of(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    open_gaps = SequenceGap.objects.filter(sequence__device__in=ids, filled_at__isnull=True)
    by_device = open_gaps.values("sequence__device_id").annotate(number=Sum("missing"))
    return dict(by_device.order_by().values_list("sequence__device_id", "number"))


def _device(
    device: Device,
    days: dict[dt.date, DeviceDay],
    figures: dict[str, Any],
    missing: int,
    *,
    today: dt.date,
    span: tuple[dt.date, dt.date],
) -> DeviceQuality:
    first, last = span
    dates = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    whole = [day for day in days if day < today] or list(days)
    lateness = figures.get("lateness_p95")
    return DeviceQuality(
        id=device.id,
        name=device.name,
        uid=device.uid,
        grade=days[max(whole)].grade if whole else Grade.UNKNOWN,
        days=[days.get(date, DeviceDay(date, Grade.UNKNOWN, None)) for date in dates],
        completeness=figures.get("completeness"),
        lateness_p95=None if lateness is None or math.isnan(lateness) else lateness,
        gaps=figures.get("gaps") or 0,
        missing=missing,
        stuck=figures.get("stuck") or 0,
        suspicious=figures.get("suspicious") or 0,
    )
