"""The parts of a device's page besides its values; each is read when somebody opens it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.queries.history import history_for
from devices.event_words import describe_event, kind_name
from devices.models import Device, Lifecycle, RevocationReason, Zone
from devices.queries_certificates import certificate_section
from devices.queries_commands import command_label, recent_commands, stops_of
from devices.queries_configuration import configuration_of
from devices.queries_fleet import list_events
from devices.queries_wires import has_wire, wire_of
from devices.services.fleet_edits import version_of

EVENTS, CHANGES = 50, 20
VALUES = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A tab. `name` stands in the address; each of the permissions `codes` opens it."""

    name: str
    label: Promise
    codes: tuple[str, ...]
    read: Callable[[Device, dt.datetime], dict[str, Any]]


def offered_parts(codes: Collection[str], *, further: Iterable[Part] = ()) -> list[Part]:
    """Return the parts that somebody with these permissions may open; guests have none.

    Args: further: parts of upper layers, which come first.
    """
    return [part for part in (*further, *_PARTS) if set(part.codes) & set(codes)]


def read_part(part: Part, device_id: uuid.UUID, *, now: dt.datetime) -> dict[str, Any]:
    """Return what the part's template shows.

    Raises: Device.DoesNotExist: the tenant has no such device.
    """
    related = ("profile", "gateway", "zone", "site")
    return part.read(Device.objects.select_related(*related).get(id=device_id), now)


def wire_parts(device_id: uuid.UUID) -> tuple[Part, ...]:
    """Return the part about the wire for a device that is on a bus or a line of its own."""
    return (WIRE,) if has_wire(device_id) else ()


def _events(device: Device, now: dt.datetime) -> dict[str, Any]:
    rows = list_events(device_id=device.id).order_by("-at", "-id")
    return {
        "events": [(row, kind_name(row.kind), describe_event(row)) for row in rows[:EVENTS]],
    }


def _configuration(device: Device, now: dt.datetime) -> dict[str, Any]:
    return {"view": configuration_of(device)}


def _commands(device: Device, now: dt.datetime) -> dict[str, Any]:
    recent = recent_commands(device_id=device.id)
    return {"commands": [(row, command_label(row)) for row in recent], "stops": stops_of(device)}


def _certificates(device: Device, now: dt.datetime) -> dict[str, Any]:
    section = certificate_section(device=device, now=now)
    return {"certificates": section, "reasons": RevocationReason.choices}


def _wire(device: Device, now: dt.datetime) -> dict[str, Any]:
    return {"wire": wire_of(device)}


def _changes(device: Device, now: dt.datetime) -> dict[str, Any]:
    history = history_for(device)
    return {"changes": history.explain(list(history.events[:CHANGES]))}


def _settings(device: Device, now: dt.datetime) -> dict[str, Any]:
    zones = Zone.objects.filter(site_id=device.site_id).order_by("name", "id")
    return {
        "row": device,
        "version": version_of(device),
        "zones": list(zones),
        "is_in_maintenance": device.lifecycle == Lifecycle.MAINTENANCE,
        "is_gone": device.lifecycle == Lifecycle.DECOMMISSIONED,
    }


# offered for devices that have one
WIRE = Part("wire", _("Wire"), ("read:device",), _wire)
_PARTS = (
    Part("events", _("Events"), ("read:device",), _events),
    Part("configuration", _("Configuration"), ("read:device",), _configuration),
    Part("commands", _("Commands"), ("read:command",), _commands),
    Part("certificates", _("Certificates"), ("read:device",), _certificates),
    Part("changes", _("History"), ("read:audit",), _changes),
    Part("settings", _("Settings"), ("write:device", "provision:device"), _settings),
)
