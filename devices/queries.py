"""Reads of the fleet; every function runs in a tenant's scope."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from devices.models import Channel, Device, ReportedStatus
from devices.presence import (
    LATE_AFTER_AT_LEAST_SECONDS,
    LATE_AFTER_INTERVALS,
    OFFLINE_AFTER_AT_LEAST_SECONDS,
    OFFLINE_AFTER_INTERVALS,
    Presence,
)

NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# how a list of devices may be ordered; never null, because null has no place in an order
DEVICE_ORDERINGS = {
    "name": "name",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "last_seen_at": Coalesce("last_seen_at", Value(NEVER), output_field=DateTimeField()),
}


def list_devices(
    *,
    now: dt.datetime,
    text: str = "",
    site_id: uuid.UUID | None = None,
    presence: Presence | None = None,
    tag: str = "",
) -> QuerySet[Device]:
    """Return the devices that match everything given, with site, gateway and profile.

    Each word of `text` must occur in the name, identifier, serial number, site or gateway.
    The caller orders.
    """
    devices: QuerySet[Device] = Device.objects.select_related("site", "zone", "gateway", "profile")
    for word in text.split():
        devices = devices.filter(_mentions(word))
    if site_id is not None:
        devices = devices.filter(site_id=site_id)
    if tag:
        devices = devices.filter(tags__contains=[tag])
    if presence is not None:
        devices = with_presence(devices, now=now).filter(presence=presence.value)
    return devices


def find_device(device_id: uuid.UUID) -> Device:
    """Return a device with site, gateway and profile.

    Raises: Device.DoesNotExist: the tenant has no such device.
    """
    return Device.objects.select_related("site", "gateway", "profile").get(id=device_id)


# columns of a channel that a question about its past takes
_TO_READ = ("tenant", "uuid", "device", "name", "kind", "unit", "expected_interval_seconds")


def devices_by_id(device_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Device]:
    """Return those of the devices that the tenant has, with site and profile; one query."""
    return {device.id: device for device in _with_site_and_profile(device_ids)}


def devices_to_read(device_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Device]:
    """Return what `devices_by_id` does, but of each only what a question about its past takes.

    That is the time zone of the site and the interval that the type expects.
    """
    known = ("tenant", "site__timezone", "profile__expected_interval_seconds")
    return {device.id: device for device in _with_site_and_profile(device_ids).only(*known)}


def _with_site_and_profile(device_ids: Collection[uuid.UUID]) -> QuerySet[Device]:
    devices = Device.objects.filter(id__in=device_ids).select_related("site", "profile")
    return devices.order_by("id")


def channels_named(
    device_ids: Collection[uuid.UUID], names: Collection[str]
) -> dict[tuple[uuid.UUID, str], Channel]:
    """Return the channels of the devices that have one of the names; one query."""
    channels = Channel.objects.filter(device_id__in=device_ids, name__in=names)
    channels = channels.only(*_TO_READ).order_by("id")
    return {(channel.device_id, channel.name): channel for channel in channels}


def channels_by_uuid(uuids: Collection[uuid.UUID]) -> dict[uuid.UUID, Channel]:
    """Return those of the channels that the tenant has, by their public id; one query."""
    channels = Channel.objects.filter(uuid__in=uuids).only(*_TO_READ)
    return {channel.uuid: channel for channel in channels}


def with_presence(
    devices: QuerySet[Any],
    *,
    now: dt.datetime,
    interval: str = "profile__expected_interval_seconds",
) -> QuerySet[Any]:
    """Annotate `presence`: the database's form of `presence_of`, to filter by.

    Args: interval: the field or annotation that holds the expected interval in seconds.
    """
    silence = ExpressionWrapper(
        Value(now, output_field=DateTimeField()) - F("last_seen_at"), output_field=DurationField()
    )
    said_offline = Q(reported_status=ReportedStatus.OFFLINE) & (
        Q(reported_status_at__isnull=True) | Q(last_seen_at__lte=F("reported_status_at"))
    )
    return devices.annotate(
        silence=silence,
        presence=Case(
            When(last_seen_at__isnull=True, then=Value(Presence.SILENT.value)),
            When(said_offline, then=Value(Presence.OFFLINE.value)),
            When(
                silence__gt=Greatest(
                    _intervals(OFFLINE_AFTER_INTERVALS, interval),
                    _seconds(OFFLINE_AFTER_AT_LEAST_SECONDS),
                ),
                then=Value(Presence.OFFLINE.value),
            ),
            When(
                silence__gt=Greatest(
                    _intervals(LATE_AFTER_INTERVALS, interval),
                    _seconds(LATE_AFTER_AT_LEAST_SECONDS),
                ),
                then=Value(Presence.LATE.value),
            ),
            default=Value(Presence.ONLINE.value),
            output_field=CharField(),
        ),
    )


def _seconds(number: float) -> Value:
    return Value(dt.timedelta(seconds=number), output_field=DurationField())


def _intervals(number: float, interval: str) -> ExpressionWrapper:
    return ExpressionWrapper(
        F(interval) * Value(dt.timedelta(seconds=number)),
        output_field=DurationField(),
    )


def _mentions(word: str) -> Q:
    return (
        Q(name__icontains=word)
        | Q(uid__icontains=word)
        | Q(serial_number__icontains=word)
        | Q(site__name__icontains=word)
        | Q(gateway__name__icontains=word)
    )
