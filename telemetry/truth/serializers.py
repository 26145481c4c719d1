"""How the quality of readings looks in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from telemetry.quality import QUALITY_NAMES, Quality
from telemetry.truth.models import ChannelDay, Grade, SampleCorrection, SequenceGap
from telemetry.truth.overview import ORDERINGS

REASON_LENGTH = 500
_SETTABLE = (Quality.MANUAL, Quality.ESTIMATED, Quality.GOOD, Quality.UNCERTAIN, Quality.BAD)


class QualityParams(Params):
    """Which days."""

    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False)


class CorrectionListParams(PageParams):
    """In which order."""

    ordering = serializers.ChoiceField(choices=["created_at", "-created_at"], default="-created_at")


class ChannelDaySerializer(serializers.ModelSerializer):
    """One local day of a channel."""

    class Meta:
        model = ChannelDay
        fields = (
            "day", "grade", "completeness", "expected", "received", "good", "gaps",
            "longest_gap_seconds", "stuck_seconds", "falls", "noise", "lateness_p50",
            "lateness_p95", "clock_offset", "clock_drift", "findings", "computed_at",
        )  # fmt: skip


class ChannelQualitySerializer(serializers.Serializer):
    """A channel with its days."""

    channel = serializers.CharField(source="channel.name")
    channel_id = serializers.UUIDField(source="channel.uuid")
    grade = serializers.ChoiceField(choices=Grade.choices)
    days = ChannelDaySerializer(many=True)


class SequenceGapSerializer(serializers.ModelSerializer):
    """Numbers that did not arrive."""

    boot = serializers.IntegerField(source="sequence.boot")
    to = serializers.IntegerField(source="end")

    class Meta:
        model = SequenceGap
        fields = (
            "boot", "start", "to", "missing", "since", "requests", "next_request_at", "filled_at",
            "given_up_at",
        )  # fmt: skip


class DeviceQualitySerializer(serializers.Serializer):
    """What is known about the readings of a device."""

    grade = serializers.ChoiceField(choices=Grade.choices)
    channels = ChannelQualitySerializer(many=True)
    gaps = SequenceGapSerializer(many=True)


class UnwellDeviceSerializer(serializers.Serializer):
    """A device of a site that is not good."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    grade = serializers.ChoiceField(choices=Grade.choices)
    channels = serializers.IntegerField()


class SiteQualitySerializer(serializers.Serializer):
    """Yesterday's quality of a site."""

    day = serializers.DateField()
    grade = serializers.ChoiceField(choices=Grade.choices)
    channels = serializers.DictField(child=serializers.IntegerField())
    completeness = serializers.FloatField(allow_null=True)
    devices = UnwellDeviceSerializer(many=True)


class SiteDevicesParams(QualityParams):
    """Which days, and in which order."""

    ordering = serializers.ChoiceField(
        choices=[sign + name for name in ORDERINGS for sign in ("", "-")], default="grade"
    )


class DeviceDaySerializer(serializers.Serializer):
    """A device on one day."""

    day = serializers.DateField()
    grade = serializers.ChoiceField(choices=Grade.choices)
    completeness = serializers.FloatField(allow_null=True)


class ComparedDeviceSerializer(serializers.Serializer):
    """A device over some days; lateness in seconds, stuck and suspicious: days of channels."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    uid = serializers.CharField()
    grade = serializers.ChoiceField(choices=Grade.choices)
    completeness = serializers.FloatField(allow_null=True)
    lateness_p95 = serializers.FloatField(allow_null=True)
    gaps = serializers.IntegerField()
    missing = serializers.IntegerField()
    stuck = serializers.IntegerField()
    suspicious = serializers.IntegerField()
    days = DeviceDaySerializer(many=True)


class SiteDevicesSerializer(serializers.Serializer):
    """The devices of a site; days are local ones."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    devices = ComparedDeviceSerializer(many=True)


class CorrectionSerializer(serializers.ModelSerializer):
    """A value that a person set."""

    metric = serializers.CharField(source="channel.name")
    unit = serializers.CharField(source="channel.unit")
    old_quality = serializers.SerializerMethodField()
    new_quality = serializers.SerializerMethodField()
    made_by = serializers.CharField(source="made_by_label")

    class Meta:
        model = SampleCorrection
        fields = (
            "id", "metric", "at", "old_value", "old_quality", "new_value", "new_quality", "unit",
            "reason", "made_by", "created_at",
        )  # fmt: skip

    def get_old_quality(self, row: SampleCorrection) -> str | None:
        """Return the name; null of a manual reading."""
        return None if row.old_quality is None else QUALITY_NAMES[row.old_quality]

    def get_new_quality(self, row: SampleCorrection) -> str:
        """Return the name."""
        return QUALITY_NAMES[row.new_quality]


class ReadingBody(Params):
    """What a person read off; without `unit` in the stored unit."""

    metric = serializers.CharField(max_length=64)
    at = serializers.DateTimeField()
    value = serializers.FloatField()
    unit = serializers.CharField(max_length=20, required=False)
    reason = serializers.CharField(max_length=REASON_LENGTH)


class CorrectionBody(ReadingBody):
    """Another value for a stored one."""

    quality = serializers.ChoiceField(
        choices=[quality.label for quality in _SETTABLE], default=Quality.MANUAL.label
    )

    def validate_quality(self, name: str) -> Quality:
        """Return the quality of a name."""
        return Quality[name.upper()]


class RequestedSerializer(serializers.Serializer):
    """How many gaps are asked for again."""

    gaps = serializers.IntegerField()
