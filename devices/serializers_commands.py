"""How commands look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from devices.command_states import PUBLIC_STATES
from devices.models import Command, CommandBatch, EmergencyStop
from devices.queries_commands import COMMAND_ORDERINGS, batch_counts, timeline
from devices.services.batches import MAX_DEVICES
from devices.services.commands import DEFAULT_SECONDS, MAX_SECONDS

SCOPES = EmergencyStop.Scope.values
STATE_HELP = (
    "sent: the broker took it; delivered: the device says it has arrived; acked: it will be done; "
    "failed: done in vain, refused as busy, not answered or not sendable; rejected: refused by "
    "our safety check or by the device; see `code`."
)


class StepSerializer(serializers.Serializer):
    """Something that happened to a command; `late` after its end."""

    state = serializers.CharField()
    at = serializers.DateTimeField()
    by = serializers.CharField(help_text="device, broker, clock, or a person or program.")
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    late = serializers.BooleanField(source="is_late")


class CommandSerializer(serializers.ModelSerializer):
    """A command and what became of it."""

    device_id = serializers.UUIDField(read_only=True)
    device_name = serializers.CharField(source="device.name", read_only=True)
    batch_id = serializers.UUIDField(read_only=True, allow_null=True)
    params = serializers.JSONField(read_only=True)
    state = serializers.ChoiceField(
        choices=list(PUBLIC_STATES), source="public_state", read_only=True, help_text=STATE_HELP
    )
    outcome = serializers.CharField(
        source="state", read_only=True, help_text="The exact state, such as busy or timeout."
    )
    requested_by = serializers.CharField(source="principal_label", read_only=True)

    class Meta:
        model = Command
        fields = (
            "id", "device_id", "device_name", "batch_id", "name", "params", "state", "outcome",
            "code", "detail", "requested_by", "requested_at", "not_before", "expires_at",
            "sent_at", "delivered_at", "finished_at",
        )  # fmt: skip


class CommandDetailSerializer(CommandSerializer):
    """A command with its safety verdict, the device's answer and its timeline."""

    verdict = serializers.JSONField(read_only=True, help_text="What was checked, in order.")
    answer = serializers.JSONField(read_only=True)
    timeline = serializers.SerializerMethodField()

    class Meta(CommandSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *CommandSerializer.Meta.fields, "verdict", "answer", "timeline",
        )  # fmt: skip

    def get_timeline(self, command: Command) -> list[dict[str, Any]]:
        """List what happened, oldest first."""
        return list(StepSerializer(timeline(command), many=True).data)


class CommandParamSerializer(serializers.Serializer):
    """A parameter of a command."""

    name = serializers.CharField()
    type = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField(allow_blank=True)
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.JSONField())
    required = serializers.BooleanField()  # type: ignore[assignment]
    default = serializers.JSONField(allow_null=True)


