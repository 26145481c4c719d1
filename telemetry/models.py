"""Measurements and what could not become one."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantOwned
from telemetry.annotations.models import Annotation
from telemetry.exports.models import ExportJob
from telemetry.imports.models import ImportJob, ImportProblem, ImportState
from telemetry.quality import Quality
from telemetry.storage.models import (
    ChangedWindow,
    DeletedChannel,
    DirtyMark,
    PackedDay,
    Rollup15m,
    RollupDay,
    RollupZone,
    StorageJob,
    WatchedChannel,
)
from telemetry.truth.models import (
    ChannelDay,
    DeviceSequence,
    Grade,
    SampleCorrection,
    SequenceGap,
)
from telemetry.virtual.models import Alignment, VirtualChannel, VirtualInput

__all__ = [
    "Alignment",
    "Annotation",
    "ChangedWindow",
    "ChannelDay",
    "DeletedChannel",
    "DeviceSequence",
    "DirtyMark",
    "ExportJob",
    "Grade",
    "ImportJob",
    "ImportProblem",
    "ImportState",
    "LatestValue",
    "PackedDay",
    "RejectedMessage",
    "RejectedState",
    "Rollup15m",
    "RollupDay",
    "RollupZone",
    "Sample",
    "SampleCorrection",
    "SamplePartition",
    "SequenceGap",
    "StorageJob",
    "VirtualChannel",
    "VirtualInput",
    "WatchedChannel",
]


class Sample(models.Model):
    """One value of one channel at one instant.

    The table is partitioned by time and has the key (channel, time); its migration
    creates it. Rows carry no tenant: they are read only through `telemetry.queries`,
    which joins the channel of a tenant, and written only by `telemetry.ingest.store`.
    """

    pk = models.CompositePrimaryKey("channel_id", "time")
    channel = models.ForeignKey(
        "devices.Channel", models.DO_NOTHING, related_name="+", db_constraint=False
    )
    time = models.DateTimeField(help_text=_("UTC, microseconds."))
    value = models.FloatField(help_text=_("In the channel's stored unit."))
    quality = models.SmallIntegerField(choices=[(q.value, q.label) for q in Quality], default=0)

    class Meta:
        managed = False
        db_table = "telemetry_sample"

    def __str__(self) -> str:
        return f"{self.channel_id} {self.time:%Y-%m-%d %H:%M:%S} {self.value}"


class SamplePartition(models.Model):
    """A week of samples, [start, end). Example: telemetry_sample_20261116."""

    name = models.CharField(_("table"), max_length=63, primary_key=True)
    start_at = models.DateTimeField(_("from"))
    end_at = models.DateTimeField(_("to"))
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("sample partition")
        verbose_name_plural = _("sample partitions")

    def __str__(self) -> str:
        return self.name


class LatestValue(TenantOwned):
    """The newest value of a channel; it only ever moves forward in time."""

    channel = models.OneToOneField(
        "devices.Channel",
        models.CASCADE,
        primary_key=True,
        related_name="latest",
        verbose_name=_("channel"),
    )
    time = models.DateTimeField(_("time"), null=True)
    value = models.FloatField(_("value"), null=True)
    quality = models.SmallIntegerField(
        _("quality"), choices=[(q.value, q.label) for q in Quality], default=0
    )
    received_at = models.DateTimeField(_("received"), null=True)

    class Meta:
        verbose_name = _("latest value")
        verbose_name_plural = _("latest values")

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.value}"


class RejectedState(models.TextChoices):
    """What became of a rejected message."""

    OPEN = "open", _("Open")
    REPLAYED = "replayed", _("Replayed")
    DISCARDED = "discarded", _("Discarded")


class RejectedMessage(StampedModel):
    """A message, or the part of it, that could not be stored, with the reason and the raw bytes.

    Equal messages share a row and are counted. `group_key` is the same for one reason on one
    pattern of topics of one sender. The tenant is only known when the topic named an existing
    gateway or device; without one a message is for platform staff alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    fingerprint = models.BinaryField(max_length=32, unique=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant", models.CASCADE, null=True, related_name="+", verbose_name=_("tenant")
    )
    transport = models.CharField(_("transport"), max_length=20)
    topic = models.CharField(_("topic"), max_length=1024)
    pattern = models.CharField(_("pattern of the topic"), max_length=300, blank=True)
    sender = models.CharField(_("sender"), max_length=150, blank=True)
    group_key = models.CharField(max_length=32, editable=False, blank=True)
    payload = models.BinaryField(_("payload"))
    reason = models.CharField(_("reason"), max_length=50, db_index=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    count = models.PositiveBigIntegerField(_("count"), default=1)
    state = models.CharField(
        _("state"), max_length=10, choices=RejectedState, default=RejectedState.OPEN
    )
    first_received_at = models.DateTimeField(_("first received"))
    last_received_at = models.DateTimeField(_("last received"))
    last_entry = models.CharField(max_length=40, editable=False)

    class Meta:
        verbose_name = _("rejected message")
        verbose_name_plural = _("rejected messages")
        indexes = [
            models.Index(fields=["-last_received_at"], name="rejected_newest"),
            models.Index(fields=["tenant", "state", "group_key"], name="rejected_group"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.topic}"
