"""Virtual channels of the tenant in scope, as they are shown."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from devices.models import Channel
from telemetry.models import VirtualChannel, VirtualInput

MAX_CHOICES = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the history of a virtual channel is computed; `share` from 0 to 1."""

    state: str
    share: float


def list_virtual_channels(device_id: uuid.UUID | None = None) -> QuerySet[VirtualChannel]:
    """Return virtual channels with their inputs, by device and name."""
    inputs = VirtualInput.objects.select_related("channel__device").order_by("name")
    rows = VirtualChannel.objects.select_related("channel__device", "channel__latest")
    if device_id is not None:
        rows = rows.filter(channel__device_id=device_id)
    rows = rows.prefetch_related(Prefetch("inputs", queryset=inputs))
    return rows.order_by("channel__device__name", "channel__name", "id")


def find_virtual_channel(virtual_id: uuid.UUID) -> VirtualChannel:
    """Return one with its inputs. Raises: VirtualChannel.DoesNotExist."""
    return list_virtual_channels().get(id=virtual_id)


def progress_of(virtual: VirtualChannel) -> Progress:
    """Return how far history is computed."""
    if virtual.needs_build:
        return Progress("waiting", 0.0)
    if virtual.build_next is None:
        return Progress("complete", 1.0)
    start, end = virtual.build_from, virtual.build_until
    if start is None or end is None or end <= start:
        return Progress("running", 0.0)
    return Progress("running", min(1.0, (virtual.build_next - start) / (end - start)))


def channel_choices(site_id: uuid.UUID) -> list[Channel]:
    """Return the channels of a site's devices, for people to choose from."""
    channels = Channel.objects.filter(device__site_id=site_id).select_related("device")
    return list(channels.order_by("device__name", "name", "id")[:MAX_CHOICES])
