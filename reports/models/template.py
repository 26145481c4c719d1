"""What a report is about, how it looks, when it is sent and to whom."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel

MAX_RECIPIENTS = 20
MAX_METERS = 200


class ReportKind(models.TextChoices):
    """What a report is about."""

    CONSUMPTION = "consumption", _("Consumption")
    COST = "cost", _("Costs")
    PEAK = "peak", _("Peak demand")
    QUALITY = "quality", _("Data quality")


class ReportPeriod(models.TextChoices):
    """The last whole day, week … of the site, or days that are named."""

    DAY = "day", _("Last day")
    WEEK = "week", _("Last week")
    MONTH = "month", _("Last month")
    QUARTER = "quarter", _("Last quarter of a year")
    YEAR = "year", _("Last year")
    FIXED = "fixed", _("From … to …")


class ReportStep(models.TextChoices):
    """What a row stands for."""

    AUTO = "auto", _("What fits the period")
    QUARTER_HOUR = "15m", _("A quarter of an hour")
    HOUR = "1h", _("An hour")
    DAY = "1d", _("A day")
    MONTH = "1mo", _("A month")


class Comparison(models.TextChoices):
    """What a period is compared with; values of `metering.analysis.compare.Against`."""

    NONE = "none", _("Nothing")
    PREVIOUS = "previous_period", _("The period before")
    LAST_YEAR = "previous_year", _("The same days a year before")
    SAME_WEEKDAY = "same_weekday", _("The same weekdays a year before")


class ReportFormat(models.TextChoices):
    """What the file is."""

    PDF = "pdf", _("PDF")
    XLSX = "xlsx", _("Excel")
    CSV_WIDE = "csv_wide", _("CSV, a column for each meter")
    CSV_LONG = "csv_long", _("CSV, a row for each value")


class Separator(models.TextChoices):
    """What stands between the columns of CSV."""

    COMMA = "comma", _("Comma")
    SEMICOLON = "semicolon", _("Semicolon")
    TAB = "tab", _("Tab")


class DecimalMark(models.TextChoices):
    """What stands before the fraction in CSV."""

    POINT = ".", _("Point: 1.5")
    COMMA = ",", _("Comma: 1,5")


class Schedule(models.TextChoices):
    """When a report is sent, by the clock of the site."""

    NONE = "none", _("On demand only")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")
    MONTHLY = "monthly", _("Every month")


class ReportTemplate(TenantModel):
    """A report one asks for again. Example: "Monthly consumption", Izmir plant, PDF on the 1st.

    `meter_ids` is empty for all meters of the site. `recipient_ids` are people, who get it
    only while they are members that may export reports; `addresses` are those of others.
    `next_due_at` is when the next one is sent, null without a schedule.
    """

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(
        _("kind"), max_length=12, choices=ReportKind, default=ReportKind.CONSUMPTION
    )
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="report_templates", verbose_name=_("site")
    )
    meter_ids = ArrayField(
        models.UUIDField(), default=list, blank=True, size=MAX_METERS, verbose_name=_("meters")
    )
    period = models.CharField(
        _("period"), max_length=8, choices=ReportPeriod, default=ReportPeriod.MONTH
    )
    first_day = models.DateField(_("first day"), null=True, blank=True)
    last_day = models.DateField(_("last day"), null=True, blank=True)
    step = models.CharField(_("step"), max_length=4, choices=ReportStep, default=ReportStep.AUTO)
    compare = models.CharField(
        _("compared with"), max_length=16, choices=Comparison, default=Comparison.NONE
    )
    format = models.CharField(
        _("format"), max_length=10, choices=ReportFormat, default=ReportFormat.PDF
    )
    separator = models.CharField(
        _("separator"), max_length=9, choices=Separator, default=Separator.COMMA
    )
    decimal_mark = models.CharField(
        _("decimal mark"), max_length=1, choices=DecimalMark, default=DecimalMark.POINT
    )
    language = models.CharField(
        _("language"), max_length=10, choices=settings.LANGUAGES, default="en"
    )
    is_active = models.BooleanField(_("in use"), default=True)
    schedule = models.CharField(
        _("schedule"), max_length=8, choices=Schedule, default=Schedule.NONE
    )
    send_at = models.TimeField(_("local time"), default=dt.time(6))
    weekday = models.PositiveSmallIntegerField(
        _("weekday"), default=0, validators=[MaxValueValidator(6)], help_text=_("0 is Monday.")
    )
    month_day = models.PositiveSmallIntegerField(
        _("day of the month"), default=1,
        validators=[MinValueValidator(1), MaxValueValidator(28)],
    )  # fmt: skip
    recipient_ids = ArrayField(
        models.UUIDField(), default=list, blank=True, verbose_name=_("members")
    )
    addresses = ArrayField(
        models.EmailField(), default=list, blank=True, verbose_name=_("other addresses")
    )
    next_due_at = models.DateTimeField(_("sent next"), null=True, editable=False)

    class Meta:
        verbose_name = _("report template")
        verbose_name_plural = _("report templates")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="report_template_name"),
            models.UniqueConstraint(fields=["tenant", "id"], name="report_template_tenant_id"),
            models.CheckConstraint(
                condition=~Q(period="fixed")
                | Q(first_day__isnull=False, last_day__gte=F("first_day")),
                name="report_template_days",
            ),
            models.CheckConstraint(
                condition=Q(weekday__lte=6, month_day__gte=1, month_day__lte=28),
                name="report_template_schedule",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_due_at"], condition=Q(next_due_at__isnull=False),
                name="report_template_due",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name
