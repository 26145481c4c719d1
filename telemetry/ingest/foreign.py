"""Topics of other makers below `…/ext/`: which mapping understands them, in which zone."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from django.db.models import Q

from accounts.tenancy import all_tenants
from devices.models import Device, DeviceProfile, Gateway
from telemetry.decoding.errors import MappingError
from telemetry.decoding.mapping import Bound, Mapping, bind_first, compile_mapping
from telemetry.decoding.shipped import shipped_mappings
from telemetry.ingest.topics import Family, Route

logger = logging.getLogger(__name__)

MAX_COMPILED = 500
# gateway, or the device itself where it has a connection of its own
Owner = uuid.UUID


@dataclass(frozen=True, slots=True)
class Foreign:
    """What understands the messages of one topic, and the zone of its local times."""

    bound: Bound
    zone: dt.tzinfo


class Node(Protocol):
    """A source on a topic of another maker."""

    gateway_id: uuid.UUID | None
    device_id: uuid.UUID | None
    route: Route | None
    error: tuple[str, str] | None
    dialect: str
    foreign: Foreign | None


_compiled: dict[bytes, Mapping | None] = {}


def equip_foreign(nodes: Iterable[Node]) -> None:
    """Give each source what understands its topic; one that nothing knows is refused.

    Mappings of the types of the gateway's own devices come before those of the product.
    """
    wanted = [
        node
        for node in nodes
        if node.route is not None and node.route.family is Family.FOREIGN and node.error is None
    ]
    if not wanted:
        return
    owners = {_owner(node) for node in wanted}
    with all_tenants():
        own = _own_mappings(owners)
        zones = _zones(owners)
        named: dict[tuple[uuid.UUID, str], list[Node]] = {}
        for node in wanted:
            owner = _owner(node)
            _equip(node, own.get(owner, []), zones.get(owner, "UTC"))
            device = node.foreign.bound.device if node.foreign else None
            if device and node.gateway_id is not None:
                named.setdefault((node.gateway_id, device), []).append(node)
        _use_zones_of_devices(named)


def _owner(node: Node) -> Owner:
    route = node.route
    direct = route.device_id if route is not None else None
    owner = direct or node.gateway_id
    if owner is None:
        raise ValueError("a topic without gateway and device")
    return owner


def _equip(node: Node, own: Sequence[Mapping], zone: str) -> None:
    native = node.route.native if node.route else ""
    bound = bind_first([own, list(shipped_mappings().values())], native)
    if bound is None:
        detail = f"No mapping knows {native[:200]!r}; give one to the type of device, then replay."
        node.error = ("unknown_topic", detail)
    else:
        node.dialect = Family.FOREIGN
        node.foreign = Foreign(bound, zoneinfo.ZoneInfo(zone))


def _own_mappings(owners: set[Owner]) -> dict[Owner, list[Mapping]]:
    devices = Device.objects.exclude(profile__mapping={})
    pairs = {
        *devices.filter(gateway_id__in=owners).values_list("gateway_id", "profile_id").distinct(),
        *devices.filter(id__in=owners).values_list("id", "profile_id"),
    }
    profiles = DeviceProfile.objects.in_bulk({profile for _owner, profile in pairs})
    found: dict[Owner, list[Mapping]] = {}
    for owner, profile_id in sorted(pairs, key=str):
        mapping = _compile(profiles[profile_id].key, profiles[profile_id].mapping)
        if owner is not None and mapping is not None:
            found.setdefault(owner, []).append(mapping)
    return found


def _compile(key: str, spec: Any) -> Mapping | None:
    """Return a mapping, compiled once; None for one that was saved past all checks."""
    text = msgspec.json.encode(spec)
    if text not in _compiled:
        if len(_compiled) >= MAX_COMPILED:
            _compiled.clear()
        try:
            _compiled[text] = compile_mapping(spec)
        except MappingError as error:
            logger.warning("Mapping of profile %s cannot be used: %s", key, error)
            _compiled[text] = None
    return _compiled[text]


def _zones(owners: set[Owner]) -> dict[Owner, str]:
    return {
        **dict(Gateway.objects.filter(id__in=owners).values_list("id", "site__timezone")),
        **dict(Device.objects.filter(id__in=owners).values_list("id", "site__timezone")),
    }


def _use_zones_of_devices(named: dict[tuple[uuid.UUID, str], list[Node]]) -> None:
    """A device may stand at another site than its gateway."""
    if not named:
        return
    known = Q(gateway_id__in={gateway for gateway, _ in named}, uid__in={uid for _, uid in named})
    rows = Device.objects.filter(known).values_list("gateway_id", "uid", "site__timezone")
    for gateway_id, uid, zone in rows:
        for node in named.get((gateway_id, uid), ()) if gateway_id else ():
            if node.foreign is not None:
                node.foreign = Foreign(node.foreign.bound, zoneinfo.ZoneInfo(zone))
