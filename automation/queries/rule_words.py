"""What people call that which rules name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from alarms.models import AlarmRule, NotificationTarget
from automation.models import Schedule
from automation.services.rule_names import Kind, names_in
from automation.words import ChannelWords, Words
from devices.labels import name_channel
from devices.models import Channel, Device, Site, Zone
from devices.services.command_wire import specs_of


def load_words(definitions: Iterable[Mapping[str, Any]]) -> Words:
    """Return what is needed to say what rules do; at most one query a kind of thing.

    Args: definitions: as stored.
    """
    keys: dict[Kind, set[Any]] = {kind: set() for kind in Kind}
    for definition in definitions:
        for one in names_in(definition):
            keys[one.kind].add(one.key)
    words = Words()
    for kind, wanted in keys.items():
        if wanted:
            _load(kind, wanted, words)
    return words


def _load(kind: Kind, keys: set[Any], words: Words) -> None:
    if kind == Kind.CHANNEL:
        for channel in Channel.objects.filter(pk__in=keys).select_related("device"):
            words.channels[channel.pk] = channel_words(channel)
        return
    if kind == Kind.DEVICE:
        for device in Device.objects.filter(pk__in=keys).select_related("profile"):
            words.things[str(device.pk)] = device.name
            for spec in specs_of(device).values():
                words.commands[str(device.pk), spec.name] = spec
        return
    model: Any = {
        Kind.SITE: Site, Kind.TARGET: NotificationTarget, Kind.SCHEDULE: Schedule,
        Kind.RULE: AlarmRule, Kind.ZONE: Zone,
    }[kind]  # fmt: skip
    for row in model.objects.filter(pk__in=keys):
        words.things[str(row.pk)] = target_name(row) if kind == Kind.TARGET else row.name


def channel_words(channel: Channel) -> ChannelWords:
    """Return what people call a channel; its device is loaded."""
    label = str(name_channel(channel.name, channel.label).label)
    return ChannelWords(
        f"{channel.device.name}: {label}", channel.unit, str(channel.device_id), channel.name
    )


def target_name(target: NotificationTarget) -> str:
    """Return what people call a target; one of a person has no name of its own."""
    return target.name or str(target.get_kind_display())
