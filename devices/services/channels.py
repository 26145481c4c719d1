"""Channels of a device: from its profile, and from metrics that arrive."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
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

_DESCRIPTION = (
    *(field.name for field in fields(ChannelTemplate)),
    *("scale", "maximum_rate", "stuck_after_seconds", "expected_interval_seconds"),
    "stored_decimals",
)


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
def create_channels_of_many(*, devices: Sequence[Device]) -> int:
    """Give many new devices of the tenant in scope the channels of their profiles, at once."""
    profiles = {device.profile_id for device in devices}
    templates: dict[uuid.UUID, list[ProfileChannel]] = {profile: [] for profile in profiles}
    for row in ProfileChannel.objects.filter(profile__in=profiles).order_by("name", "id"):
        templates[row.profile_id].append(row)
    channels = [
        Channel(
            tenant_id=device.tenant_id,
            device=device,
            **{name: getattr(row, name) for name in _DESCRIPTION},
        )
        for device in devices
        for row in templates[device.profile_id]
    ]
    return len(Channel.objects.bulk_create(channels, batch_size=1000))


@transaction.atomic
def add_channels(
    *,
    device_id: uuid.UUID,
    tenant_id: uuid.UUID,
    metrics: Sequence[str],
    templates: Sequence[ChannelTemplate] = (),
    are_known: bool = True,
) -> list[Channel]:
    """Make sure that each metric of a device has a channel; return the channels of `metrics`.

    Metrics that a template names as its source are made after it; well-known ones become
    canonical channels, others discovered ones; so do those of templates that only name what
    came, where `are_known` is False. No channel is made
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
    described = {template.source: template for template in templates}
    wanted = {metric for metric in metrics if is_metric(metric)}
    if not device.profile.accepts_unknown:
        wanted = {metric for metric in wanted if _is_known(metric, described, are_known=are_known)}
    existing = dict(Channel.objects.filter(device=device).values_list("source", "name"))
    missing = sorted(wanted - existing.keys())
    if len(existing) + len(missing) > MAXIMUM_CHANNELS:
        raise TooManyChannels(
            f"Device {device.uid} has {len(existing)} channels; {len(missing)} more would exceed "
            f"{MAXIMUM_CHANNELS}. Check what it sends, or split it into several devices."
        )
    templates = _describe(missing, described, taken=set(existing.values()))
    Channel.objects.bulk_create(
        [
            Channel(
                tenant_id=tenant_id,
                device=device,
                is_discovered=not _is_known(template.source, described, are_known=are_known),
                **asdict(template),
            )
            for template in templates
        ],
        ignore_conflicts=True,
    )
    return list(Channel.objects.filter(device=device, source__in=wanted).order_by("id"))


def _is_known(metric: str, described: Mapping[str, ChannelTemplate], *, are_known: bool) -> bool:
    """Tell whether somebody has described a metric, or its name is a well-known one."""
    template = described.get(metric)
    if template is None:
        return lookup(metric) is not None
    return are_known or lookup(template.name) is not None


def _describe(
    metrics: Iterable[str], described: Mapping[str, ChannelTemplate], *, taken: set[str]
) -> list[ChannelTemplate]:
    """Describe each metric; one whose name is taken by another source gets a suffix."""
    templates = []
    for metric in metrics:
        template = described.get(metric) or lookup(metric) or discovered(metric)
        if template.name in taken:
            template = replace(template, name=distinct_name(template.name, metric))
        taken.add(template.name)
        templates.append(template)
    return templates
