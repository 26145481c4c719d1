"""A channel with its latest value, ready to be shown."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from devices.labels import name_channel
from devices.models import Channel
from telemetry.models import LatestValue
from telemetry.quality import QUALITY_NAMES, Quality


@dataclass(frozen=True, slots=True)
class Reading:
    """`key` names the channel on the live socket; a value that never came is None."""

    key: str
    channel_id: int
    name: str
    label: str
    short_label: str
    group: str
    order: tuple[int, int, str]
    phase: str
    kind: str
    unit: str
    decimals: int
    value: float | None
    at: dt.datetime | None
    quality: str


def read_channel(channel: Channel, latest: LatestValue | None) -> Reading:
    """Join a channel and its latest value."""
    naming = name_channel(channel.name, channel.label)
    return Reading(
        key=f"{channel.device_id}|{channel.name}",
        channel_id=channel.id,
        name=channel.name,
        label=naming.label,
        short_label=naming.short,
        group=naming.group,
        order=naming.order,
        phase=channel.phase,
        kind=channel.kind,
        unit=channel.unit,
        decimals=channel.decimals,
        value=latest.value if latest else None,
        at=latest.time if latest else None,
        quality=_quality_of(latest),
    )


def _quality_of(latest: LatestValue | None) -> str:
    if latest is None or latest.value is None:
        return QUALITY_NAMES[Quality.MISSING]
    return QUALITY_NAMES.get(latest.quality, QUALITY_NAMES[Quality.UNCERTAIN])
