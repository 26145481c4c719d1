"""What is known about the readings of a device or a site, to be shown."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, QuerySet

from devices.models import Channel, Device, Site
from telemetry.truth.models import (
    ChannelDay,
    DeviceSequence,
    Grade,
    SampleCorrection,
    SequenceGap,
)

DAYS = 14
GAPS = 50
CORRECTIONS = 20
_ORDER = (Grade.POOR, Grade.FAIR, Grade.GOOD, Grade.UNKNOWN)


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """A channel and its days, oldest first; `newest` is the last whole day, else the last."""

    channel: Channel
    days: list[ChannelDay]
    newest: ChannelDay | None

    @property
    def grade(self) -> str:
        """Return the grade of the newest day."""
        return self.newest.grade if self.newest else Grade.UNKNOWN


def quality_of(
    device: Device, *, now: dt.datetime, first: dt.date | None = None, last: dt.date | None = None
) -> list[ChannelQuality]:
    """Return the days of every channel; the last two weeks of the site unless told.

    Two queries, however many channels there are.
    """
    today = now.astimezone(ZoneInfo(device.site.timezone)).date()
    last = last or today
    first = first or last - dt.timedelta(days=DAYS - 1)
    by_channel: defaultdict[int, list[ChannelDay]] = defaultdict(list)
    rows = ChannelDay.objects.filter(channel__device=device, day__range=(first, last))
    for day in rows.order_by("channel_id", "day"):
        by_channel[day.channel_id].append(day)
    channels = Channel.objects.filter(device=device).order_by("name", "id")
    return [
        ChannelQuality(channel, by_channel[channel.id], _newest(by_channel[channel.id], today))
        for channel in channels
    ]


def _newest(days: list[ChannelDay], today: dt.date) -> ChannelDay | None:
    judged = [day for day in days if day.computed_at is not None]
    whole = [day for day in judged if day.day < today]
    return (whole or judged or [None])[-1]  # type: ignore[list-item]


def worst_of(grades: list[str]) -> str:
    """Return the worst of grades; unknown only if nothing else is known."""
    return next((grade for grade in _ORDER if grade in grades), Grade.UNKNOWN)


def sequences_of(device: Device) -> QuerySet[DeviceSequence]:
    """Return the boots of a device whose numbers are known, the newest first."""
    return DeviceSequence.objects.filter(device=device).order_by("-last_at", "-id")


def gaps_of(device: Device) -> QuerySet[SequenceGap]:
    """Return the gaps in the numbers of a device, the newest first."""
    rows = SequenceGap.objects.filter(sequence__device=device).select_related("sequence")
    return rows.order_by("-since", "-id")


def corrections_of(device: Device) -> QuerySet[SampleCorrection]:
    """Return what people set, the newest first."""
    rows = SampleCorrection.objects.filter(channel__device=device).select_related("channel")
    return rows.order_by("-created_at", "-id")


def site_quality(site: Site, *, now: dt.datetime) -> dict[str, Any]:
    """Return yesterday's grades of a site: of all channels, and the devices that are not good."""
    yesterday = now.astimezone(ZoneInfo(site.timezone)).date() - dt.timedelta(days=1)
    rows = ChannelDay.objects.filter(
        channel__device__site=site, day=yesterday, computed_at__isnull=False
    )
    counts = dict.fromkeys(Grade.values, 0)
    counts |= dict(rows.values_list("grade").annotate(number=Count("id")).order_by("grade"))
    by_device: defaultdict[tuple[uuid.UUID, str], list[str]] = defaultdict(list)
    bad = rows.exclude(grade__in=(Grade.GOOD, Grade.UNKNOWN)).order_by("channel__device__name")
    for device_id, name, grade in bad.values_list(
        "channel__device_id", "channel__device__name", "grade"
    ):
        by_device[device_id, name].append(grade)
    return {
        "day": yesterday,
        "grade": worst_of([grade for grade, number in counts.items() if number]),
        "channels": counts,
        "completeness": rows.aggregate(mean=Avg("completeness"))["mean"],
        "devices": [
            {"id": device_id, "name": name, "grade": worst_of(grades), "channels": len(grades)}
            for (device_id, name), grades in by_device.items()
        ],
    }
