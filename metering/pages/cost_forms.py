"""Forms of tariffs, where they hold, and what is billed together."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from metering.models import Meter, Tariff
from metering.services.tariffs import FIRST_DAY, LAST_DAY

_DAY = dt.timedelta(days=1)
_OUT_OF_RANGE = _("The day is out of range.")
_IN_RANGE = [
    MinValueValidator(FIRST_DAY, _OUT_OF_RANGE), MaxValueValidator(LAST_DAY - _DAY, _OUT_OF_RANGE),
]  # fmt: skip


def day_field(label: Any, **options: Any) -> forms.DateField:
    """Return a field of a local day; those from which a day can go over the edge are refused."""
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, validators=_IN_RANGE, **options)


class DaysForm(forms.Form):
    """The first day and the last one, both included."""

    def clean(self) -> dict[str, Any]:
        """Compare the two."""
        said = super().clean() or self.cleaned_data
        first, last = said.get("valid_from"), said.get("last")
        if first and last and last < first:
            self.add_error("last", gettext("The last day is before the first."))
        return said

    @property
    def valid_to(self) -> dt.date | None:
        """Return the first day after the last."""
        last: dt.date | None = self.cleaned_data["last"]
        return None if last is None else last + _DAY


class AssignForm(DaysForm):
    """A tariff for a site or one of its meters."""

    tariff = forms.ChoiceField(label=_("Tariff"))
    meter = forms.ChoiceField(
        label=_("For"), required=False,
        help_text=_("The tariff of a meter goes before that of the connection."),
    )  # fmt: skip
    valid_from = day_field(
        _("From"), help_text=_("A tariff that held until then ends the day before.")
    )
    last = day_field(_("Last day"), required=False, help_text=_("Blank: until another follows."))

    def __init__(
        self, data: Any, *, tariffs: Sequence[Tariff], meters: Sequence[Meter], **options: Any
    ) -> None:
        super().__init__(data, **options)
        named = [(str(one.id), f"{one.name} · {one.get_commodity_display()}") for one in tariffs]
        below = [(str(one.id), f"{one.name} · {one.get_commodity_display()}") for one in meters]
        self.fields["tariff"].choices = named  # type: ignore[attr-defined]
        self.fields["meter"].choices = [  # type: ignore[attr-defined]
            ("", _("The connection of the site")), *below,
        ]  # fmt: skip

    def wanted(self) -> dict[str, Any]:
        """Return what `assign_tariff` takes."""
        said = self.cleaned_data
        return {
            "tariff_id": uuid.UUID(said["tariff"]),
            "meter_id": uuid.UUID(said["meter"]) if said["meter"] else None,
            "valid_from": said["valid_from"],
            "valid_to": self.valid_to,
        }


class PeriodForm(DaysForm):
    """Days that are billed together."""

    valid_from = day_field(_("First day"))
    last = day_field(_("Last day"))
