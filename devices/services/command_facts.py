"""Loads what the safety check needs to know, under row locks where two commands compete."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Q

from devices.models import (
    ActuatorState,
    Device,
    EmergencyStop,
    Interlock,
    ShutOut,
    ZoneLease,
)
from devices.safety import Facts, Peer, Request

Spot = tuple[uuid.UUID, str]  # device, actuator


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for some devices, by device, zone or actuator."""

    lifecycles: Mapping[uuid.UUID, str]
    shut_out: Collection[uuid.UUID]
    stops: Mapping[uuid.UUID, list[EmergencyStop]]
    leases: Mapping[uuid.UUID, ZoneLease]
    interlocks: Mapping[Spot, list[Interlock]]
    states: Mapping[Spot, ActuatorState]


def load_facts(
    *, device: Device, request: Request, now: dt.datetime
) -> tuple[Facts, ActuatorState | None]:
    """Return the facts, and the actuator, locked until the end of the transaction.

    Actuators of interlocks are locked with it, always in the same order.
    """
    actuator = request.spec.actuator_for(request.params)
    own: Spot = (device.id, actuator)
    spots = {own} if actuator else set()
    if actuator and request.energises:
        spots |= {_other_side(lock, own) for lock in _interlocks([device]).get(own, ())}
    states = lock_actuators(tenant_id=device.tenant_id, spots=spots)
    around = gather([device], states=states)
    return facts_for(device=device, request=request, around=around, now=now), states.get(own)


def facts_for(*, device: Device, request: Request, around: Surroundings, now: dt.datetime) -> Facts:
    """Return the facts of one request among what was gathered."""
    own: Spot = (device.id, request.spec.actuator_for(request.params))
    state = around.states.get(own)
    lease = around.leases.get(device.zone_id) if device.zone_id else None
    locks = around.interlocks.get(own, []) if request.energises and own[1] else []
    return Facts(
        now=now,
        lifecycle=around.lifecycles.get(device.id, device.lifecycle),
        is_revoked=device.id in around.shut_out,
        stops=tuple(stop.target_label for stop in around.stops.get(device.id, ())),
        lease_holder=lease.holder if lease else "",
        lease_label=lease.label if lease else "",
        lease_until=lease.until if lease else None,
        may_be_on=state.may_be_on if state else False,
        on_since=state.on_since if state else None,
        off_since=state.off_since if state else None,
        peers=tuple(_peer(lock, own, around.states) for lock in locks),
    )


def gather(
    devices: Sequence[Device], *, states: Mapping[Spot, ActuatorState] | None = None
) -> Surroundings:
    """Read what holds for devices, in six queries however many they are."""
    ids = [device.id for device in devices]
    zones = {device.zone_id for device in devices if device.zone_id}
    interlocks = _interlocks(devices)
    if states is None:
        involved = {*ids, *(spot[0] for locks in interlocks.values() for spot in _sides(locks))}
        rows = ActuatorState.objects.filter(device_id__in=involved)
        states = {(row.device_id, row.actuator): row for row in rows}
    return Surroundings(
        lifecycles=dict(Device.objects.filter(id__in=ids).values_list("id", "lifecycle")),
        shut_out=_shut_out(devices),
        stops=stops_over(devices),
        leases={row.zone_id: row for row in ZoneLease.objects.filter(zone_id__in=zones)},
        interlocks=interlocks,
        states=states,
    )


def stops_over(devices: Iterable[Device]) -> dict[uuid.UUID, list[EmergencyStop]]:
    """Return the emergency stops that hold for each device; one query."""
    by_target: dict[uuid.UUID, list[EmergencyStop]] = {}
    active = EmergencyStop.objects.filter(released_at=None)
    for stop in active.order_by("pressed_at", "id"):
        by_target.setdefault(stop.target_id, []).append(stop)
    held: dict[uuid.UUID, list[EmergencyStop]] = {}
    for device in devices if by_target else ():
        for target in (device.id, device.zone_id, device.site_id, device.tenant_id):
            if target in by_target:
                held.setdefault(device.id, []).extend(by_target[target])
    return held


def lock_actuators(*, tenant_id: uuid.UUID, spots: Collection[Spot]) -> dict[Spot, ActuatorState]:
    """Make the rows that are missing, then lock them all in the order of their ids."""
    if not spots:
        return {}
    wanted = Q(pk__in=[])
    for device_id, actuator in spots:
        wanted |= Q(device_id=device_id, actuator=actuator)
    rows = ActuatorState.objects.filter(wanted).order_by("id").select_for_update()
    found = {(row.device_id, row.actuator): row for row in rows}
    if len(found) == len(spots):
        return found
    ActuatorState.objects.bulk_create(
        [
            ActuatorState(tenant_id=tenant_id, device_id=device_id, actuator=actuator)
            for device_id, actuator in sorted(set(spots) - set(found))
        ],
        ignore_conflicts=True,
    )
    return {(row.device_id, row.actuator): row for row in rows.all()}


def _shut_out(devices: Sequence[Device]) -> set[uuid.UUID]:
    """Return the devices whose box has lost its access: itself, or the gateway's own."""
    gateways = {device.gateway_id for device in devices if device.gateway_id}
    own = Q(device_id__in=[device.id for device in devices])
    boxes = Q(device__gateway_id__in=gateways, device__uid=F("device__gateway__uid"))
    found = ShutOut.objects.filter(own | boxes).values_list(
        "device_id", "device__gateway_id", "device__uid", "device__gateway__uid"
    )
    shut_devices = {row[0] for row in found}
    shut_gateways = {row[1] for row in found if row[1] and row[2] == row[3]}
    return {
        device.id
        for device in devices
        if device.id in shut_devices or device.gateway_id in shut_gateways
    }


def _interlocks(devices: Sequence[Device]) -> dict[Spot, list[Interlock]]:
    """Return what holds for each actuator when it is switched on."""
    ids = [device.id for device in devices]
    rows = Interlock.objects.filter(
        Q(device_id__in=ids) | Q(other_device_id__in=ids), is_active=True
    ).select_related("device", "other_device")
    found: dict[Spot, list[Interlock]] = {}
    for lock in rows.order_by("id"):
        first, second = _sides([lock])
        found.setdefault(first, []).append(lock)
        if lock.kind == Interlock.Kind.NOT_BOTH:
            found.setdefault(second, []).append(lock)
    return found


def _sides(locks: Iterable[Interlock]) -> list[Spot]:
    return [
        spot
        for lock in locks
        for spot in (
            (lock.device_id, lock.actuator),
            (lock.other_device_id, lock.other_actuator),
        )
    ]


def _other_side(lock: Interlock, own: Spot) -> Spot:
    first, second = _sides([lock])
    return second if first == own else first


def _peer(lock: Interlock, own: Spot, states: Mapping[Spot, ActuatorState]) -> Peer:
    spot = _other_side(lock, own)
    other = lock.other_device if spot[0] == lock.other_device_id else lock.device
    state = states.get(spot)
    return Peer(
        name=lock.name,
        label=spot[1] if spot[0] == own[0] else f"{other.name} {spot[1]}",
        needs_on=lock.kind == Interlock.Kind.REQUIRES,
        may_be_on=state.may_be_on if state else False,
        is_on=bool(state and state.is_on),
    )