class OfferedCommandSerializer(serializers.Serializer):
    """A command that the type of device takes."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    effect = serializers.CharField(help_text="on, off, set, read or none.")
    actuator = serializers.CharField(allow_blank=True)
    params = CommandParamSerializer(many=True)


class OfferedCommandsSerializer(serializers.Serializer):
    """All commands of a device."""

    results = OfferedCommandSerializer(many=True)


class CommandSecretSerializer(serializers.Serializer):
    """What a device checks the signature of commands with."""

    secret = serializers.CharField(help_text="Put it into the device; it is never shown again.")


class CommandListParams(PageParams):
    """Which commands, in which order."""

    ordering = serializers.ChoiceField(
        choices=[sign + name for name in COMMAND_ORDERINGS for sign in ("-", "")],
        default="-requested_at",
    )
    state = serializers.ChoiceField(choices=list(PUBLIC_STATES), required=False)


class AllCommandsParams(CommandListParams):
    """Which commands of all devices."""

    device = serializers.UUIDField(required=False, help_text="Id of a device.")
    batch = serializers.UUIDField(required=False, help_text="Id of a batch.")


class CommandBody(Params):
    """What a device shall do."""

    name = serializers.CharField(max_length=64)
    params = serializers.DictField(default=dict, help_text="As the type of device declares.")
    expires_in = serializers.FloatField(
        min_value=1, max_value=MAX_SECONDS, default=DEFAULT_SECONDS,
        help_text="Seconds in which it must reach the device; then it is never done.",
    )  # fmt: skip
    not_before = serializers.DateTimeField(required=False, help_text="Not sent before.")


class StopSerializer(serializers.ModelSerializer):
    """An emergency stop: nothing starts in its scope until it is released."""

    scope = serializers.ChoiceField(choices=SCOPES, read_only=True)

    class Meta:
        model = EmergencyStop
        fields = (
            "id", "scope", "target_id", "target_label", "reason", "pressed_by", "pressed_at",
            "released_by", "released_at", "release_reason",
        )  # fmt: skip


class PressedSerializer(StopSerializer):
    """An emergency stop just pressed, and what that did."""

    off_commands = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    without_off = serializers.ListField(
        child=serializers.CharField(),
        help_text="Devices that start things and know no command to stop.",
    )

    class Meta(StopSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *StopSerializer.Meta.fields, "off_commands", "cancelled", "without_off",
        )  # fmt: skip


class StopListSerializer(serializers.Serializer):
    """Emergency stops, the newest first."""

    results = StopSerializer(many=True)


class StopListParams(Params):
    """Which emergency stops."""

    active = serializers.BooleanField(default=True, help_text="Only those that hold.")


class StopBody(Params):
    """Where everything shall stop."""

    scope = serializers.ChoiceField(choices=SCOPES)
    target = serializers.UUIDField(
        required=False, help_text="Id of the device, zone or site; none for scope tenant."
    )
    reason = serializers.CharField(default="", max_length=500, allow_blank=True)


class ReleaseBody(Params):
    """Why it is safe to switch on again."""

    reason = serializers.CharField(max_length=500)


class BatchPreviewBody(Params):
    """Which devices shall do what; at least one way to name devices."""

    name = serializers.CharField(max_length=64)
    params = serializers.DictField(default=dict)
    devices = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=MAX_DEVICES
    )
    site = serializers.UUIDField(required=False)
    zone = serializers.UUIDField(required=False)
    profile = serializers.SlugField(default="", help_text="Key of a type of device.")


class BatchBody(BatchPreviewBody):
    """A batch and how it is sent."""

    stage_size = serializers.IntegerField(min_value=1, max_value=MAX_DEVICES, default=10)
    stage_seconds = serializers.IntegerField(min_value=0, max_value=86_400, default=30)
    halt_percent = serializers.IntegerField(min_value=1, max_value=100, default=20)
    expires_in = serializers.IntegerField(
        min_value=1, max_value=MAX_SECONDS, default=DEFAULT_SECONDS
    )


class CandidateSerializer(serializers.Serializer):
    """A device of a batch; with `code` and `detail` when it is skipped."""

    device_id = serializers.UUIDField(source="device.id")
    device_name = serializers.CharField(source="device.name")
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)


class BatchPreviewSerializer(serializers.Serializer):
    """Which devices would be commanded, and which would not."""

    eligible = CandidateSerializer(many=True)
    skipped = CandidateSerializer(many=True)


class BatchItemSerializer(serializers.Serializer):
    """A device in a batch."""

    device_id = serializers.UUIDField()
    device_name = serializers.CharField(source="device.name")
    stage = serializers.IntegerField()
    command_id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField(
        source="command.public_state", default="planned", help_text="Of its command, or planned."
    )
    skip_code = serializers.CharField(allow_blank=True)
    skip_detail = serializers.CharField(allow_blank=True)


class BatchSerializer(serializers.ModelSerializer):
    """One command for many devices."""

    params = serializers.JSONField(read_only=True)
    batch_state = serializers.ChoiceField(
        choices=CommandBatch.State.values, source="state", read_only=True
    )
    requested_by = serializers.CharField(source="principal_label", read_only=True)
    counts = serializers.SerializerMethodField(help_text="Commands by state.")

    class Meta:
        model = CommandBatch
        fields = (
            "id", "name", "params", "batch_state", "requested_by", "requested_at", "finished_at",
            "stage", "stage_size", "stage_seconds", "halt_percent", "expires_in", "next_stage_at",
            "counts",
        )  # fmt: skip

    def get_counts(self, batch: CommandBatch) -> dict[str, int]:
        """Count the commands by state."""
        return batch_counts(batch)


class BatchDetailSerializer(BatchSerializer):
    """A batch with its devices."""

    items = serializers.SerializerMethodField()

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "items")  # type: ignore[assignment]

    def get_items(self, batch: CommandBatch) -> list[dict[str, Any]]:
        """List the devices by stage."""
        rows = batch.items.select_related("device", "command").order_by("stage", "device__name")
        return list(BatchItemSerializer(rows, many=True).data)


class BatchListSerializer(serializers.Serializer):
    """The newest batches."""

    results = BatchSerializer(many=True)
