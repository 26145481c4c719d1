"""Exports of time series."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class ExportState(models.TextChoices):
    """Where an export stands."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class ExportFormat(models.TextChoices):
    """What the file is; text formats are compressed."""

    CSV_LONG = "csv_long", _("CSV, a row for each value")
    CSV_WIDE = "csv_wide", _("CSV, a column for each series")
    NDJSON = "ndjson", _("NDJSON")
    XLSX = "xlsx", _("Excel")


class ExportJob(TenantModel):
    """A file on its way to the person or program `owner_id`, who alone may load it.

    `question` names channels by id and absolute times. `cursor` says how far the file is
    complete: `next`, the beginning of the part to come, and `bytes`. A worker owns the job
    while it holds `lease`.
    """

    owner_id = models.UUIDField(_("made for"), editable=False)
    format = models.CharField(_("format"), max_length=10, choices=ExportFormat)
    question = models.JSONField(_("question"), default=dict)
    state = models.CharField(
        _("state"), max_length=10, choices=ExportState, default=ExportState.QUEUED
    )
    progress = models.FloatField(_("progress"), default=0.0)
    rows = models.PositiveBigIntegerField(_("values"), default=0)
    size = models.PositiveBigIntegerField(_("size (bytes)"), default=0)
    cursor = models.JSONField(default=dict, blank=True, editable=False)
    error_code = models.CharField(_("error"), max_length=50, blank=True)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    lease = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    expires_at = models.DateTimeField(_("deleted after"), null=True, editable=False)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="export_tenant_id")]
        indexes = [
            models.Index(fields=["tenant", "owner_id", "-created_at"], name="export_newest"),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["queued", "running"]),
                name="export_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_format_display()} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def percent(self) -> int:
        """Return the progress in whole percent."""
        return int(self.progress * 100)

    @property
    def file_name(self) -> str:
        """Return the name under which the file is saved."""
        return f"measurements-{self.created_at:%Y%m%d-%H%M%S}.{EXTENSIONS[self.format]}"


EXTENSIONS: dict[str, str] = {
    ExportFormat.CSV_LONG: "csv.gz",
    ExportFormat.CSV_WIDE: "csv.gz",
    ExportFormat.NDJSON: "ndjson.gz",
    ExportFormat.XLSX: "xlsx",
}
