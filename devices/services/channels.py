"""Channels of a device: from its profile, and from metrics that arrive."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace

from django.db import transaction

from devices.canonical import (
    ChannelTemplate,
    discovered,
    distinct_name,
    is_metric,
    lookup,
)
from devices.models import Channel, Device, ProfileChannel

MAXIMUM_CHANNELS = 256

_DESCRIPTION = (*(field.name for field in fields(ChannelTemplate)), "scale")


class TooManyChannels(Exception):
    """A device would get more channels than a device may have."""


@transaction.atomic
def create_profile_channels(*, device: Device) -> list[Channel]:
    """Give a device the channels of its profile; those it has already stay as they are."""
    rows = ProfileChannel.objects.filter(profile_id=device.profile_id).order_by("name", "id")
    Channel.objects.bulk_create(
        [
            Channel(
                tenant_id=device.tenant_id,
                device=device,
                **{name: getattr(row, name) for name in _DESCRIPTION},
            )
            for row in rows
        ],
        ignore_conflicts=True,
    )
    return list(Channel.objects.filter(device=device).order_by("name", "id"))


@transaction.atomic
def add_channels(
    *, device_id: uuid.UUID, tenant_id: uuid.UUID, metrics: Sequence[str]
) -> list[Channel]:
    """Make sure that each metric of a device has a channel; return the channels of `metrics`.

    Well-known metrics become canonical channels, others discovered ones. No channel is made
    for a key that cannot be stored (empty, over 128 characters, control characters), nor for
    an unknown one when the profile does not accept unknown metrics: these are missing in the
    answer. Copies may run at the same time: the device's row is locked.

    Raises:
        Device.DoesNotExist: no such device in this tenant.
        TooManyChannels: the device would exceed 256 channels; none is made.
    """
    device = (
        Device.objects.select_for_update(of=("self",), no_key=True)
        .select_related("profile")
        .get(id=device_id, tenant_id=tenant_id)
    )
    wanted = {metric for metric in metrics if is_metric(metric)}
    if not device.profile.accepts_unknown:
        wanted = {metric for metric in wanted if lookup(metric)}
    existing = dict(Channel.objects.filter(device=device).values_list("source", "name"))
    missing = sorted(wanted - existing.keys())
    if len(existing) + len(missing) > MAXIMUM_CHANNELS:
        raise TooManyChannels(
            f"Device {device.uid} has {len(existing)} channels; {len(missing)} more would exceed "
            f"{MAXIMUM_CHANNELS}. Check what it sends, or split it into several devices."
        )
    templates = _describe(missing, taken=set(existing.values()))
    Channel.objects.bulk_create(
        [
            Channel(
                tenant_id=tenant_id,
                device=device,
                is_discovered=lookup(template.source) is None,
                **asdict(template),
            )
            for template in templates
        ],
        ignore_conflicts=True,
    )
    return list(Channel.objects.filter(device=device, source__in=wanted).order_by("id"))


def _describe(metrics: Iterable[str], *, taken: set[str]) -> list[ChannelTemplate]:
    """Describe each metric; one whose name is taken by another source gets a suffix."""
    templates = []
    for metric in metrics:
        template = lookup(metric) or discovered(metric)
        if template.name in taken:
            template = replace(template, name=distinct_name(template.name, metric))
        taken.add(template.name)
        templates.append(template)
    return templates
