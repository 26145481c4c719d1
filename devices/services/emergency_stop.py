"""Stops everything in a place, and lets it go again.

Pressing needs the database only: no Redis, no Celery. It writes few statements, waits for
nobody's locks, and its OFF commands go first in the outbox.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts.models import Tenant
from accounts.services.audit import record_event
from accounts.tenancy import tenant_scope
from devices.command_schema import CommandSpec, Effect
from devices.command_states import State
from devices.downlink import UnusableTopic, command_payload, encode
from devices.models import (
    ActuatorState,
    Command,
    Device,
    EmergencyStop,
    Lifecycle,
    OutboundMessage,
    Site,
    Zone,
)
from devices.services.command_moves import move
from devices.services.command_refusals import MayNotControl, NoReason, StopGone
from devices.services.command_wire import (
    BY_BROKER,
    Route,
    first_entry,
    order_of,
    place_of,
    routes_of,
    specs_of,
    topic_of,
)
from devices.services.commanders import Commander, Requester, requester_of
from devices.services.outbox import URGENT, queue_messages

Target = Device | Zone | Site | Tenant
OFF_SECONDS = 60
_SCOPES: dict[type[Any], EmergencyStop.Scope] = {
    Device: EmergencyStop.Scope.DEVICE,
    Zone: EmergencyStop.Scope.ZONE,
    Site: EmergencyStop.Scope.SITE,
    Tenant: EmergencyStop.Scope.TENANT,
}


@dataclass(frozen=True, slots=True)
class Pressed:
    """What pressing did. `without_off`: devices that start things and know no way to stop."""

    stop: EmergencyStop
    off_commands: int
    cancelled: int
    without_off: tuple[str, ...]


def press_emergency_stop(
    *, actor: Commander, target: Target, reason: str, now: dt.datetime
) -> Pressed:
    """Forbid everything that starts, cancel what waits, and switch off what runs.

    Pressed again, it switches off again. The audit entry is written afterwards, in a
    transaction of its own: its chain may be held up by others, a stop must not be.

    Raises: MayNotControl.
    """
    tenant_id = target.pk if isinstance(target, Tenant) else target.tenant_id
    if not actor.has_perm("control:device", target):
        raise MayNotControl
    requester = requester_of(actor)
    with tenant_scope(tenant_id):
        with transaction.atomic():
            stop = _keep(target, tenant_id, requester, reason, now)
            devices = list(devices_in(target))
            cancelled = _cancel_starts(devices, requester.label, now)
            offs, without_off = _switch_off(devices, requester, f"stop:{stop.id}", now)
        record_event(
            action="emergency_stop.pressed", now=now, tenant_id=tenant_id, obj=stop,
            detail={"scope": stop.scope, "reason": reason, "off_commands": offs,
                    "cancelled": cancelled, "without_off": list(without_off)},
        )  # fmt: skip
    return Pressed(stop, offs, cancelled, without_off)


@transaction.atomic
def release_emergency_stop(
    *, actor: Commander, stop: EmergencyStop, reason: str, now: dt.datetime
) -> EmergencyStop:
    """Let things be switched on again; nothing starts by itself.

    Raises:
        MayNotControl: also of a program of ours: only people release.
        NoReason: no reason is given.
        StopGone: it is released already.
    """
    requester = requester_of(actor)
    if not actor.has_perm("control:device", _target_of(stop)) or requester.is_robot:
        raise MayNotControl
    if not reason.strip():
        raise NoReason
    released = EmergencyStop.objects.filter(id=stop.id, released_at=None).update(
        released_at=now, released_by=requester.label[:254], release_reason=reason.strip()[:500]
    )
    if not released:
        raise StopGone
    record_event(
        action="emergency_stop.released", now=now, tenant_id=stop.tenant_id, obj=stop,
        detail={"scope": stop.scope, "reason": reason},
    )  # fmt: skip
    stop.refresh_from_db()
    return stop


def switch_off_again(*, commands: Sequence[Command], now: dt.datetime) -> None:
    """Switch off what commands may have started that left while a stop was pressed."""
    for tenant_id in {command.tenant_id for command in commands}:
        own = [command for command in commands if command.tenant_id == tenant_id]
        with tenant_scope(tenant_id):
            key = f"late:{own[0].id}"
            requester = Requester("system:emergency-stop", "emergency stop")
            _switch_off([command.device for command in own], requester, key, now)


def switch_off(
    *, device: Device, actuator: str, requester: Requester, key: str, now: dt.datetime
) -> int:
    """Switch one actuator of a device off, whatever else holds; return how many commands."""
    return _switch_off([device], requester, key, now, only=actuator)[0]


def devices_in(target: Target) -> QuerySet[Device]:
    """Return the devices of a device, zone, site or organisation that are in use."""
    place = {
        Device: Q(pk=target.pk),
        Zone: Q(zone_id=target.pk),
        Site: Q(site_id=target.pk),
        Tenant: Q(),
    }[type(target)]
    rows = Device.objects.filter(place).exclude(lifecycle=Lifecycle.DECOMMISSIONED)
    return rows.select_related("profile", "gateway", "zone", "zigbee_node").order_by("id")


def off_orders(
    specs: Iterable[CommandSpec], known: Collection[str]
) -> Iterator[tuple[CommandSpec, dict[str, Any], str]]:
    """Yield what switches a device off: command, parameters and actuator.

    Each actuator once: by a command that switches off, else by setting nothing. `known` are
    the actuators the device has told of, for commands that name theirs in a parameter without
    offering a choice: of a choice, each is switched off.
    """
    done: set[str] = set()
    for effect in (Effect.OFF, Effect.SET):
        for spec in (spec for spec in specs if spec.effect == effect):
            for params in _off_params(spec, known):
                actuator = spec.actuator_for(params)
                if actuator not in done:
                    done.add(actuator)
                    yield spec, params, actuator


def _off_params(spec: CommandSpec, known: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield parameters with which a command switches off; nothing when it cannot."""
    params: dict[str, Any] = {}
    named = spec.actuator[1:-1] if spec.actuator.startswith("{") else ""
    for param in spec.params:
        if param.default is not None:
            params[param.name] = param.default
        if spec.effect == Effect.SET and param.measures == "value":
            if param.minimum is not None and param.minimum > 0:
                return
            params[param.name] = 0
        elif param.required and param.name not in params and param.name != named:
            return
    if spec.effect == Effect.SET and 0 not in params.values():
        return
    if not named:
        yield params
        return
    naming = next(param for param in spec.params if param.name == named)
    told = [int(name) if naming.type != "string" else name for name in sorted(known)
            if naming.type == "string" or name.isdecimal()]  # fmt: skip
    for actuator in naming.choices or told:
        yield params | {named: actuator}


