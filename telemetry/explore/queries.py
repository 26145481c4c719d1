"""Channels to choose from; every function runs in a tenant's scope."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from devices.labels import name_channel
from devices.models import Channel
from energy.lib.units import symbol

MAX_CHANNELS = 12
FOUND = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """A channel as the page needs it; `expected` are the seconds between two samples."""

    id: uuid.UUID
    label: str
    device: str
    site: str
    zone: str
    unit: str
    kind: str
    decimals: int
    expected: int


def search_channels(text: str) -> list[Choice]:
    """Return channels whose device, site, name or label contains every word; one query."""
    rows = Channel.objects.select_related("device__site", "device__profile")
    for word in text.split()[:8]:
        rows = rows.filter(
            Q(name__icontains=word) | Q(label__icontains=word)
            | Q(device__name__icontains=word) | Q(device__uid__icontains=word)
            | Q(device__site__name__icontains=word)
        )  # fmt: skip
    found = rows.order_by("device__name", "name", "id")[:FOUND]
    return [_choice(row) for row in sorted(found, key=_place)]


def chosen_channels(uuids: Collection[uuid.UUID]) -> list[Choice]:
    """Return those of the channels that the tenant has, in the order asked; one query."""
    rows = Channel.objects.filter(uuid__in=uuids).select_related("device__site", "device__profile")
    found = {row.uuid: _choice(row) for row in rows}
    return [found[id_] for id_ in uuids if id_ in found]


def named_channel(device_ids: Sequence[uuid.UUID], metric: str) -> list[Choice]:
    """Return the channel of this name of each device; one query."""
    rows = Channel.objects.filter(device_id__in=device_ids, name=metric)
    rows = rows.select_related("device__site", "device__profile").order_by("device__name", "id")
    return [_choice(row) for row in rows[:MAX_CHANNELS]]


def read_ids(texts: Sequence[str]) -> list[uuid.UUID]:
    """Return the ids in texts with commas, each once; what is none is left out."""
    found: list[uuid.UUID] = []
    for part in ",".join(texts).split(","):
        try:
            found.append(uuid.UUID(part.strip()))
        except ValueError:
            continue
    return list(dict.fromkeys(found))[:MAX_CHANNELS]


def _place(channel: Channel) -> tuple[Any, ...]:
    """Return what people look for first within a device."""
    return channel.device.name, str(channel.device_id), name_channel(channel.name).order


def _choice(channel: Channel) -> Choice:
    device = channel.device
    return Choice(
        id=channel.uuid, label=str(name_channel(channel.name, channel.label).label),
        device=device.name, site=device.site.name, zone=device.site.timezone,
        unit=symbol(channel.unit), kind=channel.kind, decimals=channel.decimals,
        expected=channel.expected_interval_seconds or device.profile.expected_interval_seconds,
    )  # fmt: skip
