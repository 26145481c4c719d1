"""How sites, zones, gateways and events look in the API, and what bodies may hold."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from devices.models import DeviceEvent, Gateway, ReportedStatus, Severity, Site, Zone
from devices.tags import MAX_LENGTH, MAX_TAGS


class SiteRow(serializers.ModelSerializer):
    """A place with its own calendar and currency."""

    class Meta:
        model = Site
        fields = (
            "id", "name", "timezone", "currency", "address", "latitude", "longitude",
            "created_at", "updated_at",
        )  # fmt: skip


class ZoneRow(serializers.ModelSerializer):
    """A part of a site."""

    site = serializers.UUIDField(source="site_id")

    class Meta:
        model = Zone
        fields = ("id", "site", "name", "uid", "created_at", "updated_at")


class GatewayRow(serializers.ModelSerializer):
    """A box that speaks for devices."""

    site = serializers.UUIDField(source="site_id")
    reported_status = serializers.ChoiceField(choices=ReportedStatus.choices)

    class Meta:
        model = Gateway
        fields = (
            "id", "site", "uid", "name", "firmware_version", "reported_status",
            "reported_status_at", "last_seen_at", "offline_since", "created_at", "updated_at",
        )  # fmt: skip


class EventRow(serializers.ModelSerializer):
    """Something that happened at a device."""

    severity = serializers.ChoiceField(choices=Severity.choices)

    class Meta:
        model = DeviceEvent
        fields = ("id", "at", "kind", "code", "severity", "message", "detail")


class SiteListParams(PageParams):
    """Which sites, in which order."""

    ordering = serializers.ChoiceField(
        choices=["name", "-name", "created_at", "-created_at"], default="name"
    )
    q = serializers.CharField(default="", max_length=100, allow_blank=True)


class NamedListParams(SiteListParams):
    """Which zones or gateways."""

    site = serializers.UUIDField(required=False, help_text="Id of a site.")


class GatewayListParams(NamedListParams):
    """Which gateways."""


class EventListParams(PageParams):
    """Which events."""

    ordering = serializers.ChoiceField(choices=["at", "-at"], default="-at")
    kind = serializers.CharField(default="", max_length=40, allow_blank=True)
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)


class SitePatch(Params):
    """Changes of a site."""

    name = serializers.CharField(max_length=100, required=False)
    timezone = serializers.CharField(
        max_length=64, required=False, help_text="IANA name, such as Europe/Istanbul."
    )
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="ISO 4217.")
    address = serializers.CharField(max_length=200, required=False, allow_blank=True)
    latitude = serializers.FloatField(
        min_value=-90, max_value=90, required=False, allow_null=True,
        help_text="Degrees north, with longitude; for sunrise and sunset.",
    )  # fmt: skip
    longitude = serializers.FloatField(
        min_value=-180, max_value=180, required=False, allow_null=True, help_text="Degrees east."
    )


class SiteBody(SitePatch):
    """A new site."""

    name = serializers.CharField(max_length=100)
    timezone = serializers.CharField(max_length=64, help_text="IANA name.")


class ZonePatch(Params):
    """Changes of a zone."""

    name = serializers.CharField(max_length=100, required=False)
    uid = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="Its name in topics, if any."
    )


class ZoneBody(ZonePatch):
    """A new zone."""

    site = serializers.UUIDField()
    name = serializers.CharField(max_length=100)


class GatewayPatch(Params):
    """Changes of a gateway."""

    name = serializers.CharField(max_length=100, required=False)


class GatewayBody(Params):
    """A new gateway."""

    site = serializers.UUIDField()
    uid = serializers.CharField(max_length=64, help_text="Serial number or MAC.")
    name = serializers.CharField(max_length=100)


class DevicePatch(Params):
    """Changes of a device."""

    name = serializers.CharField(max_length=100, required=False)
    serial_number = serializers.CharField(max_length=64, required=False, allow_blank=True)
    zone = serializers.UUIDField(
        required=False, allow_null=True, help_text="A zone of the device's site, or null."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=MAX_LENGTH), max_length=MAX_TAGS, required=False,
        help_text="All its tags: words of your own, without commas.",
    )  # fmt: skip


class DeviceBody(Params):
    """A new device."""

    site = serializers.UUIDField()
    gateway = serializers.UUIDField(
        required=False, allow_null=True, help_text="Null: it connects by itself."
    )
    zone = serializers.UUIDField(required=False, allow_null=True)
    profile = serializers.CharField(max_length=100, help_text="Key of a type of device.")
    uid = serializers.CharField(max_length=64, help_text="Its name in topics.")
    name = serializers.CharField(max_length=100)
    serial_number = serializers.CharField(max_length=64, required=False, allow_blank=True)
