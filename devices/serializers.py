"""How the fleet looks in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.pagination import PageParams
from devices.models import Channel, Device, DeviceProfile, Gateway, Lifecycle, Site, Zone
from devices.presence import Presence, presence_of
from devices.queries import DEVICE_ORDERINGS
from devices.tags import MAX_LENGTH

PRESENCE_HELP = (
    "online: heard from in time; late: for more than 1.5 expected intervals not; offline: for "
    "two intervals, at least 120 s, not, or it said so; silent: never heard from."
)


class SiteSerializer(serializers.ModelSerializer):
    """A place."""

    class Meta:
        model = Site
        fields = ("id", "name", "timezone", "currency")


class GatewaySerializer(serializers.ModelSerializer):
    """A box that speaks for devices."""

    class Meta:
        model = Gateway
        fields = ("id", "uid", "name")


class ZoneSerializer(serializers.ModelSerializer):
    """A part of a site."""

    class Meta:
        model = Zone
        fields = ("id", "uid", "name")


class ProfileSerializer(serializers.ModelSerializer):
    """A type of device."""

    class Meta:
        model = DeviceProfile
        fields = ("key", "name", "manufacturer", "model", "expected_interval_seconds")


class ChannelSerializer(serializers.ModelSerializer):
    """A measuring point; its `name` is the `metric` of queries."""

    id = serializers.UUIDField(source="uuid", read_only=True)

    class Meta:
        model = Channel
        fields = (
            "id", "name", "label", "unit", "kind", "direction", "phase", "decimals",
            "minimum", "maximum", "is_discovered",
        )  # fmt: skip


class DeviceSerializer(serializers.ModelSerializer):
    """A device. The context holds `now`, the instant at which presence is decided."""

    site = SiteSerializer(read_only=True)
    gateway = GatewaySerializer(
        read_only=True, allow_null=True, help_text="Null: the device connects by itself."
    )
    zone = ZoneSerializer(read_only=True, allow_null=True)
    profile = ProfileSerializer(read_only=True)
    lifecycle = serializers.ChoiceField(choices=Lifecycle.choices, read_only=True)
    status = serializers.SerializerMethodField(help_text=PRESENCE_HELP)

    class Meta:
        model = Device
        fields = (
            "id", "uid", "name", "serial_number", "status", "last_seen_at", "lifecycle",
            "firmware_version", "tags", "site", "zone", "gateway", "profile", "created_at",
            "updated_at",
        )  # fmt: skip

    def get_status(self, device: Device) -> Presence:
        """Decide the presence."""
        return presence_of(
            now=self.context["now"],
            last_seen_at=device.last_seen_at,
            reported_status=device.reported_status,
            reported_status_at=device.reported_status_at,
            expected_interval_seconds=device.profile.expected_interval_seconds,
        )


class DeviceDetailSerializer(DeviceSerializer):
    """A device with its channels."""

    channels = ChannelSerializer(many=True, read_only=True)

    class Meta(DeviceSerializer.Meta):
        fields = (*DeviceSerializer.Meta.fields, "channels")  # type: ignore[assignment]


class DeviceListParams(PageParams):
    """Which devices, in which order."""

    ordering = serializers.ChoiceField(
        choices=[sign + name for name in DEVICE_ORDERINGS for sign in ("", "-")],
        default="name",
        help_text="A leading minus turns the order round.",
    )
    q = serializers.CharField(
        default="", max_length=200, allow_blank=True,
        help_text="Words that occur in name, identifier, serial number, site or gateway.",
    )  # fmt: skip
    site = serializers.UUIDField(required=False, help_text="Id of a site.")
    tag = serializers.CharField(
        default="", max_length=MAX_LENGTH, allow_blank=True, help_text="A tag that it has."
    )
    status = serializers.ChoiceField(
        choices=[presence.value for presence in Presence], required=False, help_text=PRESENCE_HELP
    )

    def validate_status(self, status: str) -> Presence:
        """Return the presence of this name."""
        return Presence(status)
