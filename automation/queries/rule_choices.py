"""What people may choose from when they write a rule."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from alarms.models import NotificationTarget, TargetKind
from automation.models import Schedule
from automation.queries.rule_words import channel_words, target_name
from automation.services.rule_names import Kind, names_in
from devices.command_schema import CommandSpec
from devices.models import Channel, Device, Site, Zone
from devices.services.command_wire import specs_of
from energy.lib.units import symbol

MAX_ROWS = 1_000

Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Choices:
    """Lists of value and label, each bounded; what a rule names already is always among them.

    commands: a value is device and name with a bar between them. metrics: name of each channel.
    """

    channels: list[Choice]
    metrics: dict[str, str]
    devices: list[Choice]
    commands: list[Choice]
    specs: dict[str, CommandSpec]
    targets: list[Choice]
    webhooks: list[Choice]
    zones: list[Choice]
    schedules: list[Choice]
    sites: list[Choice]


def load_choices(
    definition: Mapping[str, Any] | None = None, *, person: uuid.UUID | None = None
) -> Choices:
    """Read what there is in the tenant in scope.

    Args: definition: of a rule that is changed. person: whose own targets are offered as well.
    """
    named: dict[Kind, set[Any]] = {kind: set() for kind in Kind}
    for one in names_in(definition or {}):
        named[one.kind].add(one.key)
    devices = _devices(named[Kind.DEVICE])
    specs = {
        f"{device.pk}|{spec.name}": (f"{device.name}: {spec.label}", spec)
        for device in devices
        for spec in specs_of(device).values()
    }
    channels = _channels(named[Kind.CHANNEL])
    mine = Q(person=None) | Q(person=person) if person else Q(person=None)
    targets = NotificationTarget.objects.filter(mine | Q(pk__in=named[Kind.TARGET]))
    rows = list(targets.order_by("name", "id")[:MAX_ROWS])
    return Choices(
        channels=[(str(one.pk), _with_unit(one)) for one in channels],
        metrics={str(one.pk): one.name for one in channels},
        devices=[(str(one.pk), one.name) for one in devices],
        commands=[(key, label) for key, (label, _spec) in specs.items()],
        specs={key: spec for key, (_label, spec) in specs.items()},
        targets=[(str(one.pk), target_name(one)) for one in rows],
        webhooks=[(str(one.pk), one.name) for one in rows if one.kind == TargetKind.WEBHOOK],
        zones=_zones(), schedules=_named(Schedule), sites=_named(Site),
    )  # fmt: skip


def _devices(named: set[Any]) -> list[Device]:
    rows = Device.objects.select_related("profile").order_by("name", "id")
    found = list(rows[:MAX_ROWS])
    missing = named - {one.pk for one in found} - {str(one.pk) for one in found}
    return found + (list(rows.filter(pk__in=missing)) if missing else [])


def _channels(named: set[Any]) -> list[Channel]:
    rows = Channel.objects.select_related("device").order_by("device__name", "name", "id")
    found = list(rows[:MAX_ROWS])
    missing = named - {one.pk for one in found}
    return found + (list(rows.filter(pk__in=missing)) if missing else [])


def _zones() -> list[Choice]:
    rows = Zone.objects.select_related("site").order_by("site__name", "name", "id")[:MAX_ROWS]
    return [(str(one.pk), f"{one.site.name}: {one.name}") for one in rows]


def _named(model: Any) -> list[Choice]:
    rows = model.objects.order_by("name", "pk").values_list("pk", "name")[:MAX_ROWS]
    return [(str(key), name) for key, name in rows]


def _with_unit(channel: Channel) -> str:
    label, unit = channel_words(channel).label, symbol(channel.unit)
    return f"{label} ({unit})" if unit.strip() else label
