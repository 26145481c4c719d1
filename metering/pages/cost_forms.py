"""Forms of tariffs, where they hold, and what is billed together."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from metering.models import Commodity, Meter, Tariff

_DAY = dt.timedelta(days=1)
_DECIMAL: dict[str, Any] = {"attrs": {"inputmode": "decimal"}}


def day_field(label: Any, **options: Any) -> forms.DateField:
    """Return a field of a local day."""
    return forms.DateField(
        label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options
    )


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


class NewTariffForm(forms.Form):
    """A tariff with one price; others come from files."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Such as the supplier and the contract.")
    )
    commodity = forms.ChoiceField(label=_("Commodity"), choices=Commodity.choices)
    currency = forms.RegexField(
        r"^[A-Z]{3}$", label=_("Currency"), help_text=_("Three letters such as EUR."),
        error_messages={"invalid": _("Use three letters such as EUR.")},
    )  # fmt: skip
    price = forms.CharField(
        label=_("Price of a kWh or m³"), max_length=20, widget=forms.TextInput(**_DECIMAL),
        help_text=_("Without tax."),
    )  # fmt: skip
    fee = forms.CharField(
        label=_("Fee a month"), max_length=20, required=False, widget=forms.TextInput(**_DECIMAL)
    )
    tax = forms.CharField(
        label=_("Tax in percent"), max_length=20, required=False,
        widget=forms.TextInput(**_DECIMAL), help_text=_("On everything above. Blank: none."),
    )  # fmt: skip
    valid_from = day_field(_("From"), help_text=_("The first day on which the prices hold."))

    def definition(self) -> dict[str, Any]:
        """Return it as the services read it."""
        said = {name: text.strip().replace(",", ".") for name, text in self.texts().items()}
        parts: list[dict[str, str]] = [
            {"kind": "flat", "name": gettext("Energy"), "price": said["price"]}
        ]
        if said["fee"]:
            fee = {"kind": "fixed", "name": gettext("Fee"), "price": said["fee"], "per": "month"}
            parts.append(fee)
        if said["tax"]:
            parts.append({"kind": "percent", "name": gettext("Tax"), "percent": said["tax"]})
        return {"components": parts}

    def texts(self) -> dict[str, str]:
        """Return the numbers as they were entered."""
        return {name: self.cleaned_data[name] for name in ("price", "fee", "tax")}

    def refuse(self, code: str, field: str, text: str) -> None:
        """Say what is wrong where it was entered."""
        if field.startswith("definition"):
            names = [name for name, given in self.texts().items() if given]
            at = field.removeprefix("definition.components[").partition("]")[0]
            field = names[int(at)] if at.isdigit() else ""
            if code == "bad_number":
                text = gettext("Write a number with at most six digits after the point.")
        self.add_error(field if field in self.fields else None, text)


class PeriodForm(DaysForm):
    """Days that are billed together."""

    valid_from = day_field(_("First day"))
    last = day_field(_("Last day"))
