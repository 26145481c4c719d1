"""How Zigbee networks look in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.params import Params
from devices.models import PendingZigbeeClaim, ZigbeeBridge, ZigbeeNode
from devices.zigbee.network import LONGEST_JOIN_SECONDS


class ZigbeeBridgeSerializer(serializers.ModelSerializer):
    """The Zigbee2MQTT of a gateway."""

    class Meta:
        model = ZigbeeBridge
        fields = (
            "is_online", "version", "coordinator", "heard_at", "permit_join_until", "last_error",
            "last_error_at",
        )  # fmt: skip


class ZigbeeClaimSerializer(serializers.ModelSerializer):
    """A new radio that waits for a person."""

    friendly_name = serializers.CharField(source="node.friendly_name")
    vendor = serializers.CharField(source="node.vendor")
    model = serializers.CharField(source="node.model")
    description = serializers.CharField(source="node.description")

    class Meta:
        model = PendingZigbeeClaim
        fields = (
            "id", "ieee_address", "friendly_name", "vendor", "model", "description", "interview",
            "joined_at", "expires_at",
        )  # fmt: skip


class ZigbeeNodeSerializer(serializers.ModelSerializer):
    """An accepted radio."""

    device_id = serializers.UUIDField(allow_null=True)
    device_name = serializers.CharField(source="device.name")
    linkquality = serializers.SerializerMethodField()
    battery = serializers.SerializerMethodField()

    class Meta:
        model = ZigbeeNode
        fields = (
            "id", "ieee_address", "friendly_name", "vendor", "model", "power_source", "device_id",
            "device_name", "is_available", "availability_at", "left_at", "linkquality", "battery",
        )  # fmt: skip

    def get_linkquality(self, node: ZigbeeNode) -> float | None:
        """Return the quality of the radio link, 0 to 255."""
        return self._value(node, "linkquality")

    def get_battery(self, node: ZigbeeNode) -> float | None:
        """Return the charge of the battery in percent."""
        return self._value(node, "battery")

    @staticmethod
    def _value(node: ZigbeeNode, name: str) -> float | None:
        values: dict[str, float] = getattr(node, "values", {})
        return values.get(name)


class ZigbeeNetworkSerializer(serializers.Serializer):
    """A gateway's Zigbee network."""

    bridge = ZigbeeBridgeSerializer(allow_null=True)
    waiting = ZigbeeClaimSerializer(many=True)
    devices = ZigbeeNodeSerializer(many=True)


class JoinBody(Params):
    """For how long devices may join."""

    seconds = serializers.IntegerField(
        min_value=0, max_value=LONGEST_JOIN_SECONDS, help_text="0 ends it."
    )


class AcceptZigbeeBody(Params):
    """What a radio is called as a device."""

    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)


class AcceptedZigbeeSerializer(serializers.Serializer):
    """The device that a radio became."""

    device_id = serializers.UUIDField(source="id")
    name = serializers.CharField()


class RenameZigbeeBody(Params):
    """A new name in Zigbee2MQTT."""

    friendly_name = serializers.CharField(max_length=200)


class PairingTokenBody(Params):
    """For how long somebody else may pair."""

    minutes = serializers.IntegerField(min_value=5, max_value=24 * 60)


class PairingTokenSerializer(serializers.Serializer):
    """A token just made; the code is shown once."""

    id = serializers.UUIDField(source="token.id")
    code = serializers.CharField()
    expires_at = serializers.DateTimeField(source="token.expires_at")