def _keep(
    target: Target, tenant_id: uuid.UUID, requester: Requester, reason: str, now: dt.datetime
) -> EmergencyStop:
    """Return the stop that holds: the one that is pressed already, or a new one."""
    try:
        with transaction.atomic():
            return EmergencyStop.objects.create(
                tenant_id=tenant_id, scope=_SCOPES[type(target)], target_id=target.pk,
                target_label=str(target)[:200], reason=reason.strip()[:500],
                pressed_by=requester.label[:254], pressed_at=now,
            )  # fmt: skip
    except IntegrityError:
        return EmergencyStop.objects.get(
            scope=_SCOPES[type(target)], target_id=target.pk, released_at=None
        )


def _cancel_starts(devices: Sequence[Device], by: str, now: dt.datetime) -> int:
    """Cancel what waits to start something; what the sender holds it looks at itself."""
    waiting = Command.objects.filter(
        device__in=[device.id for device in devices], state=State.QUEUED,
        effect__in=[Effect.ON, Effect.SET],
    ).exclude(effect=Effect.SET, value=0)  # fmt: skip
    held = OutboundMessage.objects.filter(command_id__in=waiting.values("id"))
    messages = list(held.select_for_update(skip_locked=True))
    OutboundMessage.objects.filter(id__in=[message.id for message in messages]).delete()
    ids = [message.command_id for message in messages if message.command_id]
    return len(move(ids=ids, to=State.CANCELLED, at=now, by=by, code="emergency_stop"))


def _switch_off(
    devices: Sequence[Device],
    requester: Requester,
    key: str,
    now: dt.datetime,
    only: str | None = None,
) -> tuple[int, tuple[str, ...]]:
    """Queue every OFF of the devices in few statements."""
    known = _known_actuators(devices)
    routes = routes_of([device.id for device in devices])
    commands: list[Command] = []
    messages: list[OutboundMessage] = []
    without: list[str] = []
    for device in devices:
        specs = list(specs_of(device).values())
        found = list(off_orders(specs, known.get(device.id, set())))
        if not found and any(spec.effect in {Effect.ON, Effect.SET} for spec in specs):
            without.append(device.name)
        for spec, params, actuator in found:
            if only is None or actuator == only:
                command = _off_command(device, spec, params, requester, key, now)
                messages += _message_of(command, routes.get(device.id, BY_BROKER), now)
                commands.append(command)
    Command.objects.bulk_create(commands)
    queue_messages(messages)
    return len(messages), tuple(without)


def _off_command(
    device: Device,
    spec: CommandSpec,
    params: dict[str, Any],
    requester: Requester,
    key: str,
    now: dt.datetime,
) -> Command:
    return Command(
        tenant_id=device.tenant_id, device=device, name=spec.name, params=params,
        effect=spec.effect.value, actuator=spec.actuator_for(params),
        value=0.0 if spec.effect == Effect.SET else None,
        principal=requester.principal, principal_label=requester.label[:254],
        idempotency_key=f"{key}:{uuid.uuid4()}", body_hash="", requested_at=now, not_before=now,
        expires_at=now + dt.timedelta(seconds=OFF_SECONDS),
        history=first_entry(State.QUEUED, now, requester.label, code=key.partition(":")[0]),
    )  # fmt: skip


def _message_of(command: Command, route: Route, now: dt.datetime) -> list[OutboundMessage]:
    """Return the message; a command that no topic can carry is kept as not sent."""
    place, order = place_of(command.device), order_of(command)
    try:
        topic = topic_of(place, order, route)
    except UnusableTopic as error:
        command.state, command.finished_at = State.SEND_FAILED.value, now
        command.code, command.detail = "unusable_topic", str(error)[:1000]
        return []
    return [
        OutboundMessage(
            topic=topic, payload=encode(command_payload(place, order, now=now)),
            tenant_id=command.tenant_id, command_id=command.id, created_at=now, not_before=now,
            expires_at=command.expires_at, priority=URGENT, wire=route[0], line_id=route[1],
        )
    ]  # fmt: skip


def _known_actuators(devices: Sequence[Device]) -> dict[uuid.UUID, set[str]]:
    found: dict[uuid.UUID, set[str]] = {}
    rows = ActuatorState.objects.filter(device__in=[device.id for device in devices])
    for device_id, actuator in rows.order_by("id").values_list("device_id", "actuator"):
        found.setdefault(device_id, set()).add(actuator)
    return found


def _target_of(stop: EmergencyStop) -> Any:
    """Return what is stopped; None stands for the organisation, or for what is gone."""
    model = {"device": Device, "zone": Zone, "site": Site}.get(stop.scope)
    return model._default_manager.filter(pk=stop.target_id).first() if model else None
