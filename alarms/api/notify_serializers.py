"""What the API of notifications takes and gives."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from alarms.models import MessageKind, MessageState, TargetKind
from alarms.models.notify import MAX_ADDRESS, MAX_GATHER_SECONDS, MAX_STEP_SECONDS, PERSONAL
from devices.models import Severity
from devices.models.site import validate_timezone

SHARED_KINDS = [(k.value, k.label) for k in TargetKind if k in {"email", "webhook", "apprise"}]
PERSONAL_KINDS = [(kind.value, kind.label) for kind in PERSONAL]
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"


def _zone(name: str) -> None:
    try:
        validate_timezone(name)
    except ValidationError as error:
        raise serializers.ValidationError(error.messages) from error


class SlotField(serializers.Serializer):
    """A part of the week; from 22:00 to 06:00 goes into the next day."""

    days = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), max_length=7, default=list,
        help_text="1: Monday; none: all.",
    )  # fmt: skip
    vars()["from"] = serializers.RegexField(_CLOCK, default="00:00")
    to = serializers.RegexField(_CLOCK, default="24:00")


class MannersBody(Params):
    """How somebody is told."""

    language = serializers.ChoiceField(choices=settings.LANGUAGES, default="en")
    timezone = serializers.CharField(max_length=64, default="UTC", validators=[_zone])
    quiet = SlotField(many=True, default=list, help_text="Nothing is sent then; told afterwards.")
    gather_seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_GATHER_SECONDS, default=0,
        help_text="How long the first alarm waits for others.",
    )  # fmt: skip
    most_per_hour = serializers.IntegerField(min_value=1, max_value=999, default=20)
    digest_at = serializers.TimeField(
        allow_null=True, default=None, help_text="What is not critical waits for this time."
    )


class TargetBody(MannersBody):
    """A target of the organisation."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=SHARED_KINDS)
    address = serializers.CharField(
        max_length=MAX_ADDRESS, allow_blank=True, default="",
        help_text="E-mail address, URL of a webhook, or URL of Apprise; blank: as it is.",
    )  # fmt: skip
    is_active = serializers.BooleanField(default=True)


class MineBody(MannersBody):
    """How the caller is told."""

    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=PERSONAL_KINDS),
        help_text="By what.",
    )


class TargetRow(TargetBody):
    """A target; secrets are not told."""

    id = serializers.UUIDField()
    failures = serializers.IntegerField(help_text="In a row.")
    paused_until = serializers.DateTimeField(allow_null=True)
    secret = serializers.CharField(
        required=False, help_text="What a new webhook is signed with; told this once."
    )


class MineRow(MineBody):
    """How the caller is told."""


class StepBody(serializers.Serializer):
    """Who is told when an alarm has been open and unanswered for so long."""

    after_seconds = serializers.IntegerField(min_value=0, max_value=MAX_STEP_SECONDS)
    target = serializers.UUIDField(allow_null=True, default=None)
    rota = serializers.UUIDField(allow_null=True, default=None)


class RouteBody(Params):
    """A route with all of its steps."""

    name = serializers.CharField(max_length=100)
    position = serializers.IntegerField(min_value=0, max_value=10_000, default=0)
    is_active = serializers.BooleanField(default=True)
    min_severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.WARNING)
    site = serializers.UUIDField(allow_null=True, default=None)
    tag = serializers.CharField(max_length=40, allow_blank=True, default="")
    slots = SlotField(many=True, default=list, help_text="In the zone of the site.")
    overrides_quiet = serializers.BooleanField(
        default=True, help_text="Critical alarms do not wait for the end of quiet hours."
    )
    tells_end = serializers.BooleanField(default=True)
    steps = StepBody(many=True)


class RouteRow(RouteBody):
    """A route."""

    id = serializers.UUIDField()


class StandInBody(serializers.Serializer):
    """Who takes over for a time; without a person nobody is on call."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    person = serializers.UUIDField(allow_null=True, default=None)


class RotaBody(Params):
    """A rota with all of its people."""

    name = serializers.CharField(max_length=100)
    timezone = serializers.CharField(max_length=64, default="UTC", validators=[_zone])
    first_date = serializers.DateField()
    handover = serializers.TimeField(default=dt.time(8))
    turn_days = serializers.IntegerField(min_value=1, max_value=365, default=7)
    hours = SlotField(many=True, default=list)
    people = serializers.ListField(child=serializers.UUIDField(), max_length=50)
    stand_ins = StandInBody(many=True, default=list)


class RotaRow(RotaBody):
    """A rota, and who is on call now."""

    id = serializers.UUIDField()
    on_call = serializers.UUIDField(allow_null=True)


class AttemptRow(serializers.Serializer):
    """One try."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    is_ok = serializers.BooleanField()
    error = serializers.CharField()
    seconds = serializers.FloatField()


class MessageRow(serializers.Serializer):
    """What was handed over, is tried, or was given up."""

    id = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    target = serializers.UUIDField(source="target_id")
    target_name = serializers.CharField(source="target.name")
    kind = serializers.ChoiceField(choices=MessageKind.choices)
    subject = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    state = serializers.ChoiceField(choices=MessageState.choices)
    tries = serializers.IntegerField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()
    attempts = AttemptRow(many=True)


class MessageParams(PageParams):
    """Which messages."""

    state = serializers.ChoiceField(choices=MessageState.choices, required=False)
    target = serializers.UUIDField(required=False)
    ordering = serializers.ChoiceField(choices=["-made_at", "made_at"], default="-made_at")


class NoteRow(serializers.Serializer):
    """What stands behind the bell."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    alarm = serializers.UUIDField(source="alarm_id", allow_null=True)
    title = serializers.CharField()
    text = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    read_at = serializers.DateTimeField(allow_null=True)


class NoteParams(PageParams):
    """Which notes."""

    ordering = serializers.ChoiceField(choices=["-at", "at"], default="-at")


class ReadBody(Params):
    """Which notes were read; none named: all."""

    notes = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=500)


class CountRow(serializers.Serializer):
    """How many."""

    count = serializers.IntegerField()


class PushKeys(serializers.Serializer):
    """Keys of a browser, base64url."""

    p256dh = serializers.CharField(max_length=200)
    auth = serializers.CharField(max_length=100)


class PushBody(Params):
    """A subscription as browsers give it."""

    endpoint = serializers.CharField(max_length=1000)
    keys = PushKeys()
    browser = serializers.CharField(max_length=200, allow_blank=True, default="")


class PushRow(serializers.Serializer):
    """A browser that is pushed to."""

    id = serializers.UUIDField()
    browser = serializers.CharField(source="label")
    created_at = serializers.DateTimeField()
    last_ok_at = serializers.DateTimeField(allow_null=True)


class PushAnswer(serializers.Serializer):
    """The key to subscribe with, and the caller's browsers."""

    key = serializers.CharField(help_text="`applicationServerKey`, base64url.")
    browsers = PushRow(many=True)


def plain(data: Any) -> Any:
    """Return checked data with lists and dicts instead of REST framework's own."""
    if isinstance(data, dict):
        return {name: plain(value) for name, value in data.items()}
    return [plain(item) for item in data] if isinstance(data, list) else data
