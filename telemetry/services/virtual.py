"""Virtual channels: made, changed, removed. The reactor computes them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from devices.models import Channel, Device, Kind
from devices.services.channels import MAXIMUM_CHANNELS
from telemetry.models import Alignment, VirtualChannel, VirtualInput
from telemetry.virtual.formula import NAME, RESERVED, FormulaError, compile_formula

MAX_A_TENANT = 1_000
MAX_DEPTH = 8
_SOURCE = "virtual:"


class VirtualRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a virtual channel is computed; `inputs` are channels by their names in the formula."""

    formula: str
    inputs: Mapping[str, int]
    alignment: str = Alignment.QUARTER
    tolerance_seconds: int = 300


@transaction.atomic
def create_virtual_channel(
    *,
    device_id: uuid.UUID,
    name: str,
    unit: str,
    wanted: Wanted,
    kind: str = Kind.GAUGE,
    label: str = "",
    decimals: int = 3,
    now: dt.datetime,
) -> VirtualChannel:
    """Make a channel of a device that is computed; its history follows by and by.

    Raises: Device.DoesNotExist. VirtualRefused.
    """
    device = Device.objects.select_for_update(of=("self",), no_key=True).get(id=device_id)
    _lock(device.tenant_id)
    if VirtualChannel.objects.count() >= MAX_A_TENANT:
        raise VirtualRefused("too_many", f"At most {MAX_A_TENANT} virtual channels.")
    channels = Channel.objects.filter(device=device)
    if channels.count() >= MAXIMUM_CHANNELS:
        raise VirtualRefused("too_many_channels", f"At most {MAXIMUM_CHANNELS} channels a device.")
    if channels.filter(name=name).exists():
        raise VirtualRefused("name_taken", f"The device has a channel {name} already.", "name")
    inputs = _check(wanted, unit)
    channel = Channel(
        tenant_id=device.tenant_id, device=device, name=name, source=f"{_SOURCE}{name}",
        source_unit=unit, unit=unit, kind=kind, label=label, decimals=decimals,
    )  # fmt: skip
    try:
        channel.full_clean(exclude=["tenant", "device"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise VirtualRefused("invalid", messages[0], field) from None
    channel.save()
    virtual = VirtualChannel(channel=channel, **_fields(wanted))
    virtual.save()
    _check_way(virtual, inputs)
    _save_inputs(virtual, inputs)
    _record("virtual_channel.created", virtual, wanted, now)
    return virtual


@transaction.atomic
def change_virtual_channel(
    *, virtual_id: uuid.UUID, wanted: Wanted, now: dt.datetime
) -> VirtualChannel:
    """Compute a virtual channel in another way, all of its history too.

    Raises: VirtualChannel.DoesNotExist. VirtualRefused.
    """
    virtual = VirtualChannel.objects.select_related("channel").get(id=virtual_id)
    _lock(virtual.tenant_id)
    virtual = (
        VirtualChannel.objects.select_for_update(of=("self",))
        .select_related("channel")
        .get(id=virtual_id)
    )
    inputs = _check(wanted, virtual.channel.unit)
    _check_way(virtual, inputs)
    for field, value in _fields(wanted).items():
        setattr(virtual, field, value)
    virtual.revision += 1
    virtual.needs_build = True
    virtual.build_next = None
    virtual.save()
    VirtualInput.objects.filter(virtual=virtual).delete()
    _save_inputs(virtual, inputs)
    _record("virtual_channel.changed", virtual, wanted, now)
    return virtual


@transaction.atomic
def remove_virtual_channel(*, virtual_id: uuid.UUID, now: dt.datetime) -> None:
    """Remove the channel with its values.

    Raises: VirtualChannel.DoesNotExist. VirtualRefused: others are computed from it.
    """
    virtual = VirtualChannel.objects.select_related("channel").get(id=virtual_id)
    _lock(virtual.tenant_id)
    if VirtualInput.objects.filter(channel_id=virtual.channel_id).exists():
        raise VirtualRefused("in_use", "Another virtual channel is computed from it.")
    label = str(virtual.channel)
    record_event(
        action="virtual_channel.removed",
        now=now,
        tenant_id=virtual.tenant_id,
        obj=virtual,
        label=label,
        detail={"formula": virtual.formula},
    )
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_sample WHERE channel_id = %s", [virtual.channel_id])
    virtual.channel.delete()


def _lock(tenant_id: uuid.UUID) -> None:
    """Let one after the other change the graph of a tenant: two could close a circle."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('virtual channels'), hashtext(%s))",
            [str(tenant_id)],
        )


def _check(wanted: Wanted, unit: str) -> dict[str, Channel]:
    """Return the channels by name, if names, units and formula fit."""
    for name in wanted.inputs:
        if not NAME.fullmatch(name) or name in RESERVED:
            detail = f"{name[:40]!r}: use a lower-case letter, then letters, digits, underscores."
            raise VirtualRefused("bad_name", detail, "inputs")
    found = Channel.objects.in_bulk(list(set(wanted.inputs.values())))
    inputs = {}
    for name, channel_id in wanted.inputs.items():
        if channel_id not in found:
            raise VirtualRefused("unknown_channel", f"{name}: there is no such channel.", "inputs")
        inputs[name] = found[channel_id]
    units = {name: channel.unit for name, channel in inputs.items()}
    try:
        formula = compile_formula(wanted.formula, units, unit)
    except FormulaError as error:
        raise VirtualRefused(error.code, str(error), "formula") from None
    unused = sorted(inputs.keys() - formula.names)
    if unused:
        raise VirtualRefused("unused_input", f"The formula does not use {unused[0]}.", "inputs")
    if wanted.alignment not in Alignment.values:
        raise VirtualRefused("invalid_choice", "Use quarter or latest.", "alignment")
    if not 1 <= wanted.tolerance_seconds <= 86_400:
        raise VirtualRefused("out_of_range", "From 1 s to a day.", "tolerance_seconds")
    return inputs


def _check_way(virtual: VirtualChannel, inputs: Mapping[str, Channel]) -> None:
    """Refuse circles and long chains: follow the inputs of the inputs to their ends."""
    below: dict[int, list[int]] = {}
    rows = VirtualInput.objects.exclude(virtual=virtual)
    for channel, source in rows.values_list("virtual__channel_id", "channel_id"):
        below.setdefault(channel, []).append(source)
    level, depth = {channel.id for channel in inputs.values()}, 1
    while level:
        if virtual.channel_id in level:
            raise VirtualRefused("circle", "The channel would be computed from itself.", "inputs")
        if depth > MAX_DEPTH:
            raise VirtualRefused("too_deep", f"At most {MAX_DEPTH} on top of another.", "inputs")
        level = {source for channel in level for source in below.get(channel, ())}
        depth += 1


def _fields(wanted: Wanted) -> dict[str, object]:
    return {
        "formula": wanted.formula.strip(),
        "alignment": wanted.alignment,
        "tolerance_seconds": wanted.tolerance_seconds,
    }


def _save_inputs(virtual: VirtualChannel, inputs: Mapping[str, Channel]) -> None:
    VirtualInput.objects.bulk_create(
        [
            VirtualInput(tenant_id=virtual.tenant_id, virtual=virtual, name=name, channel=channel)
            for name, channel in sorted(inputs.items())
        ]
    )


def _record(action: str, virtual: VirtualChannel, wanted: Wanted, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=virtual.tenant_id,
        obj=virtual,
        label=str(virtual.channel),
        detail={
            "formula": virtual.formula,
            "inputs": {name: str(channel) for name, channel in sorted(wanted.inputs.items())},
            "alignment": virtual.alignment,
            "tolerance_seconds": virtual.tolerance_seconds,
        },
    )
