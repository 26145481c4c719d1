"""Tables of packed days and rollups. Like samples their rows carry no tenant."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


def _channel() -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        "devices.Channel",
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )


class PackedDay(models.Model):
    """All samples of one channel and one UTC day in one row; see `telemetry.storage.packing`."""

    pk = models.CompositePrimaryKey("channel_id", "day")
    channel = _channel()
    day = models.DateField(help_text=_("UTC."))
    count = models.IntegerField()
    packed_at = models.DateTimeField()
    data = models.BinaryField()

    class Meta:
        db_table = "telemetry_packed_day"

    def __str__(self) -> str:
        return f"{self.channel_id} {self.day}: {self.count}"


class Rollup(models.Model):
    """Figures of the usable samples of a stretch of time: neither bad nor missing.

    `good` counts those of quality good; `sum` is null where no number can hold it.
    """

    channel = _channel()
    count = models.IntegerField()
    sum = models.FloatField(null=True)
    minimum = models.FloatField()
    maximum = models.FloatField()
    first = models.FloatField()
    last = models.FloatField()
    first_time = models.DateTimeField()
    last_time = models.DateTimeField()
    good = models.IntegerField()

    class Meta:
        abstract = True


class Rollup15m(Rollup):
    """A quarter of an hour. Partitioned by month; the migration creates it."""

    pk = models.CompositePrimaryKey("channel_id", "start")
    start = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "telemetry_rollup_15m"

    def __str__(self) -> str:
        return f"{self.channel_id} {self.start:%Y-%m-%d %H:%M}"


class RollupDay(Rollup):
    """A calendar day in the time zone of the channel's site."""

    pk = models.CompositePrimaryKey("channel_id", "day")
    day = models.DateField()

    class Meta:
        db_table = "telemetry_rollup_day"

    def __str__(self) -> str:
        return f"{self.channel_id} {self.day}"


class DirtyMark(models.Model):
    """Quarters whose samples changed in the transaction that wrote this row.

    Bytes of little-endian int32: `channels`; `windows` (quarters since 1970), either one for
    each channel or one for all of them; `firsts` and `lasts`, the times of the first and the
    last changed row in µs of the quarter. No `lasts`: equal to `firsts`. No `firsts`: unknown.
    """

    id = models.BigAutoField(primary_key=True)
    channels = models.BinaryField()
    windows = models.BinaryField()
    firsts = models.BinaryField(db_default=b"")
    lasts = models.BinaryField(db_default=b"")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_dirty_mark"

    def __str__(self) -> str:
        return f"{self.id}"


class RollupZone(models.Model):
    """The time zone in which the days of a channel were cut; without it none are."""

    channel = models.OneToOneField(
        "devices.Channel",
        models.DO_NOTHING,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    zone = models.CharField(max_length=64)

    class Meta:
        db_table = "telemetry_rollup_zone"

    def __str__(self) -> str:
        return f"{self.channel_id} {self.zone}"


class DeletedChannel(models.Model):
    """A channel that was deleted and of which rows may be left; a trigger notes it."""

    channel = models.IntegerField(primary_key=True)
    deleted_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "telemetry_deleted_channel"

    def __str__(self) -> str:
        return str(self.channel)


class StorageJob(models.Model):
    """How far a long job has come, so that it can go on after a crash."""

    name = models.CharField(_("job"), max_length=100, primary_key=True)
    state = models.JSONField(_("state"), default=dict)
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        db_table = "telemetry_storage_job"
        verbose_name = _("storage job")
        verbose_name_plural = _("storage jobs")

    def __str__(self) -> str:
        return self.name


class WatchedChannel(models.Model):
    """A channel whose changes upper layers want to hear of."""

    channel = models.OneToOneField(
        "devices.Channel", models.CASCADE, primary_key=True, related_name="+"
    )

    class Meta:
        db_table = "telemetry_watched_channel"

    def __str__(self) -> str:
        return f"{self.channel_id}"


class ChangedWindow(models.Model):
    """A quarter hour (`number` since 1970, UTC) of a watched channel whose samples changed."""

    id = models.BigAutoField(primary_key=True)
    channel = models.IntegerField()
    number = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "telemetry_changed_window"

    def __str__(self) -> str:
        return f"{self.channel} {self.number}"
