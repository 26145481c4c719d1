"""Firmware and campaigns as the API writes and reads them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from devices.firmware.manifest import MAX_BYTES
from devices.models import (
    Campaign,
    CampaignKind,
    CampaignState,
    CampaignTarget,
    FirmwareKey,
    FirmwareRelease,
    PublishedRelease,
    TargetState,
)
from devices.queries_campaigns import (
    CAMPAIGN_ORDERINGS,
    RELEASE_ORDERINGS,
    TARGET_ORDERINGS,
    CampaignView,
    reason_of,
)

SIZE_HELP = 'A number of devices, or a share such as "10%".'


def _both_ways(names: Any) -> list[str]:
    return [sign + name for name in names for sign in ("-", "")]


class ReleaseSerializer(serializers.ModelSerializer):
    """Firmware of the tenant."""

    profile = serializers.CharField(source="profile.key")
    uploaded_by = serializers.EmailField(
        source="uploaded_by.email", default=None, allow_null=True, read_only=True
    )
    is_adopted = serializers.SerializerMethodField()

    class Meta:
        model = FirmwareRelease
        fields = (
            "id", "profile", "version", "min_version", "hardware", "size", "sha256",
            "key_fingerprint", "notes", "uploaded_by", "is_adopted", "created_at",
            "withdrawn_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_is_adopted(self, release: FirmwareRelease) -> bool:
        """Tell whether the platform offers it."""
        return release.published_id is not None


class PublishedSerializer(serializers.ModelSerializer):
    """Firmware that the platform offers."""

    profile = serializers.CharField(source="profile.key")

    class Meta:
        model = PublishedRelease
        fields = ("id", "profile", "version", "min_version", "hardware", "size", "sha256",
                  "notes", "created_at")  # fmt: skip
        read_only_fields = fields


class PublishedListSerializer(serializers.Serializer):
    """What may be adopted."""

    results = PublishedSerializer(many=True)


class FirmwareKeySerializer(serializers.ModelSerializer):
    """A vendor's key."""

    class Meta:
        model = FirmwareKey
        fields = ("id", "name", "public_key", "fingerprint", "created_at", "revoked_at")
        read_only_fields = fields


class FirmwareKeyListSerializer(serializers.Serializer):
    """All keys."""

    results = FirmwareKeySerializer(many=True)


class FirmwareKeyBody(Params):
    """A key whose signatures shall count."""

    name = serializers.CharField(max_length=100)
    public_key = serializers.CharField(
        max_length=500, help_text="Ed25519, base64 of 32 bytes, or PEM."
    )


class UploadBody(Params):
    """Firmware, as multipart/form-data."""

    manifest = serializers.FileField(help_text="The JSON that the vendor signed, byte for byte.")
    signature = serializers.CharField(max_length=200, help_text="Ed25519, base64.")
    image = serializers.FileField()
    notes = serializers.CharField(max_length=2000, required=False, default="")
    allows_downgrade = serializers.BooleanField(
        default=False, help_text="Take it although there is newer firmware."
    )

    def validate_manifest(self, value: Any) -> Any:
        """Refuse what is larger than any manifest."""
        if value.size > MAX_BYTES:
            raise serializers.ValidationError(f"At most {MAX_BYTES} bytes.", code="too_large")
        return value


class AdoptBody(Params):
    """Firmware that the platform offers."""

    published = serializers.UUIDField()


class ReleaseListParams(PageParams):
    """Which firmware."""

    ordering = serializers.ChoiceField(choices=_both_ways(RELEASE_ORDERINGS), default="-created_at")
    profile = serializers.CharField(required=False, max_length=50)


class CampaignListParams(PageParams):
    """Which campaigns."""

    ordering = serializers.ChoiceField(
        choices=_both_ways(CAMPAIGN_ORDERINGS), default="-started_at"
    )
    state = serializers.ChoiceField(choices=CampaignState.values, required=False)


class TargetListParams(PageParams):
    """Which devices of a campaign."""

    ordering = serializers.ChoiceField(choices=_both_ways(TARGET_ORDERINGS), default="wave")
    state = serializers.ChoiceField(choices=TargetState.values, required=False)
    wave = serializers.IntegerField(min_value=0, max_value=100, required=False)


