"""From topics and metric names to channels, without asking the database twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import numpy as np
from django.db.models import F, Q, QuerySet

from accounts.tenancy import all_tenants
from devices.canonical import ChannelTemplate
from devices.models import Device, Gateway
from devices.services.channels import TooManyChannels, add_channels
from energy.lib.waiting import must_wait
from telemetry.ingest.changes import ChangeWatch
from telemetry.ingest.foreign import equip_foreign
from telemetry.ingest.sensors import Temperatures, equip_nodes
from telemetry.ingest.slots import SLOT_DTYPE, ChannelRow, empty_table, read_channels, slot_entry
from telemetry.ingest.source import BySegment, Source, gateway_source, with_route
from telemetry.ingest.topics import Family, Route, TopicError, parse_topic
from telemetry.truth.rates import RateWatch

TTL_SECONDS = 30.0
# Topics that came together expire in groups of whole gateways, so that no batch waits for
# all of them and no query looks for devices at gateways of another group.
REFRESH_GROUPS = 8
# those of which something changed are read again within this time, in the same groups
CHANGED_SECONDS = 1.0
NEGATIVE_TTL_SECONDS = 3.0
MAX_SOURCES = 200_000


class Directory:
    """Bounded cache of sources; what is missing for a batch costs three queries."""

    def __init__(self) -> None:
        self._by_topic: dict[str, Source] = {}
        self._slot_of_channel: dict[int, int] = {}
        self.temperatures: Temperatures = {}
        self.table = empty_table(1024)
        self.rates = RateWatch()
        self._watch = ChangeWatch()

    def find(self, topic: str, *, clock: float) -> Source | None:
        """Return the cached source of a topic; None when `load` must be asked."""
        source = self._by_topic.get(topic)
        is_known = source and must_wait(source.expires_at, now=clock, at_most=TTL_SECONDS)
        return source if is_known else None

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
        named = {t: r for t, r in routes.items() if r.device_id}
        doors = {t: r for t, r in named.items() if r.family is Family.DOOR}
        self._load_doors(doors, clock)
        self._load_direct({t: r for t, r in named.items() if t not in doors}, clock)
        for topic, route in routes.items():
            if not route.gateway_uid and not route.device_id:  # a box that nobody owns yet
                self._keep(topic, Source(route=route), clock)
        equip_foreign(self._by_topic[topic] for topic in routes)

    def device_of(self, gateway_id: uuid.UUID, uid: str, *, clock: float) -> Source:
        """Return the source of a device that the payload of a gateway names."""
        topic = f"{gateway_id}//{uid}"
        known = self.find(topic, clock=clock)
        if known is not None:
            return known
        with all_tenants():
            device = _devices().filter(gateway_id=gateway_id, uid=uid).first()
        found = self._device_sources([device] if device else [])
        if device:
            self._keep(topic, found[device.id], clock)
        else:
            detail = f"The gateway has no device {uid[:64]!r}; register it, then replay."
            self._keep(topic, Source(error=("unknown_device", detail)), clock)
        return self._by_topic[topic]

    def add_metrics(
        self,
        source: Source,
        metrics: list[str],
        templates: Sequence[ChannelTemplate] = (),
        *,
        are_known: bool = True,
    ) -> None:
        """Make channels of metrics the device has not sent before, after their templates.

        `are_known`: somebody has described the templates; the message alone made the others.

        What cannot become a channel stands in `source.refused` afterwards, with
        (code, detail), until the source is read again.
        """
        if source.device_id is None or source.tenant_id is None:
            return
        reason = "unknown_metric", "The device has no such channel; add it, then replay."
        try:
            with all_tenants():
                add_channels(
                    device_id=source.device_id,
                    tenant_id=source.tenant_id,
                    metrics=metrics,
                    templates=templates,
                    are_known=are_known,
                )
                device = _devices().get(id=source.device_id)
            source.slots.update(self._device_sources([device])[device.id].slots)
        except TooManyChannels as error:
            reason = "too_many_channels", str(error)
        except Device.DoesNotExist:
            reason = "unknown_device", "The device was deleted."
        for metric in metrics:
            if metric not in source.slots:
                source.refused[metric] = reason

    def follow_changes(self, *, clock: float) -> None:
        """Let what people changed be read again, within three seconds of the change."""
        changed = self._watch.look(clock=clock)
        if not changed:
            return
        for topic, source in self._by_topic.items():
            if source.is_touched(changed):
                soon = clock + CHANGED_SECONDS * _group(topic, source)
                source.expires_at = min(source.expires_at, soon)

    def _keep(self, topic: str, source: Source, clock: float) -> None:
        early = _group(topic, source) / 2
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
                for device in _devices().filter(
                    gateway_id__in={gateway for gateway, _ in wanted},
                    uid__in={uid for _, uid in wanted},
                )
                if (device.gateway_id, device.uid) in wanted
            ]
        by_device = self._device_sources(devices)
        by_uid: BySegment = {(d.gateway_id, d.uid): by_device[d.id] for d in devices}
        nodes = [
            by_uid.get((gateways[route.gateway_uid].id, route.device_uid or ""))
            for route in routes.values()
            if route.family is Family.KAISER and route.gateway_uid in gateways
        ]
        equip_nodes([node for node in nodes if node], self.temperatures)
        for topic, route in routes.items():
            gateway = gateways.get(route.gateway_uid)
            self._keep(topic, gateway_source(route, gateway, by_uid), clock)

    def _load_direct(self, routes: dict[str, Route], clock: float) -> None:
        if not routes:
            return
        with all_tenants():
            own_connection = Q(gateway__isnull=True) | Q(gateway__uid=F("uid"))
            devices = list(
                _devices().filter(
                    own_connection, id__in={route.device_id for route in routes.values()}
                )
            )
        by_device = self._device_sources(devices)
        for topic, route in routes.items():
            source = by_device.get(route.device_id) if route.device_id else None
            if source is None:
                detail = "No device of its own connection has this id; register it, then replay."
                self._keep(topic, Source(route=route, error=("unknown_device", detail)), clock)
            else:
                self._keep(topic, with_route(source, route), clock)

    def _load_doors(self, routes: dict[str, Route], clock: float) -> None:
        """Find devices of any connection by tenant and id; their gateways were not heard."""
        if not routes:
            return
        with all_tenants():
            wanted = {route.device_id for route in routes.values() if route.device_id}
            devices = list(_devices().filter(id__in=wanted))
        found = self._device_sources(devices)
        for topic, route in routes.items():
            source = found.get(route.device_id) if route.device_id else None
            if source is None or source.tenant_id != route.tenant_id:
                detail = "The device was deleted."
                self._keep(topic, Source(route=route, error=("unknown_device", detail)), clock)
            else:
                known = with_route(source, route)
                known.gateway_id = None
                self._keep(topic, known, clock)

    def _device_sources(self, devices: list[Device]) -> dict[uuid.UUID, Source]:
        sources = {
            device.id: Source(
                tenant_id=device.tenant_id,
                gateway_id=device.gateway_id,
                device_id=device.id,
                profile_id=device.profile_id,
                clock_policy=device.profile.clock_policy,
            )
            for device in devices
        }
        channels = read_channels(list(sources))
        for channel, slot in zip(channels, self._write_slots(channels), strict=True):
            slots = sources[channel.device_id].slots
            if channel.source_unit == channel.unit and channel.scale == 1.0:
                # a canonical name comes in the stored unit: never convert it
                slots.setdefault(channel.name, slot)
            else:
                sources[channel.device_id].sent_as[channel.name] = channel.source
            slots[channel.source] = slot
        return sources

    def _write_slots(self, channels: list[ChannelRow]) -> list[int]:
        """Put channels into the table; return the slot of each, the same as ever."""
        known = self._slot_of_channel
        slots = [known.setdefault(channel.id, len(known)) for channel in channels]
        while len(known) > len(self.table):
            self.table = np.concatenate([self.table, empty_table(len(self.table))])
        entries = np.array([slot_entry(channel) for channel in channels], dtype=SLOT_DTYPE)
        index = np.array(slots, dtype=np.int64)
        entries["latest"] = np.maximum(entries["latest"], self.table["latest"][index])
        self.table[index] = entries
        self.rates.follow(
            {slot: row.id for slot, row in zip(slots, channels, strict=True) if row.maximum_rate},
            among=slots,
        )
        return slots


def _devices() -> QuerySet[Device]:
    """Return devices as sources need them."""
    needed = ("id", "tenant_id", "gateway_id", "uid", "profile_id", "profile__clock_policy")
    return Device.objects.select_related("profile").only(*needed)


def _group(topic: str, source: Source) -> float:
    """Return the share of the time after which the group of a source is read again."""
    return hash(source.gateway_id or topic) % REFRESH_GROUPS / REFRESH_GROUPS
