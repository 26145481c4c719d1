"""From topics and metric names to channels, without asking the database twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from django.db import connection
from django.db.models import BigIntegerField
from django.db.models.functions import Cast, Extract
from numpy.typing import NDArray

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, Gateway
from devices.services.channels import TooManyChannels, add_channels
from energy.lib.units import IncompatibleUnits, UnknownUnit, conversion
from telemetry.ingest.topics import Family, Route, TopicError, parse_topic

TTL_SECONDS = 30.0
# Topics that came together expire in groups of whole gateways, so that no batch waits for
# all of them and no query looks for devices at gateways of another group.
REFRESH_GROUPS = 8
NEGATIVE_TTL_SECONDS = 3.0
MAX_SOURCES = 200_000
# (gateway, identifier) of a device
BySegment = dict[tuple[uuid.UUID | None, str], "Source"]
_NEVER = np.iinfo(np.int64).min

SLOT_DTYPE = np.dtype(
    [
        ("channel", "<i4"),
        ("factor", "<f8"),
        ("divisor", "<f8"),
        ("offset", "<f8"),
        ("minimum", "<f8"),
        ("maximum", "<f8"),
        ("latest", "<i8"),  # time of the newest value known here, µs
    ]
)


_CHANNEL_FIELDS = (
    *("id", "device_id", "name", "source", "source_unit", "unit", "scale"),
    *("minimum", "maximum", "latest__channel_id"),
)
_LATEST_US = Cast(Extract("latest__time", "epoch") * 1_000_000, BigIntegerField())
_ADD_LATEST = """
INSERT INTO telemetry_latestvalue (channel_id, tenant_id, quality)
SELECT id, tenant_id, 0 FROM devices_channel WHERE id = ANY(%s) ORDER BY id
ON CONFLICT DO NOTHING
"""


class ChannelRow(NamedTuple):
    """A channel as the pipeline needs it.

    `latest_id` is None without a row of the latest value; `latest_us` is its time, µs UTC.
    Ten thousand model objects with their latest values would take 0.7 s, these take 0.1 s.
    """

    id: int
    device_id: uuid.UUID
    name: str
    source: str
    source_unit: str
    unit: str
    scale: float
    minimum: float | None
    maximum: float | None
    latest_id: int | None
    latest_us: int | None


@dataclass(slots=True)
class Source:
    """A device that sends, with the slots of its metrics.

    `error` holds (code, detail) when nothing may be stored from it.
    """

    tenant_id: uuid.UUID | None = None
    gateway_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None
    slots: dict[str, int] = field(default_factory=dict)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    route: Route | None = None
    error: tuple[str, str] | None = None
    expires_at: float = 0.0


class Directory:
    """Bounded cache of sources; what is missing for a batch costs three queries."""

    def __init__(self) -> None:
        self._by_topic: dict[str, Source] = {}
        self._slot_of_channel: dict[int, int] = {}
        self.table = _empty_table(1024)

    def find(self, topic: str, *, clock: float) -> Source | None:
        """Return the cached source of a topic; None when `load` must be asked."""
        source = self._by_topic.get(topic)
        if source is None or source.expires_at < clock:
            return None
        return source

    def load(self, topics: Iterable[str], *, clock: float) -> None:
        """Read the sources of these topics; afterwards `find` knows each of them."""
        if len(self._by_topic) > MAX_SOURCES:
            self._by_topic.clear()
        routes: dict[str, Route] = {}
        for topic in topics:
            try:
                routes[topic] = parse_topic(topic)
            except TopicError as error:
                self._keep(topic, Source(error=(error.code, str(error))), clock)
        self._load_gateways({t: r for t, r in routes.items() if r.gateway_uid}, clock)
        self._load_direct({t: r for t, r in routes.items() if r.device_id}, clock)

    def device_of(self, gateway_id: uuid.UUID, uid: str, *, clock: float) -> Source:
        """Return the source of a device that the payload of a gateway names."""
        topic = f"{gateway_id}//{uid}"
        known = self.find(topic, clock=clock)
        if known is not None:
            return known
        with all_tenants():
            device = Device.objects.filter(gateway_id=gateway_id, uid=uid).first()
        found = self._device_sources([device] if device else [])
        if device:
            self._keep(topic, found[device.id], clock)
        else:
            detail = f"The gateway has no device {uid[:64]!r}; register it, then replay."
            self._keep(topic, Source(error=("unknown_device", detail)), clock)
        return self._by_topic[topic]

    def add_metrics(self, source: Source, metrics: list[str]) -> None:
        """Make channels of metrics the device has not sent before.

        What cannot become a channel stands in `source.refused` afterwards, with
        (code, detail), until the source is read again.
        """
        if source.device_id is None or source.tenant_id is None:
            return
        reason = "unknown_metric", "The device has no such channel; add it, then replay."
        try:
            with all_tenants():
                add_channels(
                    device_id=source.device_id, tenant_id=source.tenant_id, metrics=metrics
                )
                device = Device.objects.get(id=source.device_id)
            source.slots.update(self._device_sources([device])[device.id].slots)
        except TooManyChannels as error:
            reason = "too_many_channels", str(error)
        except Device.DoesNotExist:
            reason = "unknown_device", "The device was deleted."
        for metric in metrics:
            if metric not in source.slots:
                source.refused[metric] = reason

    def _keep(self, topic: str, source: Source, clock: float) -> None:
        early = hash(source.gateway_id or topic) % REFRESH_GROUPS / REFRESH_GROUPS / 2
        ttl = NEGATIVE_TTL_SECONDS if source.error else TTL_SECONDS * (1 - early)
        source.expires_at = clock + ttl
        self._by_topic[topic] = source

    def _load_gateways(self, routes: dict[str, Route], clock: float) -> None:
        if not routes:
            return
        uids = {route.gateway_uid for route in routes.values()}
        with all_tenants():
            gateways = {
                gateway.uid: gateway
                for gateway in Gateway.objects.filter(uid__in=uids).only("id", "uid", "tenant_id")
            }
            wanted = {
                (gateways[route.gateway_uid].id, route.device_uid or route.gateway_uid)
                for route in routes.values()
                if route.gateway_uid in gateways
            }
            devices = [
                device
                for device in Device.objects.filter(
                    gateway_id__in={gateway for gateway, _ in wanted},
                    uid__in={uid for _, uid in wanted},
                ).only("id", "tenant_id", "gateway_id", "uid")
                if (device.gateway_id, device.uid) in wanted
            ]
        by_device = self._device_sources(devices)
        by_uid: BySegment = {(d.gateway_id, d.uid): by_device[d.id] for d in devices}
        for topic, route in routes.items():
            gateway = gateways.get(route.gateway_uid)
            self._keep(topic, _gateway_source(route, gateway, by_uid), clock)

    def _load_direct(self, routes: dict[str, Route], clock: float) -> None:
        if not routes:
            return
        with all_tenants():
            devices = list(
                Device.objects.filter(
                    id__in={route.device_id for route in routes.values()}, gateway__isnull=True
                )
            )
        by_device = self._device_sources(devices)
        for topic, route in routes.items():
            source = by_device.get(route.device_id) if route.device_id else None
            if source is None:
                detail = "No device of its own connection has this id; register it, then replay."
                self._keep(topic, Source(route=route, error=("unknown_device", detail)), clock)
            else:
                self._keep(topic, _with_route(source, route), clock)

    def _device_sources(self, devices: list[Device]) -> dict[uuid.UUID, Source]:
        sources = {
            device.id: Source(
                tenant_id=device.tenant_id,
                gateway_id=device.gateway_id,
                device_id=device.id,
            )
            for device in devices
        }
        for channel, slot in self._load_channels(list(sources)):
            slots = sources[channel.device_id].slots
            if channel.source_unit == channel.unit and channel.scale == 1.0:
                # a canonical name comes in the stored unit: never convert it
                slots.setdefault(channel.name, slot)
            slots[channel.source] = slot
        return sources

    def _load_channels(self, device_ids: list[uuid.UUID]) -> list[tuple[ChannelRow, int]]:
        with all_tenants():
            channels = [
                ChannelRow(*row)
                for row in Channel.objects.filter(device_id__in=device_ids)
                .order_by("id")
                .values_list(*_CHANNEL_FIELDS, _LATEST_US)
            ]
        missing = [channel.id for channel in channels if channel.latest_id is None]
        if missing:
            with connection.cursor() as cursor:
                cursor.execute(_ADD_LATEST, [missing])
        return list(zip(channels, self._write_slots(channels), strict=True))

    def _write_slots(self, channels: list[ChannelRow]) -> list[int]:
        """Put channels into the table; return the slot of each, the same as ever."""
        known = self._slot_of_channel
        slots = [known.setdefault(channel.id, len(known)) for channel in channels]
        while len(known) > len(self.table):
            self.table = np.concatenate([self.table, _empty_table(len(self.table))])
        entries = np.array([_slot_entry(channel) for channel in channels], dtype=SLOT_DTYPE)
        index = np.array(slots, dtype=np.int64)
        entries["latest"] = np.maximum(entries["latest"], self.table["latest"][index])
        self.table[index] = entries
        return slots


def _empty_table(size: int) -> NDArray[np.void]:
    table = np.zeros(size, dtype=SLOT_DTYPE)
    table["latest"] = _NEVER
    return table


def _slot_entry(channel: ChannelRow) -> tuple[float, ...]:
    """Return the fields of SLOT_DTYPE."""
    return (
        channel.id,
        *_linear(channel.scale, channel.source_unit, channel.unit),
        -np.inf if channel.minimum is None else channel.minimum,
        np.inf if channel.maximum is None else channel.maximum,
        _NEVER if channel.latest_us is None else channel.latest_us,
    )


@lru_cache(maxsize=4096)
def _linear(scale: float, source_unit: str, unit: str) -> tuple[float, float, float]:
    """Return factor, divisor and offset from the payload's number to the stored unit.

    350 W ÷ 1000 is 0.35 kW, but × 0.001 is 0.35000000000000003: where the inverse of the
    factor is whole, it divides.
    """
    try:
        found = conversion(source_unit, unit)
    except (UnknownUnit, IncompatibleUnits):
        # a profile with a wrong unit is refused when it is saved; keep the raw number
        return scale, 1.0, 0.0
    factor = scale * found.factor
    inverse = round(1 / factor) if factor else 0
    if 0 < abs(factor) < 1 and abs(inverse * factor - 1) < 1e-12:
        return 1.0, float(inverse), found.offset
    return factor, 1.0, found.offset


def _gateway_source(route: Route, gateway: Gateway | None, by_uid: BySegment) -> Source:
    if gateway is None:
        detail = f"No gateway {route.gateway_uid!r} is registered."
        return Source(route=route, error=("unknown_gateway", detail))
    if gateway.tenant_id != route.tenant_id:
        detail = "The topic names another tenant than the gateway's."
        return Source(route=route, error=("foreign_tenant", detail))
    if route.family is Family.STATUS:
        return Source(tenant_id=gateway.tenant_id, gateway_id=gateway.id, route=route)
    source = by_uid.get((gateway.id, route.device_uid or route.gateway_uid))
    if source is not None:
        return _with_route(source, route)
    if route.device_uid is None:  # the payload may still name devices
        return Source(tenant_id=gateway.tenant_id, gateway_id=gateway.id, route=route)
    detail = f"The gateway has no device {route.device_uid!r}; register it, then replay."
    return Source(
        tenant_id=gateway.tenant_id,
        gateway_id=gateway.id,
        route=route,
        error=("unknown_device", detail),
    )


def _with_route(source: Source, route: Route) -> Source:
    return Source(
        tenant_id=source.tenant_id,
        gateway_id=source.gateway_id,
        device_id=source.device_id,
        slots=source.slots,
        refused=source.refused,
        route=route,
    )
