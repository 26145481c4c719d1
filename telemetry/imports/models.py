"""Imports of files, and the rows of them that could not be used."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned


class ImportState(models.TextChoices):
    """Where an import stands."""

    UPLOADING = "uploading", _("Uploading")
    READY = "ready", _("To be started")
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class ImportJob(TenantModel):
    """A file on its way into the channels of a device.

    `position` is the number of the last row that is committed, `cursor` what the reader must
    know besides to go on behind it; both are written in the transaction of the samples.
    Rows are counted in `rows`, values in `stored`, `duplicates`, `conflicts` and `missing`,
    and what could not be used in `refused`. A worker owns the job while it holds `lease`.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="+", verbose_name=_("device")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("uploaded by"),
    )
    file_name = models.CharField(_("file"), max_length=255)
    size = models.PositiveBigIntegerField(_("size (bytes)"))
    received = models.PositiveBigIntegerField(_("received (bytes)"), default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    stored_as = models.CharField(max_length=200, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=ImportState, default=ImportState.UPLOADING
    )
    plan = models.JSONField(_("settings"), default=dict, blank=True)
    headers = models.JSONField(default=list, blank=True, editable=False)
    notes = models.JSONField(default=list, blank=True, editable=False)

    position = models.PositiveBigIntegerField(_("last row"), default=0)
    progress = models.FloatField(_("progress"), default=0.0)
    cursor = models.JSONField(default=dict, blank=True, editable=False)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    stored = models.PositiveBigIntegerField(_("values stored"), default=0)
    duplicates = models.PositiveBigIntegerField(_("values known"), default=0)
    conflicts = models.PositiveBigIntegerField(_("conflicting values"), default=0)
    missing = models.PositiveBigIntegerField(_("missing values"), default=0)
    refused = models.PositiveBigIntegerField(_("refused"), default=0)
    error_code = models.CharField(_("error"), max_length=50, blank=True)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)

    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    lease = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [models.UniqueConstraint(fields=["tenant", "id"], name="import_tenant_id")]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="import_newest"),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["queued", "running"]),
                name="import_open",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def percent(self) -> int:
        """Return the progress in whole percent."""
        return int(self.progress * 100)


class ImportProblem(TenantOwned):
    """A row, or a value of it, that was not stored; of one import the first ten thousand."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(ImportJob, models.CASCADE, related_name="+", verbose_name=_("import"))
    row = models.PositiveBigIntegerField(_("row"))
    code = models.CharField(_("reason"), max_length=50)
    detail = models.CharField(_("detail"), max_length=300)
    text = models.CharField(_("row as it stands"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("refused row")
        verbose_name_plural = _("refused rows")
        indexes = [models.Index(fields=["job", "id"], name="import_problem_order")]

    def __str__(self) -> str:
        return f"{self.row}: {self.code}"
