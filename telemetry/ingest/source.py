"""Who sends: a device on a topic, and what may come from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from devices.inbound.topics import Kind
from devices.models import ClockPolicy, Gateway
from telemetry.ingest.changes import Changed
from telemetry.ingest.foreign import Foreign
from telemetry.ingest.sensors import Sensors
from telemetry.ingest.topics import DIALECTS, Family, Route

# (gateway, identifier) of a device
BySegment = dict[tuple[uuid.UUID | None, str], "Source"]


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
    profile_id: uuid.UUID | None = None
    clock_policy: str = ClockPolicy.REJECT
    dialect: str = ""
    foreign: Foreign | None = None
    sent_as: dict[str, str] = field(default_factory=dict)
    sensors: Sensors = field(default_factory=dict)

    @property
    def says_status(self) -> bool:
        """Tell whether its messages are status reports, a last will among them."""
        message = self.route.message if self.route else None
        return message is not None and message.kind is Kind.STATUS

    def is_touched(self, changed: Changed) -> bool:
        """Tell whether something it depends on has changed."""
        if self.device_id in changed.devices or self.profile_id in changed.profiles:
            return True
        # mappings of the types of any device at its gateway may understand its topic
        return self._is_foreign and (bool(changed.profiles) or self.gateway_id in changed.gateways)

    @property
    def _is_foreign(self) -> bool:
        return self.route is not None and self.route.family is Family.FOREIGN


def gateway_source(route: Route, gateway: Gateway | None, by_uid: BySegment) -> Source:
    """Return the source of a topic that names a gateway, by the devices that are known there."""
    if gateway is None:
        detail = f"No gateway {route.gateway_uid!r} is registered."
        return Source(route=route, error=("unknown_gateway", detail))
    if route.tenant_id not in (gateway.tenant_id, None):
        detail = "The topic names another tenant than the gateway's."
        return Source(route=route, error=("foreign_tenant", detail))
    source = by_uid.get((gateway.id, route.device_uid or route.gateway_uid))
    if source is not None:
        return with_route(source, route)
    if route.device_uid is None or route.family is Family.MESSAGE:
        # the payload may still name devices, and a message may be about a new one
        return Source(tenant_id=gateway.tenant_id, gateway_id=gateway.id, route=route)
    detail = f"The gateway has no device {route.device_uid!r}; register it, then replay."
    return Source(
        tenant_id=gateway.tenant_id,
        gateway_id=gateway.id,
        route=route,
        error=("unknown_device", detail),
    )


def with_route(source: Source, route: Route) -> Source:
    """Return the same device on another topic; its slots are shared."""
    return Source(
        tenant_id=source.tenant_id,
        gateway_id=source.gateway_id,
        device_id=source.device_id,
        slots=source.slots,
        refused=source.refused,
        route=route,
        profile_id=source.profile_id,
        clock_policy=source.clock_policy,
        dialect=route.family if route.family in DIALECTS else "",
        sensors=source.sensors,
        sent_as=source.sent_as,
    )
