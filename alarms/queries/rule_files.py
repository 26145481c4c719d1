"""All rules of the tenant in scope as a file."""

from __future__ import annotations

from alarms.models import AlarmRule, AlarmRuleVersion
from alarms.queries.rules import list_rules, newest_versions
from alarms.rules.document import (
    ChannelName,
    DeviceName,
    Formula,
    InputName,
    RuleDocument,
    ScopeNames,
    write_file,
)
from devices.models import Channel, Device
from telemetry.models import VirtualChannel
from telemetry.virtual.queries import list_virtual_channels


def export_rules() -> bytes:
    """Return the rules with what they look for now, by name; older versions stay behind."""
    rules = list(list_rules().select_related("channel__device__gateway", "device__gateway", "site"))
    versions = newest_versions(rules)
    watched = [rule.channel_id for rule in rules if rule.channel_id]
    computed = {
        virtual.channel_id: virtual
        for virtual in list_virtual_channels().filter(channel__in=watched)
    }
    return write_file(
        [_document(rule, versions[rule.id], computed) for rule in rules if rule.id in versions]
    )


def _document(
    rule: AlarmRule, version: AlarmRuleVersion, computed: dict[int, VirtualChannel]
) -> RuleDocument:
    return RuleDocument(
        name=rule.name, scope=_scope(rule, computed), definition=version.definition,
        text=version.text, advice=version.advice, is_enabled=rule.is_enabled,
    )  # fmt: skip


def _scope(rule: AlarmRule, computed: dict[int, VirtualChannel]) -> ScopeNames:
    channel = rule.channel
    if channel is None:
        return ScopeNames(
            metric=rule.metric, device=_device(rule.device) if rule.device else None,
            profile=rule.profile.key if rule.profile else "",
            site=rule.site.name if rule.site else "", tag=rule.tag,
        )  # fmt: skip
    virtual = computed.get(channel.id)
    if virtual is None:
        return ScopeNames(channel=ChannelName(_device(channel.device), channel.name))
    return ScopeNames(expression=_formula(virtual, channel))


def _formula(virtual: VirtualChannel, channel: Channel) -> Formula:
    return Formula(
        formula=virtual.formula, unit=channel.unit, label=channel.label,
        alignment=virtual.alignment, tolerance_seconds=virtual.tolerance_seconds,  # type: ignore[arg-type]
        inputs=tuple(
            InputName(row.name, _device(row.channel.device), row.channel.name)
            for row in virtual.inputs.all()
        ),
    )  # fmt: skip


def _device(device: Device) -> DeviceName:
    return DeviceName(device.uid, device.gateway.uid if device.gateway else None)
