"""What people may choose from when they set a zone up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devices.command_schema import CommandSpec, Effect
from devices.labels import name_channel
from devices.models import Channel, Device, Lifecycle, Zone
from devices.services.command_wire import specs_of
from energy.lib.units import symbol

MAX_DEVICES = 300
MAX_CHANNELS = 1_000
Group = tuple[str, list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class ZoneChoices:
    """Commands and channels of the devices of a zone's site, those of the zone first."""

    starts: Sequence[Group]
    stops: Sequence[Group]
    channels: Sequence[Group]
    amounts: Sequence[str]


def zone_choices(zone: Zone) -> ZoneChoices:
    """Read what there is; two queries."""
    rows = (
        Device.objects.filter(site=zone.site_id)
        .exclude(lifecycle=Lifecycle.DECOMMISSIONED)
        .select_related("profile")
        .order_by("name", "id")
    )
    devices = sorted(rows[:MAX_DEVICES], key=lambda device: device.zone_id != zone.id)
    channels: dict[object, list[tuple[str, str]]] = {}
    for row in Channel.objects.filter(device__in=devices).order_by("name", "id")[:MAX_CHANNELS]:
        channels.setdefault(row.device_id, []).append((str(row.id), _channel(row)))
    specs = {device.id: specs_of(device) for device in devices}
    starting = (Effect.ON, Effect.SET, Effect.NONE)
    return ZoneChoices(
        [_group(device, specs[device.id].values(), starting) for device in devices],
        [_group(device, specs[device.id].values(), tuple(Effect)) for device in devices],
        [(device.name, channels[device.id]) for device in devices if device.id in channels],
        sorted({
            param.name
            for found in specs.values() for spec in found.values() for param in spec.params
            if param.type in {"number", "integer"}
        }),
    )  # fmt: skip


def _group(device: Device, specs: Iterable[CommandSpec], effects: Sequence[Effect]) -> Group:
    offered = [one for one in specs if one.effect in effects]
    return device.name, [(f"{device.id}|{one.name}", one.label) for one in offered]


def _channel(row: Channel) -> str:
    unit = f" ({symbol(row.unit)})" if row.unit else ""
    return f"{name_channel(row.name, row.label).label}{unit}"
