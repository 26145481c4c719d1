"""What people can choose when they say what is done."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from alarms.models import NotificationTarget, TargetKind
from automation.models import Schedule
from automation.queries.rule_words import target_name
from devices.command_schema import CommandSpec
from devices.models import Device, Zone
from devices.services.command_wire import specs_of
from devices.services.commanders import Commander
from devices.shipped_words import shipped_word

MOST = 500

Option = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ActionChoices:
    """Choices as forms take them. commands: by device; specs: by "device|command"."""

    kinds: Sequence[Option]
    commands: Sequence[tuple[str, Sequence[Option]]]
    specs: Mapping[str, CommandSpec]
    targets: Sequence[Option]
    webhooks: Sequence[Option]
    zones: Sequence[Option]
    schedules: Sequence[Option]


def load_choices(
    actor: Commander, *, person_id: uuid.UUID, besides: uuid.UUID | None = None
) -> ActionChoices:
    """Return what somebody may choose; devices that take commands and that they may control.

    Args: besides: a schedule that is not offered, because it is the one that is edited.
    """
    devices = Device.objects.exclude(profile__commands=[]).select_related("profile", "site")
    offered = [one for one in devices.order_by("name", "id")[:MOST]
               if actor.has_perm("control:device", one)]  # fmt: skip
    commands, specs = _commands(offered)
    mine = NotificationTarget.objects.filter(Q(person=None) | Q(person=person_id))
    targets = list(mine.order_by("name", "id")[:MOST])
    return ActionChoices(
        kinds=[
            ("", "–"), ("command", _("command a device")), ("delay", _("wait")),
            ("notify", _("tell people")), ("webhook", _("call a webhook")),
            ("mode", _("set the mode of a zone")), ("schedule", _("use a schedule")),
        ],
        commands=commands, specs=specs,
        targets=[(str(one.id), target_name(one)) for one in targets],
        webhooks=[
            (str(one.id), one.name) for one in targets if one.kind == TargetKind.WEBHOOK
        ],
        zones=_named(Zone.objects.select_related("site"), lambda one: f"{one.site}: {one.name}"),
        schedules=[one for one in _named(Schedule.objects.all(), lambda one: one.name)
                   if one[0] != str(besides)],
    )  # fmt: skip


def _commands(
    devices: Sequence[Device],
) -> tuple[list[tuple[str, list[Option]]], dict[str, CommandSpec]]:
    groups: list[tuple[str, list[Option]]] = []
    specs: dict[str, CommandSpec] = {}
    for device in devices:
        options = []
        for spec in specs_of(device).values():
            key = f"{device.id}|{spec.name}"
            specs[key] = spec
            label = shipped_word(spec.label) if spec.label else spec.name
            options.append((key, f"{device.name}: {label}"))
        groups.append((f"{device.name} ({device.site})", options))
    return groups, specs


def _named(rows: Any, name: Any) -> list[Option]:
    return [(str(one.id), name(one)) for one in rows.order_by("name", "id")[:MOST]]
