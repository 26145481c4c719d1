"""Turns registers that somebody recognised into rows of a unit's own map, and into channels."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from devices.canonical import COUNTER, GAUGE, ChannelTemplate, discovered, is_metric, lookup
from devices.modbus.maps import ENERGY, IDENTITY, BadRegisterMap, Register, RegisterMap, read_map
from devices.modbus.thingsboard import ImportedSlave
from devices.modbus.types import STRING
from devices.models import Channel, ModbusUnit
from devices.services.channels import TooManyChannels, add_channels
from energy.lib.units import IncompatibleUnits, UnknownUnit, conversion, find_unit


@dataclass(frozen=True, slots=True)
class PickedRow:
    """A value that was recognised; `address` counts from zero, `words` is for texts.

    unit: of the value after `scale`; blank for that of the metric. rate: power, energy, identity
    or blank for what the metric suggests.
    """

    metric: str
    address: int
    function: int
    type: str
    order: str
    scale: float = 1
    unit: str = ""
    rate: str = ""
    words: int = 0

    def as_row(self, base: int) -> dict[str, Any]:
        """Return the row of a register map whose addresses begin at `base`."""
        row: dict[str, Any] = {
            "metric": self.metric, "address": self.address + base, "type": self.type,
            "function": self.function, "order": self.order,
        }  # fmt: skip
        optional = {"scale": self.scale, "unit": self.unit, "rate": self.rate}
        row |= {name: value for name, value in optional.items() if value not in {"", 1}}
        return row | ({"words": self.words} if self.type == STRING else {})


@dataclass(frozen=True, slots=True)
class Taken:
    """What was saved: rows of the map, new channels, and what was written otherwise."""

    rows: int
    channels: tuple[str, ...]
    notes: tuple[str, ...] = ()


@transaction.atomic
def add_rows(*, unit: ModbusUnit, rows: Sequence[PickedRow], keep: bool, now: dt.datetime) -> Taken:
    """Put rows into the unit's own map; those of the same metric are replaced.

    Args: keep: begin with the map that holds until now, the unit's own or that of its type of
        device; else the rows are all there is.

    Raises: ValidationError: what is wrong, by row.
    """
    if not rows:
        raise ValidationError(_("Choose a value first: press it in the table."))
    base = dict(unit.register_map or unit.device.profile.register_map) if keep else {}
    if base.get("sunspec"):
        raise ValidationError(
            _("The registers of this unit are found through SunSpec: begin a map of its own.")
        )
    fitted, notes = _fit_units(rows, unit.device_id)
    known = {row.metric for row in fitted}
    kept = [row for row in base.get("registers", []) if row.get("metric") not in known]
    start = int(bool(base.get("one_based")))
    base["registers"] = kept + [row.as_row(start) for row in fitted]
    taken = take_map(unit=unit, register_map=base, now=now)
    return Taken(len(rows), taken.channels, tuple(notes))


@transaction.atomic
def take_map(*, unit: ModbusUnit, register_map: Mapping[str, Any], now: dt.datetime) -> Taken:
    """Make a map the unit's own, and give its device the channels that it measures.

    Raises: ValidationError: the map cannot be read, or there would be too many channels.
    """
    found = check_map(register_map)
    unit.register_map = dict(register_map)
    unit.save(update_fields=["register_map", "updated_at"])
    before = set(_channels_of(unit.device_id))
    measured = [row for row in found.registers if row.rate != IDENTITY and row.type != STRING]
    try:
        add_channels(
            device_id=unit.device_id,
            tenant_id=unit.tenant_id,
            metrics=[row.metric for row in measured],
            templates=[_template(row) for row in measured if lookup(row.metric) is None],
        )
    except TooManyChannels as error:
        raise ValidationError(str(error)) from error
    record_event(
        action="modbus.map_changed", now=now, tenant_id=unit.tenant_id, obj=unit,
        detail={"rows": len(found.registers)},
    )  # fmt: skip
    new = sorted(set(_channels_of(unit.device_id)) - before)
    return Taken(len(found.registers), tuple(new))


@transaction.atomic
def take_import(*, unit: ModbusUnit, slave: ImportedSlave, now: dt.datetime) -> Taken:
    """Take over the map of an imported device, and how often it was read there.

    Raises: ValidationError: as for `take_map`; or there is nothing to read.
    """
    if not slave.register_map.get("registers"):
        raise ValidationError(_("Nothing of this device can be read."))
    taken = take_map(unit=unit, register_map=slave.register_map, now=now)
    unit.fast_seconds, unit.slow_seconds = slave.fast_seconds, slave.slow_seconds
    unit.save(update_fields=["fast_seconds", "slow_seconds", "updated_at"])
    return taken


def check_map(register_map: Mapping[str, Any]) -> RegisterMap:
    """Read a register map.

    Raises: ValidationError: all that is wrong, by row.
    """
    try:
        return read_map(register_map)
    except BadRegisterMap as error:
        raise ValidationError(str(error).split("\n")) from error


def _channels_of(device_id: uuid.UUID) -> Iterable[str]:
    return Channel.objects.filter(device=device_id).values_list("name", flat=True)


def _fit_units(
    rows: Sequence[PickedRow], device_id: uuid.UUID
) -> tuple[list[PickedRow], list[str]]:
    """Scale each row to the unit in which its channel takes values; tell where that differs."""
    taken = dict(Channel.objects.filter(device=device_id).values_list("source", "source_unit"))
    notes: list[str] = []
    fitted = []
    for row in rows:
        if not is_metric(row.metric):
            raise ValidationError(
                _("Address %(address)d needs the name of what it measures.")
                % {"address": row.address}
            )
        fitted.append(_fit_unit(row, taken, notes))
    return fitted, notes


def _fit_unit(row: PickedRow, taken: Mapping[str, str], notes: list[str]) -> PickedRow:
    template = lookup(row.metric)
    wanted = taken.get(row.metric, template.source_unit if template else "")
    if not row.unit or not wanted or row.unit == wanted or row.type == STRING:
        _check_unit(row)
        return _replaced(row, unit=row.unit or wanted)
    try:
        change = conversion(row.unit, wanted)
    except (UnknownUnit, IncompatibleUnits) as error:
        text = _("%(metric)s is measured in %(wanted)s, not in %(unit)s.")
        raise ValidationError(
            text % {"metric": row.metric, "wanted": wanted, "unit": row.unit}
        ) from error
    if change.offset:
        text = _("%(metric)s: write the value in %(wanted)s; %(unit)s has another zero.")
        raise ValidationError(text % {"metric": row.metric, "wanted": wanted, "unit": row.unit})
    scale = change.apply(row.scale)
    text = _("%(metric)s is taken in %(wanted)s: its scale became %(scale)s.")
    notes.append(text % {"metric": row.metric, "wanted": wanted, "scale": f"{scale:g}"})
    return _replaced(row, unit=wanted, scale=scale)


def _check_unit(row: PickedRow) -> None:
    if not row.unit:
        return
    try:
        find_unit(row.unit)
    except UnknownUnit as error:
        raise ValidationError(f"{row.metric}: {error}") from error


def _replaced(row: PickedRow, **changes: Any) -> PickedRow:
    values = {name: getattr(row, name) for name in PickedRow.__slots__}
    return PickedRow(**(values | changes))


def _template(row: Register) -> ChannelTemplate:
    """Describe the channel of a metric that nobody knows, in the unit that the map states."""
    found = discovered(row.metric)
    kind = COUNTER if row.rate == ENERGY else GAUGE
    return ChannelTemplate(found.name, row.metric, row.unit, row.unit, kind=kind)
