"""Reads of commands, batches and emergency stops; every function runs in a tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from devices.command_schema import CommandSpec
from devices.command_states import PUBLIC, RECEIVED, State
from devices.command_words import actor_name, state_name, step_reason
from devices.models import (
    ActuatorState,
    Command,
    CommandBatch,
    Device,
    DeviceProfile,
    EmergencyStop,
    Site,
    Zone,
)
from devices.safety import explain
from devices.services.command_facts import stops_over
from devices.services.command_wire import specs_of
from devices.shipped_words import shipped_word

COMMAND_ORDERINGS = {"requested_at": "requested_at"}
_MARKS = ("queued", "sent", "delivered", "finished")


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a command's timeline: codes, and words in the active language."""

    state: str
    at: dt.datetime
    by: str
    code: str
    detail: str
    is_late: bool

    @property
    def state_label(self) -> str:
        """Return the state as people read it."""
        return state_name(self.state)

    @property
    def actor(self) -> str:
        """Return who or what moved the command."""
        return actor_name(self.by)

    @property
    def why(self) -> str:
        """Return the reason, and what the device said."""
        return step_reason(self.code, self.detail)


def list_commands(
    *,
    device_id: uuid.UUID | None = None,
    batch_id: uuid.UUID | None = None,
    state: str | None = None,
) -> QuerySet[Command]:
    """Return the commands that match everything given; the caller orders.

    Args: state: as the API names it.
    """
    rows: QuerySet[Command] = Command.objects.select_related("device__profile")
    if device_id is not None:
        rows = rows.filter(device_id=device_id)
    if batch_id is not None:
        rows = rows.filter(batch_id=batch_id)
    return rows if state is None else rows.filter(_has_public_state(state))


def recent_commands(*, device_id: uuid.UUID, limit: int = 10) -> list[Command]:
    """Return the newest commands of a device."""
    return list(list_commands(device_id=device_id).order_by("-requested_at", "id")[:limit])


def find_command(command_id: uuid.UUID) -> Command:
    """Return a command with its device.

    Raises: Command.DoesNotExist
    """
    return Command.objects.select_related(
        "device__profile", "device__gateway", "device__zone", "device__site"
    ).get(id=command_id)


def find_commanded_device(device_id: uuid.UUID) -> Device:
    """Return a device with all that a command to it needs.

    Raises: Device.DoesNotExist
    """
    return Device.objects.select_related("profile", "gateway", "zone", "site").get(id=device_id)


def find_devices(
    *,
    ids: Sequence[uuid.UUID] = (),
    site_id: uuid.UUID | None = None,
    zone_id: uuid.UUID | None = None,
    profile_key: str = "",
    limit: int = 1001,
) -> list[Device]:
    """Return the devices that match everything given, by name."""
    rows = Device.objects.select_related("profile", "gateway", "zone", "site")
    if ids:
        rows = rows.filter(id__in=ids)
    if site_id is not None:
        rows = rows.filter(site_id=site_id)
    if zone_id is not None:
        rows = rows.filter(zone_id=zone_id)
    if profile_key:
        rows = rows.filter(profile__key=profile_key)
    return list(rows.order_by("name", "id")[:limit])


def offered_commands(device: Device) -> list[CommandSpec]:
    """Return the commands that a device takes, in the order of its profile."""
    return list(specs_of(device).values())


def timeline(command: Command) -> list[Step]:
    """Return what happened to a command, oldest first."""
    return [
        Step(
            state=entry["state"],
            at=dt.datetime.fromisoformat(entry["at"]),
            by=entry.get("by", ""),
            code=entry.get("code", ""),
            detail=entry.get("detail", ""),
            is_late=bool(entry.get("late")),
        )
        for entry in command.history
    ]


def marks(command: Command) -> list[tuple[str, dt.datetime | None]]:
    """Return when a command was queued, sent, delivered and ended."""
    moments = (
        command.requested_at,
        command.sent_at,
        command.delivered_at,
        command.finished_at,
    )
    return list(zip(_MARKS, moments, strict=True))


def reason(command: Command) -> str:
    """Say in the current language why a command was refused, else what the device said."""
    for check in command.verdict:
        if check["code"]:
            return explain(check["code"], check["values"])
    return command.detail


def command_label(command: Command) -> str:
    """Return what the type of device calls a command, in the active language; else its name."""
    spec = specs_of(command.device).get(command.name)
    return shipped_word(spec.label) if spec else command.name


def actuators_of(device: Device) -> list[ActuatorState]:
    """Return what is known of the actuators of a device."""
    return list(device.actuators.order_by("actuator"))


def stops_of(device: Device) -> list[EmergencyStop]:
    """Return the emergency stops that hold for a device."""
    return stops_over([device]).get(device.id, [])


def is_stopped(scope: str, target_id: uuid.UUID) -> bool:
    """Tell whether an emergency stop of just this target holds."""
    held = EmergencyStop.objects.filter(scope=scope, target_id=target_id, released_at=None)
    return held.exists()


def list_stops(*, only_active: bool) -> QuerySet[EmergencyStop]:
    """Return emergency stops; the caller orders."""
    rows: QuerySet[EmergencyStop] = EmergencyStop.objects.all()
    return rows.filter(released_at=None) if only_active else rows


def find_stop_target(scope: str, target_id: uuid.UUID | None, tenant: Any) -> Any:
    """Return the device, zone or site of the tenant, or the tenant itself.

    Raises: DoesNotExist of the model.
    """
    if scope == EmergencyStop.Scope.TENANT:
        return tenant
    model: Any = {"device": Device, "zone": Zone, "site": Site}[scope]
    return model.objects.get(id=target_id)


def command_names() -> list[str]:
    """Return the commands that any type of device takes."""
    found = DeviceProfile.objects.exclude(commands=[]).values_list("commands", flat=True)
    return sorted({item["name"] for raw in found for item in raw if "name" in item})


def list_batches() -> QuerySet[CommandBatch]:
    """Return batches with the numbers of their devices; the caller orders."""
    return CommandBatch.objects.annotate(
        planned=Count("items", filter=Q(items__skip_code=""), distinct=True),
        skipped=Count("items", filter=~Q(items__skip_code=""), distinct=True),
    )


def batch_counts(batch: CommandBatch) -> dict[str, int]:
    """Return how many commands of a batch are in each state, as the API names them."""
    rows = batch.commands.order_by().values_list("state").annotate(Count("id"))
    counts: dict[str, int] = {}
    for state, number in rows:
        name = PUBLIC[State(state)]
        counts[name] = counts.get(name, 0) + number
    return counts


def _has_public_state(name: str) -> Q:
    states = [state.value for state, public in PUBLIC.items() if public == name]
    if name == "delivered":
        return Q(state=State.ACK, code=RECEIVED)
    if name == "acked":
        return Q(state=State.ACK) & ~Q(code=RECEIVED)
    return Q(state__in=states)
