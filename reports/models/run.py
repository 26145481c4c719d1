"""Reports that were asked for, and to whom they went."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from reports.models.template import ReportTemplate


class RunState(models.TextChoices):
    """Where a report stands."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class ReportRun(TenantModel):
    """One report: what was asked, by whom, and the file. Example: "March", done, 48 kB.

    `question` names site and meters by id and absolute days (`reports.content.question`).
    `due_at` is the time of the schedule that asked. A worker owns it while it holds `lease`.
    """

    template = models.ForeignKey(
        ReportTemplate, models.SET_NULL, null=True, related_name="runs",
        verbose_name=_("template"),
    )  # fmt: skip
    title = models.CharField(_("name"), max_length=100)
    question = models.JSONField(_("question"), default=dict)
    requested_by_id = models.UUIDField(_("asked for by"), null=True, editable=False)
    requested_by = models.CharField(_("asked for by"), max_length=254, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, editable=False)
    is_sent = models.BooleanField(_("sent by mail"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=RunState, default=RunState.WAITING)
    progress = models.FloatField(_("progress"), default=0.0)
    error_code = models.CharField(_("error"), max_length=50, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    lease = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    file_name = models.CharField(_("file"), max_length=120, blank=True)
    size = models.PositiveBigIntegerField(_("size (bytes)"), default=0)
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    expires_at = models.DateTimeField(_("deleted after"), null=True, editable=False)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="report_run_tenant_id"),
            models.UniqueConstraint(
                fields=["template", "due_at"], condition=Q(due_at__isnull=False),
                name="report_run_once_when_due",
            ),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(state="running"), name="report_run_one_at_a_time"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="report_run_newest"),
            models.Index(
                fields=["created_at"], condition=Q(state__in=["waiting", "running"]),
                name="report_run_open",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.title} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        """Tell whether it is still to be made."""
        return self.state in {RunState.WAITING, RunState.RUNNING}

    @property
    def percent(self) -> int:
        """Return the progress in whole percent."""
        return int(self.progress * 100)

    def name_file(self, extension: str) -> str:
        """Return the name under which the file is saved; letters of any language stay."""
        stem = slugify(self.title, allow_unicode=True)[:60] or "report"
        first, last = self.question["first_day"], self.question["last_day"]
        return f"{stem}-{first}-{last}.{extension}"


class DeliveryState(models.TextChoices):
    """Where a mail stands."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    WITHHELD = "withheld", _("Not sent")


class Delivery(TenantModel):
    """A report on its way to one address; `user_id` is null for somebody from outside."""

    run = models.ForeignKey(
        ReportRun, models.CASCADE, related_name="deliveries", verbose_name=_("report")
    )
    address = models.EmailField(_("e-mail address"))
    user_id = models.UUIDField(null=True, editable=False)
    state = models.CharField(
        _("state"), max_length=8, choices=DeliveryState, default=DeliveryState.WAITING
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    error_code = models.CharField(_("error"), max_length=50, blank=True)
    next_try_at = models.DateTimeField(_("next try"), null=True, editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, editable=False)
    has_file = models.BooleanField(_("with the file"), default=False)

    class Meta:
        verbose_name = _("delivery of a report")
        verbose_name_plural = _("deliveries of reports")
        constraints = [
            models.UniqueConstraint(fields=["run", "address"], name="report_delivery_once"),
            models.UniqueConstraint(fields=["tenant", "id"], name="report_delivery_tenant_id"),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=Q(state="waiting"), name="report_delivery_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.state}"
