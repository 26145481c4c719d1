"""How values look in the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from accounts.api.params import ListParam, Params
from devices.models import Channel, Device
from devices.presence import Presence, presence_of
from telemetry.comparison import COMPARISONS
from telemetry.fill import FILLS
from telemetry.models import LatestValue
from telemetry.quality import QUALITY_NAMES, Quality
from telemetry.queries import DAYS, QUARTERS, RAW
from telemetry.questions import AGGREGATES, MAX_SERIES, Question
from telemetry.timespec import INTERVALS

MAX_POINTS = 10_000
MAX_NAMES = 20
QUALITIES = [quality.label for quality in Quality]
PRESENCES = [presence.value for presence in Presence]
ANSWER_INTERVALS = [RAW, *INTERVALS]
ANSWER_SOURCES = [RAW, QUARTERS, DAYS]
ANSWER_AGGREGATES = [*AGGREGATES, RAW]
ASKED_INTERVALS = ["auto", RAW, *INTERVALS]
TIME_HELP = (
    "`now-7d/d` (units s m h d w M y; `/d` rounds to the local day), RFC 3339, a local date or "
    "time, or milliseconds since 1970."
)


class QueryParams(Params):
    """A question about the past of devices."""

    device = ListParam(
        child=serializers.UUIDField(), min_length=1, max_length=MAX_NAMES, required=False,
        help_text="Ids of devices; repeat or separate by commas. Needs metric.",
    )  # fmt: skip
    metric = ListParam(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MAX_NAMES,
        required=False, help_text="Names of channels; repeat or separate by commas.",
    )  # fmt: skip
    channel = ListParam(
        child=serializers.UUIDField(), min_length=1, max_length=MAX_SERIES, required=False,
        help_text="Ids of channels, instead of or beside device and metric.",
    )  # fmt: skip
    to = serializers.CharField(
        default="now", max_length=40,
        help_text=f"End, exclusive; `/d` rounds up: from=now/d, to=now/d is today. {TIME_HELP}",
    )  # fmt: skip
    interval = serializers.ChoiceField(
        choices=ASKED_INTERVALS, default="auto",
        help_text=(
            "Width of a bucket. Days, weeks, months and years are local; raw returns the samples."
        ),
    )  # fmt: skip
    agg = ListParam(
        child=serializers.ChoiceField(choices=AGGREGATES), required=False, max_length=9,
        help_text=(
            "What is made of the samples of a bucket. Left out: sum for amounts of intervals, avg "
            "for all else. delta: rise of a counter "
            "since the sample before, a fall counts from the new value; for charts, it knows no "
            "change of meters. energy: kWh from power, each sample holds until the next, at most "
            "3 expected intervals of the device or 15 minutes, whichever is longer."
        ),
    )  # fmt: skip
    tz = serializers.CharField(
        default="", allow_blank=True, max_length=64,
        help_text="IANA time zone of days and local times; the site's if left out.",
    )  # fmt: skip
    fill = serializers.ChoiceField(
        choices=FILLS, default="none", help_text="What stands in buckets without samples."
    )
    unit = serializers.CharField(
        default="", allow_blank=True, max_length=20,
        help_text="Convert values to this unit, such as MWh.",
    )  # fmt: skip
    compare = serializers.ChoiceField(
        choices=["", *COMPARISONS], default="",
        help_text=(
            "Answer an earlier period too: as long as the asked one and right before it (whole "
            "months for whole months), a year before, or whole weeks before."
        ),
    )  # fmt: skip
    completeness = serializers.BooleanField(
        default=False, help_text="Add `c` to the series: the share of expected samples."
    )
    max_points = serializers.IntegerField(
        default=2000, min_value=1, max_value=MAX_POINTS,
        help_text=(
            "At most so many in a series. Raw samples as NDJSON or as a long CSV table are "
            "streamed, however many they are."
        ),
    )  # fmt: skip

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`, which is no name in Python, before `to`."""
        start = serializers.CharField(
            default="now-24h", max_length=40, help_text=f"Start, inclusive. {TIME_HELP}"
        )
        fields: dict[str, serializers.Field] = {}
        for name, field in super().get_fields().items():
            if name == "to":
                fields["from"] = start
            fields[name] = field
        return fields


class TableParams(QueryParams):
    """A question whose answer may be a table."""

    bom = serializers.BooleanField(
        default=False, help_text="Begin CSV with a byte order mark, as Excel wants it."
    )
    sep = serializers.ChoiceField(
        choices=["comma", "semicolon", "tab"], default="comma", help_text="Separator of CSV."
    )
    layout = serializers.ChoiceField(
        choices=["long", "wide"], default="long",
        help_text="CSV with a row for each value, or with a column for each series.",
    )  # fmt: skip


