"""Forms about reports: what one is about, and when and to whom it is sent."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import validate_email
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Site
from metering.models import Meter
from reports.models import (
    Comparison,
    DecimalMark,
    ReportFormat,
    ReportKind,
    ReportPeriod,
    ReportStep,
    ReportTemplate,
    Schedule,
    Separator,
)
from reports.services.asking import Wanted
from reports.services.recipients import members_who_may
from reports.services.templates import Mailing

_DATE = {"type": "date"}


class ReportForm(forms.Form):
    """A report that is made once."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    kind = forms.ChoiceField(label=gettext_lazy("About"), choices=ReportKind.choices)
    site = forms.ModelChoiceField(label=gettext_lazy("Site"), queryset=Site.objects.none())
    meters = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Meters"), queryset=Meter.objects.none(), required=False,
        help_text=gettext_lazy("None chosen: all meters in use of the site."),
    )  # fmt: skip
    period = forms.ChoiceField(
        label=gettext_lazy("Period"), choices=ReportPeriod.choices, initial=ReportPeriod.MONTH
    )
    first_day = forms.DateField(
        label=gettext_lazy("First day"), required=False,
        widget=forms.DateInput(attrs=_DATE, format="%Y-%m-%d"),
        help_text=gettext_lazy("Of another period than “From … to …”: a day that lies in it."),
    )  # fmt: skip
    last_day = forms.DateField(
        label=gettext_lazy("Last day"), required=False,
        widget=forms.DateInput(attrs=_DATE, format="%Y-%m-%d"),
    )  # fmt: skip
    step = forms.ChoiceField(label=gettext_lazy("A row is"), choices=ReportStep.choices)
    compare = forms.ChoiceField(label=gettext_lazy("Compared with"), choices=Comparison.choices)
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=ReportFormat.choices)
    separator = forms.ChoiceField(label=gettext_lazy("Separator of CSV"), choices=Separator.choices)
    decimal_mark = forms.ChoiceField(
        label=gettext_lazy("Decimal mark of CSV"), choices=DecimalMark.choices
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site: Any = self.fields["site"]
        site.queryset = Site.objects.order_by("name", "id")
        meters: Any = self.fields["meters"]
        meters.queryset = Meter.objects.select_related("site").order_by("site__name", "name", "id")
        meters.label_from_instance = _meter_and_site  # many sites have a "Main connection"

    def wanted(self) -> Wanted:
        """Return what the form asks for; it must be valid."""
        given = self.cleaned_data
        return Wanted(
            title=given["name"], kind=given["kind"], site_id=given["site"].id,
            meter_ids=[meter.id for meter in given["meters"]], period=given["period"],
            first_day=given["first_day"], last_day=given["last_day"], step=given["step"],
            compare=given["compare"], format=given["format"], separator=given["separator"],
            decimal_mark=given["decimal_mark"], language=given["language"],
        )  # fmt: skip


class TemplateForm(ReportForm):
    """A report that is asked for again, and sent."""

    is_active = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    schedule = forms.ChoiceField(label=gettext_lazy("Sent"), choices=Schedule.choices)
    send_at = forms.TimeField(
        label=gettext_lazy("At"), initial=dt.time(6),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("By the clock of the site."),
    )  # fmt: skip
    weekday = forms.TypedChoiceField(
        label=gettext_lazy("Day of the week"), choices=list(WEEKDAYS.items()), coerce=int
    )
    month_day = forms.IntegerField(
        label=gettext_lazy("Day of the month"), min_value=1, max_value=28, initial=1
    )
    recipients = forms.MultipleChoiceField(
        label=gettext_lazy("Members"), required=False, widget=forms.CheckboxSelectMultiple
    )
    addresses = forms.CharField(
        label=gettext_lazy("Other addresses"), required=False, max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line. They are asked, and get reports if they agree."),
    )  # fmt: skip

    def __init__(self, *args: Any, tenant_id: uuid.UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people: Any = self.fields["recipients"]
        people.choices = [
            (str(row.user_id), row.user.get_full_name()) for row in members_who_may(tenant_id)
        ]

    def clean_addresses(self) -> list[str]:
        """Check each line."""
        lines = [line.strip() for line in self.cleaned_data["addresses"].splitlines()]
        found = [line for line in lines if line]
        for line in found:
            try:
                validate_email(line)
            except forms.ValidationError as error:
                raise forms.ValidationError(
                    _("%(line)s is no e-mail address."), params={"line": line}
                ) from error
        return found

    def mailing(self) -> Mailing:
        """Return when and to whom it is sent; the form must be valid."""
        given = self.cleaned_data
        return Mailing(
            schedule=given["schedule"], send_at=given["send_at"], weekday=given["weekday"],
            month_day=given["month_day"], addresses=given["addresses"],
            recipient_ids=[uuid.UUID(id_) for id_ in given["recipients"]],
        )  # fmt: skip


def initial_of(template: ReportTemplate) -> dict[str, Any]:
    """Return what the form of a template begins with."""
    names = (
        "name", "kind", "period", "first_day", "last_day", "step", "compare", "format",
        "separator", "decimal_mark", "language", "is_active", "schedule", "send_at", "weekday",
        "month_day",
    )  # fmt: skip
    return {name: getattr(template, name) for name in names} | {
        "site": template.site_id,
        "meters": template.meter_ids,
        "recipients": [str(id_) for id_ in template.recipient_ids],
        "addresses": "\n".join(template.addresses),
    }


def _meter_and_site(meter: Meter) -> str:
    return f"{meter.site.name} · {meter.name}"
