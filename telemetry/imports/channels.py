"""The channels into which the columns of a file go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.refusals import Refusal
from devices.canonical import SOURCE_LENGTH, ChannelTemplate, discovered, lookup
from devices.models import Channel, Device, Kind
from devices.models.channel import CHANNEL_NAME
from devices.services.channels import MAXIMUM_CHANNELS
from energy.lib.units import IncompatibleUnits, UnknownUnit, linear
from telemetry.imports.plan import Plan, PlanColumn
from telemetry.ingest.direct import Target


class ColumnRefused(Refusal):
    """A column cannot go to the channel that was chosen for it."""

    code = "column_refused"
    message = _("A column does not fit its channel.")

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


def existing_channels(device: Device, plan: Plan) -> dict[str, Channel]:
    """Return those channels of the plan that the device has, by name.

    Raises: ColumnRefused: one has another kind or a unit of another quantity.
    """
    names = [column.channel for column in plan.columns]
    found = {c.name: c for c in Channel.objects.filter(device=device, name__in=names)}
    for column in plan.columns:
        _check(column, found.get(column.channel))
    return found


@transaction.atomic
def ensure_channels(device: Device, plan: Plan) -> list[Channel]:
    """Return the channel of each column in their order; make those that are missing.

    Raises: ColumnRefused: as `existing_channels`, or the device would have too many.
    """
    Device.objects.select_for_update(of=("self",), no_key=True).get(id=device.id)
    found = existing_channels(device, plan)
    missing = [column for column in plan.columns if column.channel not in found]
    if missing:
        count = Channel.objects.filter(device=device).count() + len(missing)
        if count > MAXIMUM_CHANNELS:
            raise ColumnRefused(f"The device would have {count} channels; 256 are allowed.")
    sources = set(Channel.objects.filter(device=device).values_list("source", flat=True))
    for column in missing:
        found[column.channel] = _create(device, column, plan, sources)
    return [found[column.channel] for column in plan.columns]


def targets_of(channels: Sequence[Channel], plan: Plan) -> list[Target]:
    """Return where the values of each column go, with the unit they arrive in."""
    return [
        Target(channel.id, column.unit or channel.unit, column.scale)
        for channel, column in zip(channels, plan.columns, strict=True)
    ]


def template_of(column: PlanColumn) -> ChannelTemplate:
    """Return the channel that a column would make."""
    known = lookup(column.channel)
    if known is not None and known.name == column.channel:
        return replace(known, kind=column.kind)
    made = discovered(column.channel)
    unit = column.unit
    return replace(made, unit=unit, source_unit=unit, kind=column.kind)


def _check(column: PlanColumn, channel: Channel | None) -> None:
    if channel is None and not re.fullmatch(CHANNEL_NAME.regex, column.channel):
        raise ColumnRefused(
            f"{column.channel!r} is no name of a channel: use lower-case letters, digits and _."
        )
    unit = channel.unit if channel else template_of(column).unit
    try:
        linear(column.scale, column.unit or unit, unit)
    except (UnknownUnit, IncompatibleUnits) as error:
        raise ColumnRefused(f"{column.channel}: {error}") from error
    kind = channel.kind if channel else column.kind
    if kind != column.kind:
        label = Kind(kind).label
        raise ColumnRefused(f"The device has a channel {column.channel} of the kind {label}.")


def _create(device: Device, column: PlanColumn, plan: Plan, sources: set[str]) -> Channel:
    template = template_of(column)
    if template.source in sources:  # an alias of another channel: nothing arrives under ours
        template = replace(template, source=f"import:{template.name}"[:SOURCE_LENGTH])
    sources.add(template.source)
    span = plan.interval_seconds if column.kind == Kind.INTERVAL else None
    channel = Channel(
        tenant_id=device.tenant_id,
        device=device,
        label=column.header[:100] if lookup(column.channel) is None else "",
        expected_interval_seconds=span or None,
        **asdict(template),
    )
    channel.save()
    return channel