def to_question(params: dict[str, Any]) -> Question:
    """Return the question that checked parameters ask."""
    return Question(
        device_ids=params.get("device", ()),
        metrics=params.get("metric", ()),
        start=params["from"],
        end=params["to"],
        interval=params["interval"],
        aggregates=params.get("agg", ()),
        timezone=params["tz"],
        fill=params["fill"],
        unit=params["unit"],
        max_points=params["max_points"],
        channel_ids=params.get("channel", ()),
        compare=params["compare"],
    )


class SeriesSerializer(serializers.Serializer):
    """Columns of equal length, one entry for each bucket or sample."""

    device = serializers.UUIDField()
    metric = serializers.CharField()
    unit = serializers.CharField(allow_blank=True)
    agg = serializers.ChoiceField(choices=ANSWER_AGGREGATES)
    t = serializers.ListField(
        child=serializers.IntegerField(), help_text="Starts of buckets, or times; epoch ms."
    )
    v = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text="Values.")
    q = serializers.ListField(
        child=serializers.ChoiceField(choices=QUALITIES),
        help_text=(
            "Worst quality in the bucket. Bad and missing values are not aggregated. Where rollups "
            "were read, a bucket that is not all good is uncertain."
        ),
    )
    channel = serializers.UUIDField()
    c = serializers.ListField(
        child=serializers.FloatField(), required=False,
        help_text="0 to 1: usable samples by those expected; with completeness=true.",
    )  # fmt: skip


class ComparisonSerializer(serializers.Serializer):
    """The series of an earlier period; `t` says where they belong in the asked one."""

    kind = serializers.ChoiceField(choices=COMPARISONS)
    to = serializers.IntegerField()
    series = SeriesSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`, which is no name in Python."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class AnswerSerializer(serializers.Serializer):
    """The answer to a query; times in epoch ms."""

    to = serializers.IntegerField()
    interval = serializers.ChoiceField(choices=ANSWER_INTERVALS)
    tz = serializers.CharField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=ANSWER_SOURCES,
        help_text="What was read: samples, or rollups of quarter hours or days.",
    )
    series = SeriesSerializer(many=True)
    partial = serializers.BooleanField(  # type: ignore[assignment]
        help_text="The first or last bucket is cut by the period, or the period has not ended."
    )
    comparison = ComparisonSerializer(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`, which is no name in Python."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class LatestSerializer(serializers.Serializer):
    """The newest value of a channel."""

    metric = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    unit = serializers.CharField(allow_blank=True)
    value = serializers.FloatField(allow_null=True, help_text="Null: no value ever came.")
    time = serializers.DateTimeField(allow_null=True, help_text="When it was measured.")
    age_seconds = serializers.FloatField(allow_null=True, help_text="Never negative.")
    quality = serializers.ChoiceField(choices=QUALITIES)


class DeviceLatestSerializer(serializers.Serializer):
    """The newest values of a device's channels, by name."""

    device = serializers.UUIDField()
    status = serializers.ChoiceField(choices=PRESENCES)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    values = LatestSerializer(many=True)


class LatestBody(Params):
    """Whose newest values are wanted."""

    device = ListParam(child=serializers.UUIDField(), min_length=1, max_length=500)
    metric = ListParam(
        child=serializers.CharField(max_length=64), max_length=MAX_NAMES, required=False,
        help_text="Only these channels.",
    )  # fmt: skip


class LatestListSerializer(serializers.Serializer):
    """The newest values of several devices."""

    results = DeviceLatestSerializer(many=True)


def describe_device(
    device: Device, channels: Iterable[Channel], *, now: dt.datetime
) -> dict[str, Any]:
    """Return the members of a `DeviceLatestSerializer`; see `describe_latest`."""
    return {
        "device": device.id,
        "status": presence_of(
            now=now,
            last_seen_at=device.last_seen_at,
            reported_status=device.reported_status,
            reported_status_at=device.reported_status_at,
            expected_interval_seconds=device.profile.expected_interval_seconds,
        ),
        "last_seen_at": device.last_seen_at,
        "values": [describe_latest(channel, now=now) for channel in channels],
    }


def describe_latest(channel: Channel, *, now: dt.datetime) -> dict[str, Any]:
    """Return the members of a `LatestSerializer`; the channel was read with its latest value."""
    latest: LatestValue | None = getattr(channel, "latest", None)
    at = latest.time if latest else None
    known = latest is not None and at is not None
    return {
        "metric": channel.name,
        "label": channel.label,
        "unit": channel.unit,
        "value": latest.value if latest and known else None,
        "time": at,
        "age_seconds": max(0.0, (now - at).total_seconds()) if at else None,
        "quality": QUALITY_NAMES[latest.quality] if latest and known else Quality.MISSING.label,
    }
