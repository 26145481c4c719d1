"""All rules of the tenant in scope as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from alarms.models import AlarmRule, NotificationTarget
from automation.models import AutomationRule, Schedule
from automation.queries.rules import list_rules, newest_versions
from automation.rule_document import (
    ChannelName,
    DeviceName,
    RuleDocument,
    ZoneName,
    write_file,
)
from automation.services.rule_names import Kind, names_in, swap_names
from devices.models import Channel, Device, Site, Zone


def export_rules(rule_id: uuid.UUID | None = None) -> bytes:
    """Return the rules, or one, with what they do now, by name; older versions stay behind.

    What a rule names and is gone stands there as null; whoever takes it in is told where.
    """
    rules: list[AutomationRule] = list(list_rules())
    if rule_id is not None:
        rules = [rule for rule in rules if rule.id == rule_id]
    versions = newest_versions(rules)
    there = [(rule, versions[rule.id].definition) for rule in rules if rule.id in versions]
    names = portable_names(definition for _rule, definition in there)
    return write_file([
        RuleDocument(
            name=rule.name, site=rule.site.name if rule.site else "",
            definition=swap_names(definition, lambda one: names.get((one.kind, str(one.key)))),
            is_enabled=rule.is_enabled, is_dry=rule.is_dry,
        )
        for rule, definition in there
    ])  # fmt: skip


def portable_names(definitions: Iterable[dict[str, Any]]) -> dict[tuple[Kind, str], Any]:
    """Return what stands in a file for each key that is named; at most one query a kind."""
    keys: dict[Kind, set[Any]] = {kind: set() for kind in Kind}
    for definition in definitions:
        for one in names_in(definition):
            keys[one.kind].add(one.key)
    return {
        (kind, str(key)): name
        for kind, wanted in keys.items()
        if wanted
        for key, name in _names(kind, wanted)
    }


def _names(kind: Kind, keys: set[Any]) -> Iterable[tuple[Any, Any]]:
    match kind:
        case Kind.CHANNEL:
            channels = Channel.objects.filter(pk__in=keys).select_related("device__gateway")
            return [
                (row.pk, msgspec.to_builtins(ChannelName(_device(row.device), row.name)))
                for row in channels
            ]
        case Kind.DEVICE:
            devices = Device.objects.filter(pk__in=keys).select_related("gateway")
            return [(row.pk, msgspec.to_builtins(_device(row))) for row in devices]
        case Kind.ZONE:
            zones = Zone.objects.filter(pk__in=keys).select_related("site")
            return [(z.pk, msgspec.to_builtins(ZoneName(z.site.name, z.name))) for z in zones]
    model: Any = {
        Kind.SITE: Site, Kind.TARGET: NotificationTarget, Kind.SCHEDULE: Schedule,
        Kind.RULE: AlarmRule,
    }[kind]  # fmt: skip
    found: Iterable[tuple[Any, str]] = model.objects.filter(pk__in=keys).values_list("pk", "name")
    return found


def _device(device: Device) -> DeviceName:
    return DeviceName(device.uid, device.gateway.uid if device.gateway else None)
