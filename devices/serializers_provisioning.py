"""How provisioning looks in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.params import Params
from devices.models import Claim, DeviceProfile, PendingDevice, Site, Zone
from devices.queries_claims import TickState

MAX_TABLE = 2_000_000
ROW_ACTIONS = ["create", "update", "same", "refused"]
TICK_STATES = [state.value for state in TickState]


class TickSerializer(serializers.Serializer):
    """A step from the carton to the first reading."""

    key = serializers.CharField()
    state = serializers.ChoiceField(choices=TICK_STATES)
    value = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField(allow_null=True)


class ClaimSerializer(serializers.ModelSerializer):
    """A claim to a box."""

    device_name = serializers.CharField(source="device.name", default=None, allow_null=True)
    device_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = Claim
        fields = (
            "id", "hardware_id", "state", "device_id", "device_name", "claimed_at", "ready_at",
            "delivered_at", "owned_at", "ended_at", "expires_at",
        )  # fmt: skip


class ClaimDetailSerializer(ClaimSerializer):
    """A claim with its steps."""

    steps = serializers.SerializerMethodField()

    class Meta(ClaimSerializer.Meta):
        fields = (*ClaimSerializer.Meta.fields, "steps")  # type: ignore[assignment]

    def get_steps(self, claim: Claim) -> list[dict[str, Any]]:
        """Return the steps that the view read."""
        return [dict(TickSerializer(tick).data) for tick in self.context["ticks"]]


class ClaimListSerializer(serializers.Serializer):
    """Open claims, the newest first."""

    results = ClaimSerializer(many=True)


class NodeSerializer(serializers.ModelSerializer):
    """A node that a gateway heard and nobody bound."""

    class Meta:
        model = PendingDevice
        fields = ("hardware_id", "model", "firmware_version", "gateway_uid", "last_heard_at")


class NodeListSerializer(serializers.Serializer):
    """Unbound nodes; empty unless the organisation lets them be listed by themselves."""

    lists_nodes = serializers.BooleanField()
    results = NodeSerializer(many=True)


class ClaimBody(Params):
    """A box to be claimed, and what it becomes."""

    hardware_id = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=200, help_text="As the box shows it.")
    site = serializers.UUIDField()
    name = serializers.CharField(max_length=100)
    profile = serializers.SlugField(help_text="Key of a profile.")
    zone = serializers.UUIDField(required=False, allow_null=True, default=None)


class NodeBody(Params):
    """A node to be bound behind the gateway that heard it."""

    hardware_id = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=100)
    profile = serializers.SlugField(help_text="Key of a profile.")
    zone = serializers.UUIDField(required=False, allow_null=True, default=None)


class SwapBody(Params):
    """New hardware for a device; a node behind a gateway needs no code."""

    hardware_id = serializers.CharField(max_length=64)
    code = serializers.CharField(max_length=200, default="", allow_blank=True)


class MaintenanceBody(Params):
    """Whether the device is being worked on."""

    is_on = serializers.BooleanField()


class PolicyBody(Params):
    """Whether new nodes behind the organisation's gateways are listed by themselves."""

    lists_nodes = serializers.BooleanField()


class AcceptBody(Params):
    """An offer to be accepted."""

    code = serializers.CharField(max_length=200)
    site = serializers.UUIDField()
    name = serializers.CharField(max_length=100)


class TokenSerializer(serializers.Serializer):
    """An onboarding token, shown this once."""

    token = serializers.CharField(source="text")
    expires_at = serializers.DateTimeField(source="token.expires_at")


class OfferSerializer(serializers.Serializer):
    """An offer with its code, shown this once."""

    id = serializers.UUIDField(source="transfer.id")
    code = serializers.CharField()
    expires_at = serializers.DateTimeField(source="transfer.expires_at")


class StateSerializer(serializers.Serializer):
    """A device and where it stands in its life."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    lifecycle = serializers.CharField()


class FleetBody(Params):
    """A table: CSV text with a header, as the export has it."""

    table = serializers.CharField(max_length=MAX_TABLE, trim_whitespace=False)
    dry_run = serializers.BooleanField(default=True, help_text="Only tell what would happen.")


class RowSerializer(serializers.Serializer):
    """What happens with a row."""

    number = serializers.IntegerField(help_text="The header is row 1.")
    hardware_id = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    action = serializers.ChoiceField(choices=ROW_ACTIONS)
    column = serializers.CharField(allow_blank=True)
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)


class FleetSerializer(serializers.Serializer):
    """What a table does, or did; nothing is done unless every row can be."""

    is_done = serializers.BooleanField()
    rows = RowSerializer(many=True)


def find_site(site_id: Any) -> Site | None:
    """Return a site of the tenant in scope."""
    return Site.objects.select_related("tenant").filter(id=site_id).first()


def find_zone(zone_id: Any, site: Site | None) -> Zone | None:
    """Return a zone of a site, or of any site of the tenant in scope."""
    zones = Zone.objects.filter(id=zone_id)
    return (zones.filter(site=site) if site is not None else zones).first()


def find_profile(key: str) -> DeviceProfile | None:
    """Return a profile by its key."""
    return DeviceProfile.objects.filter(key=key).first()
