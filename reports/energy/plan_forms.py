"""The forms of a budget and of a baseline."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.labels import name_channel
from devices.models import Channel
from metering.models import Budget, Driver
from metering.models.plan import MONTHS
from metering.pages.cost_forms import day_field
from metering.series import to_decimal
from metering.services.plans import PlanRefused, Reference
from reports.energy.words import month_name

_DAY = dt.timedelta(days=1)


class AmountField(forms.DecimalField):
    """A number as people write it, with a point or a comma."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(widget=widget, **options)

    def to_python(self, value: Any) -> Any:
        """Take the comma for a point."""
        return super().to_python(value.strip().replace(",", ".") if value else value)


class BudgetForm(forms.Form):
    """Twelve months of a year."""

    def __init__(self, data: Any, *, budget: Budget | None, currency: str | None) -> None:
        super().__init__(data)
        if currency is not None:
            self.fields["currency"] = forms.RegexField(
                r"^[A-Z]{3}$", label=_("Currency"), initial=currency,
                error_messages={"invalid": _("Use three letters such as EUR.")},
            )  # fmt: skip
        for at in range(MONTHS):
            initial = f"{to_decimal(budget.amounts[at]).normalize():f}" if budget else None
            self.fields[f"month_{at + 1}"] = AmountField(
                label=month_name(at + 1), initial=initial, max_digits=18, decimal_places=6
            )

    @property
    def months(self) -> list[forms.BoundField]:
        """Return the fields of the months."""
        return [self[f"month_{at + 1}"] for at in range(MONTHS)]

    @property
    def others(self) -> list[forms.BoundField]:
        """Return the fields that are no months."""
        return [field for field in self if not field.name.startswith("month_")]

    def amounts(self) -> list[Decimal]:
        """Return what was entered, from January on."""
        return [self.cleaned_data[f"month_{at + 1}"] for at in range(MONTHS)]

    def refuse(self, error: PlanRefused) -> None:
        """Say what is wrong where it was entered."""
        self.add_error(error.field if error.field in self.fields else None, str(error))


class CopyForm(forms.Form):
    """The year before, less so many percent."""

    less = AmountField(
        label=gettext_lazy("Less than the year before, in %"), initial="5", min_value=-1000,
        max_value=100, decimal_places=2, help_text=gettext_lazy("0: the same; −5: five % more."),
    )  # fmt: skip

    def __init__(self, data: Any, *, currency: str | None) -> None:
        super().__init__(data, auto_id="copy_%s")  # it stands beside the other form
        if currency is not None:
            self.fields["currency"] = forms.RegexField(
                r"^[A-Z]{3}$", label=_("Currency"), initial=currency,
                error_messages={"invalid": _("Use three letters such as EUR.")},
            )  # fmt: skip

    def refuse(self, error: PlanRefused) -> None:
        """Say what is wrong."""
        self.add_error("less" if error.field == "percent" else None, str(error))


class BaselineForm(forms.Form):
    """The days before a measure, and when it was done."""

    start = day_field(gettext_lazy("First day before the measure"))
    last = day_field(
        gettext_lazy("Last day before the measure"), help_text=gettext_lazy("A year at least.")
    )
    counted_from = day_field(
        gettext_lazy("Savings count from"),
        help_text=gettext_lazy("The day after the measure was finished."),
    )  # fmt: skip
    source = forms.ChoiceField(label=gettext_lazy("Explained by"), required=False)
    note = forms.CharField(
        label=gettext_lazy("Measure"), max_length=300, required=False,
        help_text=gettext_lazy("Such as: LED lighting in hall 2."),
    )  # fmt: skip

    def __init__(self, data: Any, *, channels: Sequence[Channel], **options: Any) -> None:
        super().__init__(data, **options)
        named = [
            (str(one.uuid), f"{name_channel(one.name, one.label).label} · {one.device.name}")
            for one in channels
        ]
        self.fields["source"].choices = [  # type: ignore[attr-defined]
            ("", _("Weekday and season")), *named,
        ]  # fmt: skip

    def wanted(self) -> Reference:
        """Return what `fit_baseline` takes."""
        said = self.cleaned_data
        return Reference(
            said["start"], said["last"] + _DAY, said["counted_from"],
            Driver.TEMPERATURE.value if said["source"] else Driver.CALENDAR.value,
            uuid.UUID(said["source"]) if said["source"] else None, said["note"],
        )  # fmt: skip

    def refuse(self, error: PlanRefused) -> None:
        """Say what is wrong where it was entered."""
        name = {"end": "last", "channel": "source"}.get(error.field, error.field)
        self.add_error(name if name in self.fields else None, str(error))
