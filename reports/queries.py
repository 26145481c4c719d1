"""What the overview pages show; every function runs in a tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet

from devices.labels import pick_headlines
from devices.models import Channel, Device, Kind, Lifecycle
from devices.presence import (
    Presence,
    late_after_seconds,
    offline_after_seconds,
    presence_of,
)
from reports.readings import Reading, read_channel
from reports.sparkline import Sparkline, draw_sparkline
from telemetry.history import last_day_of
from telemetry.models import LatestValue

DEVICES_PER_PAGE = 50
HEADLINES_PER_ROW = 3
TILES = 4


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device on the overview."""

    id: uuid.UUID
    name: str
    profile: str
    gateway: str
    presence: Presence
    last_seen_at: dt.datetime | None
    late_after_seconds: float
    stale_after_seconds: int
    readings: tuple[Reading, ...]
    spark: Sparkline | None


@dataclass(frozen=True, slots=True)
class SiteSection:
    """A site with those of its devices that stand on this page."""

    id: uuid.UUID
    name: str
    address: str
    timezone: str
    devices: tuple[DeviceRow, ...]


@dataclass(frozen=True, slots=True)
class PresenceCount:
    """How many devices are in a state; `presence` is blank for all of them."""

    presence: str
    number: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """The customer's home page."""

    counts: tuple[PresenceCount, ...]
    sites: tuple[SiteSection, ...]
    page: Page[uuid.UUID]
    search: str
    presence: str
    has_devices: bool


@dataclass(frozen=True, slots=True)
class ReadingGroup:
    """Channels that belong together, such as all voltages."""

    name: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class DevicePage:
    """One device with all its channels."""

    id: uuid.UUID
    name: str
    uid: str
    serial_number: str
    site: str
    timezone: str
    profile: str
    gateway: str
    zone: str
    firmware_version: str
    lifecycle: str
    presence: Presence
    last_seen_at: dt.datetime | None
    late_after_seconds: float
    stale_after_seconds: int
    expected_interval_seconds: int
    headlines: tuple[Reading, ...]
    groups: tuple[ReadingGroup, ...]
    charted: str


def overview(
    *, now: dt.datetime, search: str = "", presence: str = "", page: str = "1"
) -> Overview:
    """Read the home page in four queries, whatever the size of the fleet.

    Presence depends on `now`, so it is decided here for all devices that match the
    search; only the devices of one page are read in full.
    """
    presences = _presences(_matching(search), now=now)
    chosen = [id_ for id_, state in presences.items() if presence in ("", state)]
    part = Paginator(chosen, DEVICES_PER_PAGE).get_page(page)
    return Overview(
        counts=_count(presences.values(), presence),
        sites=_sections(list(part.object_list), presences, now=now),
        page=part,
        search=search,
        presence=presence,
        has_devices=bool(presences) or (bool(search) and Device.objects.exists()),
    )


def device_page(
    device_id: uuid.UUID, *, now: dt.datetime, with_readings: bool = True
) -> DevicePage:
    """Read one device in two queries, in one without its readings.

    Raises: Device.DoesNotExist: the tenant has no such device.
    """
    device = Device.objects.select_related("site", "zone", "gateway", "profile").get(id=device_id)
    readings = _readings_of([device.id]).get(device.id, []) if with_readings else []
    names = pick_headlines({reading.name for reading in readings}, TILES)
    by_name = {reading.name: reading for reading in readings}
    interval = device.profile.expected_interval_seconds
    return DevicePage(
        id=device.id,
        name=device.name,
        uid=device.uid,
        serial_number=device.serial_number,
        site=device.site.name,
        timezone=device.site.timezone,
        profile=str(device.profile),
        gateway=device.gateway.name if device.gateway else "",
        zone=device.zone.name if device.zone else "",
        firmware_version=device.firmware_version,
        lifecycle=device.get_lifecycle_display(),
        presence=_presence(device, interval, now=now),
        last_seen_at=device.last_seen_at,
        late_after_seconds=late_after_seconds(interval),
        stale_after_seconds=offline_after_seconds(interval),
        expected_interval_seconds=interval,
        headlines=tuple(by_name[name] for name in names),
        groups=_group(readings),
        charted=names[0] if names else "",
    )


def _matching(search: str) -> QuerySet[Device]:
    in_service = Device.objects.exclude(lifecycle=Lifecycle.DECOMMISSIONED)
    devices = in_service.order_by("site__name", "name", "id")
    for word in search.split():
        devices = devices.filter(
            Q(name__icontains=word)
            | Q(uid__icontains=word)
            | Q(serial_number__icontains=word)
            | Q(site__name__icontains=word)
            | Q(gateway__name__icontains=word)
        )
    return devices


