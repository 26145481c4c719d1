"""How warm it was outside: daily means of a channel of a site."""

from __future__ import annotations

import datetime as dt
import uuid
from zoneinfo import ZoneInfo

import numpy as np

from devices.models import Channel, Kind
from metering.analysis.local import first_quarter, group_starts, local_days, to_date, to_moment
from metering.series import QUARTER_US
from telemetry.storage.reads import rollup_rows

UNIT = "Cel"
_OUTSIDE = ("outdoor", "outside", "external", "ambient", "weather")
_AIR = "air_temp"
# of the 24 hours of a day, a value is needed in so many
_LEAST_HOURS = 22


def outdoor_channels(site_id: uuid.UUID) -> list[Channel]:
    """Return what measures °C at a site, with its device; by name, outdoors first."""
    rows = Channel.objects.filter(device__site_id=site_id, unit=UNIT, kind=Kind.GAUGE)
    found = list(rows.select_related("device").order_by("device__name", "name", "id"))
    return sorted(found, key=lambda channel: not is_outside(channel))


def is_outside(channel: Channel) -> bool:
    """Tell whether the names say that a channel is outdoors."""
    words = f"{channel.name} {channel.label} {channel.device.name}".lower()
    return any(word in words for word in _OUTSIDE)


def choose_channel(channels: list[Channel]) -> Channel | None:
    """Return the one outdoors, or the only one of air; None where nobody can tell."""
    outside = [channel for channel in channels if is_outside(channel)]
    if outside:
        return outside[0]
    air = [channel for channel in channels if channel.name == _AIR]
    return air[0] if len(air) == 1 else None


def read_temperatures(
    channel: Channel, start: dt.date, end: dt.date, zone: ZoneInfo
) -> dict[dt.date, float]:
    """Return the mean °C of the local days [start, end) that are known on nearly all hours."""
    rows = rollup_rows(
        [channel.id], to_moment(first_quarter(start, zone)), to_moment(first_quarter(end, zone)),
        tenant_id=channel.tenant_id, columns=("count", "sum"),
    )  # fmt: skip
    rows = rows[(rows["count"] > 0) & np.isfinite(rows["sum"])]
    if not len(rows):
        return {}
    quarters = rows["start"] // QUARTER_US
    hours = group_starts(quarters // 4)
    means = rows["sum"] / rows["count"]
    of_hours = np.add.reduceat(means, hours) / np.diff(np.append(hours, len(means)))
    days = local_days(quarters[hours], zone)
    starts = group_starts(days)
    counts = np.diff(np.append(starts, len(days)))
    of_days = np.add.reduceat(of_hours, starts) / counts
    return {
        to_date(day): float(mean)
        for day, mean, count in zip(days[starts], of_days, counts, strict=True)
        if count >= _LEAST_HOURS
    }
