"""What people may choose from when they write a rule."""

from __future__ import annotations

from dataclasses import dataclass

from alarms.models import AlarmRule
from alarms.services.expressions import Expression
from devices.labels import name_channel
from devices.models import Channel, Device, DeviceProfile, Site
from energy.lib.units import symbol
from telemetry.models import VirtualChannel

MAX_METRICS = 500
MAX_DEVICES = 1_000
MAX_CHANNELS = 500

Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Choices:
    """Lists of value and label, each bounded; what a rule has already is always among them."""

    all_metrics: list[Choice]
    devices: list[Choice]
    sites: list[Choice]
    profiles: list[Choice]
    all_tags: list[str]
    channels: list[Choice]

    def metrics(self, own: str) -> list[Choice]:
        """Return the metrics with that of the rule."""
        known = {name for name, _label in self.all_metrics}
        return self.all_metrics + ([(own, own)] if own and own not in known else [])

    def tags(self, own: str) -> list[Choice]:
        """Return the tags with that of the rule."""
        return [(tag, tag) for tag in sorted({*self.all_tags, *filter(None, [own])})]


def load_choices(rule: AlarmRule | None = None) -> Choices:
    """Read what there is in the tenant in scope. Args: rule: whose device must be among it."""
    devices = list(Device.objects.order_by("name", "id").values_list("id", "name")[:MAX_DEVICES])
    own = rule and (rule.device or (rule.channel and rule.channel.device))
    if own and all(device != own.id for device, _name in devices):
        devices.append((own.id, own.name))
    profiles = DeviceProfile.objects.filter(
        id__in=Device.objects.order_by().values("profile").distinct()
    )
    known = set(profiles)
    if rule and rule.profile:
        known.add(rule.profile)
    return Choices(
        _metrics(), [(str(key), name) for key, name in devices],
        [(str(key), name) for key, name in Site.objects.order_by("name").values_list("id", "name")],
        sorted(((str(one.id), str(one)) for one in known), key=lambda row: row[1]),
        _tags(), _channels(rule),
    )  # fmt: skip


def expression_of(rule: AlarmRule) -> Expression | None:
    """Return the formula by which what a rule watches is computed; None if it is measured."""
    if rule.channel is None:
        return None
    virtual = VirtualChannel.objects.filter(channel=rule.channel_id).first()
    if virtual is None:
        return None
    return Expression(
        virtual.formula, dict(virtual.inputs.values_list("name", "channel_id")),
        rule.channel.unit, virtual.alignment, virtual.tolerance_seconds, rule.channel.label,
    )  # fmt: skip


def _metrics() -> list[Choice]:
    rows = Channel.objects.order_by("name").values_list("name", "unit").distinct()[:MAX_METRICS]
    units = dict(reversed(list(rows)))
    found = [(name, _with_unit(name_channel(name, "").label, units[name])) for name in units]
    return sorted(found, key=lambda row: row[1])


def _channels(rule: AlarmRule | None) -> list[Choice]:
    channels = Channel.objects.select_related("device").order_by("device__name", "name", "id")
    rows = list(channels[:MAX_CHANNELS])
    expression = expression_of(rule) if rule else None
    if expression is not None:
        missing = set(expression.inputs.values()) - {row.id for row in rows}
        rows += list(channels.filter(id__in=missing))
    return [
        (str(row.id), _with_unit(
            f"{row.device.name}: {name_channel(row.name, row.label).label}", row.unit
        ))
        for row in rows
    ]  # fmt: skip


def _tags() -> list[str]:
    model = Device.objects.values_list("tags", flat=True).exclude(tags=[]).distinct()[:MAX_DEVICES]
    return sorted({tag for tags in model for tag in tags})


def _with_unit(label: str, unit: str) -> str:
    return f"{label} ({symbol(unit)})" if symbol(unit).strip() else label