def _presences(devices: QuerySet[Device], *, now: dt.datetime) -> dict[uuid.UUID, Presence]:
    rows = devices.values_list(
        "id",
        "last_seen_at",
        "reported_status",
        "reported_status_at",
        "profile__expected_interval_seconds",
    )
    return {
        id_: presence_of(
            now=now,
            last_seen_at=last_seen_at,
            reported_status=status,
            reported_status_at=status_at,
            expected_interval_seconds=interval,
        )
        for id_, last_seen_at, status, status_at, interval in rows.iterator(chunk_size=5000)
    }


def _presence(device: Device, interval: int, *, now: dt.datetime) -> Presence:
    return presence_of(
        now=now,
        last_seen_at=device.last_seen_at,
        reported_status=device.reported_status,
        reported_status_at=device.reported_status_at,
        expected_interval_seconds=interval,
    )


def _count(presences: Iterable[Presence], chosen: str) -> tuple[PresenceCount, ...]:
    numbers = Counter(presences)
    return (
        PresenceCount("", numbers.total(), chosen == ""),
        *(PresenceCount(state.value, numbers[state], chosen == state) for state in Presence),
    )


def _sections(
    ids: Sequence[uuid.UUID], presences: dict[uuid.UUID, Presence], *, now: dt.datetime
) -> tuple[SiteSection, ...]:
    devices = list(
        Device.objects.filter(id__in=ids)
        .select_related("site", "gateway", "profile")
        .order_by("site__name", "name", "id")
    )
    readings = _readings_of(ids)
    headlines = {id_: _headlines(found) for id_, found in readings.items()}
    sparks = _sparks(devices, headlines, now=now)
    rows = [
        (device, _row(device, presences[device.id], headlines.get(device.id, ()), sparks))
        for device in devices
    ]
    return tuple(
        SiteSection(site.id, site.name, site.address, site.timezone, tuple(r for _, r in members))
        for site, members in groupby(rows, key=lambda pair: pair[0].site)
    )


def _row(
    device: Device,
    presence: Presence,
    readings: tuple[Reading, ...],
    sparks: dict[uuid.UUID, Sparkline | None],
) -> DeviceRow:
    interval = device.profile.expected_interval_seconds
    return DeviceRow(
        id=device.id,
        name=device.name,
        profile=str(device.profile),
        gateway=device.gateway.name if device.gateway else "",
        presence=presence,
        last_seen_at=device.last_seen_at,
        late_after_seconds=late_after_seconds(interval),
        stale_after_seconds=offline_after_seconds(interval),
        readings=readings,
        spark=sparks.get(device.id),
    )


def _readings_of(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Reading]]:
    """Read all channels of the devices with their latest values; one query."""
    channels = Channel.objects.filter(device_id__in=ids).select_related("latest")
    found: dict[uuid.UUID, list[Reading]] = {}
    for channel in channels.order_by("device_id", "name", "id"):
        reading = read_channel(channel, _latest_of(channel))
        found.setdefault(channel.device_id, []).append(reading)
    return found


def _latest_of(channel: Channel) -> LatestValue | None:
    try:
        return channel.latest
    except LatestValue.DoesNotExist:
        return None


def _headlines(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    by_name = {reading.name: reading for reading in readings}
    return tuple(by_name[name] for name in pick_headlines(set(by_name), HEADLINES_PER_ROW))


def _sparks(
    devices: Sequence[Device],
    headlines: dict[uuid.UUID, tuple[Reading, ...]],
    *,
    now: dt.datetime,
) -> dict[uuid.UUID, Sparkline | None]:
    """Draw the first gauge of each device: a counter would only be a slope."""
    channels = {
        id_: next((r.channel_id for r in readings if r.kind == Kind.GAUGE), None)
        for id_, readings in headlines.items()
    }
    drawn = [channel for channel in channels.values() if channel is not None]
    if not drawn:
        return {}
    days = last_day_of(drawn, tenant_id=devices[0].tenant_id, now=now)
    return {id_: draw_sparkline(days[c]) for id_, c in channels.items() if c is not None}


def _group(readings: Sequence[Reading]) -> tuple[ReadingGroup, ...]:
    ordered = sorted(readings, key=lambda reading: reading.order)
    groups: dict[str, list[Reading]] = {}
    for reading in ordered:
        groups.setdefault(reading.group, []).append(reading)
    return tuple(ReadingGroup(name, tuple(members)) for name, members in groups.items())