class CampaignBody(Params):
    """What to roll out, to whom, and how."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=CampaignKind.values, default="firmware")
    release = serializers.UUIDField(required=False, help_text="Of kind firmware.")
    profile = serializers.CharField(
        required=False, max_length=50, help_text="Key of the type of device, of kind configuration."
    )
    config = serializers.DictField(
        required=False, help_text="Settings that are put into each device's configuration."
    )
    site = serializers.UUIDField(required=False)
    zone = serializers.UUIDField(required=False)
    version = serializers.CharField(
        required=False, default="", max_length=50, help_text="Only devices that run it."
    )
    devices = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=10_000
    )
    canary = serializers.CharField(default="1", max_length=7, help_text=SIZE_HELP)
    waves = serializers.ListField(
        child=serializers.CharField(max_length=7), required=False, default=list, max_length=19,
        help_text=f"{SIZE_HELP} What is left over makes the last wave.",
    )  # fmt: skip
    pause_s = serializers.IntegerField(min_value=0, max_value=2_592_000, default=3600)
    halt_percent = serializers.IntegerField(min_value=1, max_value=100, default=10)
    max_tries = serializers.IntegerField(min_value=1, max_value=10, default=3)
    allows_downgrade = serializers.BooleanField(default=False)


class ReasonBody(Params):
    """Why."""

    reason = serializers.CharField(max_length=500)


class SkippedSerializer(serializers.Serializer):
    """How many are left out for one reason."""

    code = serializers.CharField()
    reason = serializers.CharField()
    number = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer):
    """What would happen."""

    eligible = serializers.IntegerField()
    away = serializers.IntegerField(help_text="Of these; they wait until they come back.")
    wave_sizes = serializers.ListField(child=serializers.IntegerField())
    skipped = SkippedSerializer(many=True)


class WaveSerializer(serializers.Serializer):
    """How many devices of a wave are where."""

    wave = serializers.IntegerField()
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    active = serializers.IntegerField()
    waiting = serializers.IntegerField()
    away = serializers.IntegerField()


class CampaignSerializer(serializers.ModelSerializer):
    """A campaign."""

    profile = serializers.CharField(source="profile.key")
    version = serializers.CharField(source="release.version", default="", read_only=True)
    config = serializers.DictField(source="configuration")
    started_by = serializers.EmailField(
        source="started_by.email", default=None, allow_null=True, read_only=True
    )
    pause_s = serializers.IntegerField(source="pause_seconds")

    class Meta:
        model = Campaign
        fields = (
            "id", "name", "kind", "profile", "release", "version", "config", "criteria",
            "allows_downgrade", "wave_sizes", "pause_s", "halt_percent", "max_tries", "state",
            "current_wave", "reason_code", "reason", "started_by", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class CampaignDetailSerializer(serializers.Serializer):
    """A campaign with where its devices are."""

    campaign = CampaignSerializer()
    next_wave_at = serializers.DateTimeField(allow_null=True)
    waves = serializers.SerializerMethodField()

    @extend_schema_field(WaveSerializer(many=True))
    def get_waves(self, view: CampaignView) -> list[dict[str, Any]]:
        """List the waves, the canary first."""
        return list(WaveSerializer(view.counts, many=True).data)


class TargetSerializer(serializers.ModelSerializer):
    """A device of a campaign."""

    device_name = serializers.CharField(source="device.name")
    running_version = serializers.CharField(source="device.firmware_version")
    reason = serializers.SerializerMethodField()

    class Meta:
        model = CampaignTarget
        fields = (
            "id", "device", "device_name", "wave", "state", "state_at", "progress", "tries",
            "rollbacks", "from_version", "running_version", "deadline_at", "next_try_at",
            "error_code", "reason", "error", "history",
        )  # fmt: skip
        read_only_fields = fields

    def get_reason(self, target: CampaignTarget) -> str:
        """Say the error code in words."""
        return reason_of(target.error_code) if target.error_code else ""
