"""Shapes of demand guards in the API."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from automation.guard.shedding import Mood
from automation.models import DemandGuard, SheddableLoad
from automation.queries.guards import highest_windows, month_of, peak_cost, pictures_of


def _kilowatts(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=10, decimal_places=3, coerce_to_string=False, **options
    )


class GuardListParams(PageParams):
    """In which order."""

    ordering = serializers.ChoiceField(choices=["name", "-name"], default="name")


class GuardPatch(Params):
    """What changes about a guard."""

    name = serializers.CharField(required=False, max_length=100)
    meter = serializers.UUIDField(
        required=False, allow_null=True, help_text="Its import of electricity; or `channel`."
    )
    channel = serializers.UUIDField(
        required=False, allow_null=True, help_text="A power in kW; or `meter`."
    )
    limit_kw = _kilowatts(required=False, min_value=Decimal("0.001"))
    margin_kw = _kilowatts(required=False, min_value=Decimal(0))
    window_minutes = serializers.IntegerField(required=False, help_text="15, 30 or 60.")
    warn_minutes = serializers.IntegerField(required=False, min_value=1, max_value=59)
    is_enabled = serializers.BooleanField(required=False)
    is_shedding = serializers.BooleanField(
        required=False, help_text="Sheds by itself; else it only warns."
    )
    peak_price = serializers.DecimalField(
        required=False, allow_null=True, max_digits=12, decimal_places=4, min_value=Decimal(0),
        coerce_to_string=False, help_text="Of a kW, in the currency of the site.",
    )  # fmt: skip


class GuardBody(GuardPatch):
    """A new guard, of a meter or of a channel."""

    name = serializers.CharField(max_length=100)
    limit_kw = _kilowatts(min_value=Decimal("0.001"))


class LoadPatch(Params):
    """What changes about a load."""

    name = serializers.CharField(required=False, max_length=100)
    number = serializers.IntegerField(
        required=False, min_value=0, max_value=1000, help_text="The lowest is shed first."
    )
    device = serializers.UUIDField(required=False)
    shed_command = serializers.CharField(required=False, max_length=64)
    shed_params = serializers.DictField(required=False)
    restore_command = serializers.CharField(required=False, max_length=64)
    restore_params = serializers.DictField(required=False)
    rated_kw = _kilowatts(required=False, min_value=Decimal("0.001"))
    min_off_seconds = serializers.IntegerField(required=False, min_value=0, max_value=86_400)
    max_off_seconds = serializers.IntegerField(required=False, min_value=30, max_value=86_400)


class LoadBody(LoadPatch):
    """A new load."""

    name = serializers.CharField(max_length=100)
    device = serializers.UUIDField()
    shed_command = serializers.CharField(max_length=64)
    restore_command = serializers.CharField(max_length=64)
    rated_kw = _kilowatts(min_value=Decimal("0.001"))


class LoadRow(serializers.ModelSerializer):
    """Something that may be shed, and whether it is."""

    asked = serializers.ChoiceField(choices=["", "shed", "restore"])
    rated_kw = serializers.FloatField()

    class Meta:
        model = SheddableLoad
        fields = (
            "id", "name", "number", "device", "shed_command", "shed_params", "restore_command",
            "restore_params", "rated_kw", "min_off_seconds", "max_off_seconds", "is_shed",
            "since", "asked", "execution",
        )  # fmt: skip


class GuardRow(serializers.ModelSerializer):
    """A demand guard with its loads."""

    meter = serializers.SerializerMethodField()
    channel = serializers.SerializerMethodField()
    window_minutes = serializers.IntegerField(help_text="15, 30 or 60.")
    limit_kw = serializers.FloatField()
    margin_kw = serializers.FloatField()
    peak_price = serializers.FloatField(allow_null=True)
    loads = LoadRow(many=True)

    class Meta:
        model = DemandGuard
        fields = (
            "id", "name", "site", "meter", "channel", "limit_kw", "margin_kw", "window_minutes",
            "warn_minutes", "is_enabled", "is_shedding", "peak_price", "loads", "created_at",
        )  # fmt: skip

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_meter(self, guard: DemandGuard) -> str | None:
        """Return the meter whose import is watched."""
        return str(guard.register.meter_id) if guard.register is not None else None

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_channel(self, guard: DemandGuard) -> str | None:
        """Return the power that is watched."""
        return str(guard.channel.uuid) if guard.channel is not None else None


class PredictionRow(serializers.Serializer):
    """What a window comes to, in kW; `until`: the newest sample."""

    until = serializers.DateTimeField()
    energy_kwh = serializers.FloatField()
    power_kw = serializers.FloatField()
    expected_kw = serializers.FloatField()
    low_kw = serializers.FloatField()
    high_kw = serializers.FloatField()


class WindowOfMonth(serializers.Serializer):
    """A window that is over."""

    start = serializers.DateTimeField()
    demand_kw = serializers.FloatField()
    limit_kw = serializers.FloatField()
    expected_kw = serializers.FloatField(allow_null=True)
    warned_at = serializers.DateTimeField(allow_null=True)
    shed = serializers.IntegerField()


class GuardStatus(serializers.Serializer):
    """The window that runs; `prediction` is null while nobody can tell."""

    guard = serializers.UUIDField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    warns_at = serializers.DateTimeField()
    mood = serializers.ChoiceField(choices=[mood.value for mood in Mood])
    limit_kw = serializers.FloatField()
    prediction = PredictionRow(allow_null=True)
    peak_cost = serializers.FloatField(
        allow_null=True,
        help_text="What a new peak would cost more, in the currency of the site.",
    )  # fmt: skip
    loads = LoadRow(many=True)
    month_peak_kw = serializers.FloatField(allow_null=True)
    highest = WindowOfMonth(many=True)


def status_of(guard: DemandGuard, *, now: dt.datetime) -> dict[str, Any]:
    """Return what `GuardStatus` shows."""
    [picture] = pictures_of([guard], now=now)
    found, month = picture.prediction, month_of(guard, now=now)
    prediction = None
    if found is not None:
        names = ("energy_kwh", "power_kw", "expected_kw", "low_kw", "high_kw")
        prediction = {name: round(getattr(found, name), 3) for name in names}
        prediction["until"] = dt.datetime.fromtimestamp(found.until, dt.UTC)
    return {
        "guard": guard.id, "start": picture.start, "end": picture.end,
        "warns_at": picture.warns_at, "mood": picture.decision.mood.value,
        "limit_kw": float(guard.limit_kw), "prediction": prediction,
        "peak_cost": peak_cost(guard, found.expected_kw, month) if found is not None else None,
        "loads": list(picture.loads), "month_peak_kw": month.peak_kw,
        "highest": highest_windows(guard, now=now),
    }  # fmt: skip
