"""The form of a new tariff: a price, other prices at some hours or above a limit, fees, taxes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from metering.models import Commodity
from metering.pages.cost_forms import day_field

OTHER_HOURS = 3
_PLACE = re.compile(
    r"definition\.components\[(\d+)\](?:\.(bands|rules|tiers)\[(\d+)\](?:\.(\w+))?)?"
)
_DAYS = {
    "all": [], "weekdays": ["weekday"], "weekend": ["saturday", "sunday", "holiday"],
}  # fmt: skip

Owner = tuple[forms.Form, str]


def _number(label: Any, help_text: Any = "", *, required: bool = False) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=20, required=required,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )  # fmt: skip


def _clock(label: Any) -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time", "step": "900"}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget)


class HoursForm(forms.Form):
    """Another price at some hours; all of it may be blank."""

    name = forms.CharField(
        label=_("Name"), max_length=40, required=False, help_text=_("Such as night or peak.")
    )
    price = _number(_("Price"))
    start = _clock(_("From"))
    end = _clock(_("Until"))
    days = forms.ChoiceField(
        label=_("Days"), required=False,
        choices=[("all", _("Every day")), ("weekdays", _("Monday to Friday, no holidays")),
                 ("weekend", _("Saturday, Sunday and holidays"))],
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Ask for the rest where something is given."""
        said = super().clean() or self.cleaned_data
        if self.is_given:
            for name in ("name", "price", "start", "end"):
                if name not in self.errors and said.get(name) in (None, ""):
                    self.add_error(name, gettext("Fill this in, or leave the others blank too."))
        return said

    @property
    def is_given(self) -> bool:
        """Tell whether anything was entered; the days alone do not count."""
        said = self.cleaned_data
        return any(said.get(name) not in (None, "") for name in ("name", "price", "start", "end"))

    def band(self) -> dict[str, str]:
        """Return the price by name."""
        return {"name": self.cleaned_data["name"], "price": _plain(self.cleaned_data["price"])}

    def rule(self) -> dict[str, Any]:
        """Return when the price holds; midnight at the end is that of the day's end."""
        start, end = (_write(self.cleaned_data[name]) for name in ("start", "end"))
        days = _DAYS[self.cleaned_data["days"] or "all"]
        slot = {"from": start, "to": "24:00" if end == "00:00" else end}
        return {"band": self.cleaned_data["name"], **slot} | ({"day_types": days} if days else {})


class NewTariffForm(forms.Form):
    """What most contracts say; the rest comes through the API."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Such as the supplier and the contract.")
    )
    commodity = forms.ChoiceField(label=_("Commodity"), choices=Commodity.choices)
    currency = forms.RegexField(
        r"^[A-Z]{3}$", label=_("Currency"), help_text=_("Three letters such as EUR."),
        error_messages={"invalid": _("Use three letters such as EUR.")},
    )  # fmt: skip
    valid_from = day_field(_("From"), help_text=_("The first day on which the prices hold."))
    price = _number(_("Price of a kWh or m³"), _("Without tax."), required=True)
    fee = _number(_("Fee a month"))
    tax = _number(_("Tax in percent"), _("On prices and fees, not on what is fed in. Blank: none."))
    feed_in = _number(_("Price of a kWh fed in"), _("Paid to the site. Blank: nothing."))
    power = _number(
        _("Price of a kW a month"), _("For the highest quarter hour of the month. Blank: none.")
    )
    limit = _number(_("Limit a month"), _("In kWh or m³: above it the next price holds."))
    above = _number(_("Price above the limit"))
    co2 = _number(_("CO₂ in grams a kWh"), _("As the supplier declares it."))

    def __init__(self, data: Any, **options: Any) -> None:
        super().__init__(data, **options)
        self.hours = [
            HoursForm(data, prefix=f"hours{number}") for number in range(1, OTHER_HOURS + 1)
        ]

    @property
    def plain_fields(self) -> list[forms.BoundField]:
        """Return what nearly every tariff has."""
        return [self[name] for name in list(self.fields)[:7]]

    @property
    def other_fields(self) -> list[forms.BoundField]:
        """Return what only some have."""
        return [self[name] for name in list(self.fields)[7:]]

    @property
    def shows_more(self) -> bool:
        """Tell whether something rare was entered or is wrong, so that it must be seen."""
        rare = [*self.other_fields, *(form[n] for form in self.hours for n in form.fields)]
        return any(field.errors or field.name != "days" and field.value() for field in rare)

    def is_valid(self) -> bool:
        """Look at the hours as well."""
        checked = [super().is_valid(), *(form.is_valid() for form in self.hours)]
        return all(checked)

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be combined."""
        said = super().clean() or self.cleaned_data
        if bool(said.get("limit")) != bool(said.get("above")):
            missing = "above" if said.get("limit") else "limit"
            self.add_error(missing, gettext("Fill this in, or leave the others blank too."))
        if said.get("limit") and any(form.is_valid() and form.is_given for form in self.hours):
            self.add_error("limit", gettext("A limit does not go with prices by the hour."))
        return said

    def definition(self) -> dict[str, Any]:
        """Return it as the services read it."""
        found: dict[str, Any] = {"components": [part for part, _field in self._parts()]}
        if self.cleaned_data["co2"]:
            found["co2"] = {"grams_per_kwh": self._said("co2")}
        return found

    def _parts(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the components, each with the field that it comes from."""
        taxed = [self._energy()]
        yield taxed[0], "price"
        if self.cleaned_data["fee"]:
            taxed.append({"kind": "fixed", "name": gettext("Fee"), "price": self._said("fee"),
                          "per": "month"})  # fmt: skip
            yield taxed[-1], "fee"
        if self.cleaned_data["power"]:
            taxed.append({"kind": "demand", "name": gettext("Power"),
                          "price": self._said("power"), "per": "month"})  # fmt: skip
            yield taxed[-1], "power"
        if self.cleaned_data["tax"]:
            yield {"kind": "percent", "name": gettext("Tax"), "percent": self._said("tax"),
                   "on": [part["name"] for part in taxed]}, "tax"  # fmt: skip
        if self.cleaned_data["feed_in"]:
            yield {"kind": "flat", "name": gettext("Fed in"), "price": self._said("feed_in"),
                   "flow": "export"}, "feed_in"  # fmt: skip

    def _energy(self) -> dict[str, Any]:
        name, price = gettext("Energy"), self._said("price")
        if given := self.given_hours:
            bands = [form.band() for form in given]
            usual = gettext("other hours")
            return {
                "kind": "time_of_use", "name": name, "default": usual,
                "bands": [*bands, {"name": usual, "price": price}],
                "rules": [form.rule() for form in given],
            }  # fmt: skip
        if self.cleaned_data["limit"]:
            tiers = [{"up_to": self._said("limit"), "price": price}, {"price": self._said("above")}]
            return {"kind": "tiers", "name": name, "per": "month", "tiers": tiers}
        return {"kind": "flat", "name": name, "price": price}

    @property
    def given_hours(self) -> list[HoursForm]:
        """Return the hours that were filled in."""
        return [form for form in self.hours if form.is_given]

    def _said(self, name: str) -> str:
        return _plain(self.cleaned_data[name])

    def refuse(self, code: str, field: str, text: str) -> None:
        """Say what is wrong where it was entered."""
        form, name = self._owner(field)
        if code == "bad_number":
            text = gettext("Write a number with at most six digits after the point.")
        elif code == "bad_time":
            text = gettext("Write a time on a quarter hour, such as 06:15.")
        elif code == "duplicate_band":
            text = gettext("These hours need a name of their own.")
        elif code == "tiers_not_ascending":
            text = gettext("Give a limit above zero.")
        elif code == "empty_slot":
            text = gettext("For the whole day write from 00:00 to 00:00.")
        form.add_error(name if name in form.fields else None, text)

    def _owner(self, field: str) -> Owner:
        if field.startswith("definition.co2"):
            return self, "co2"
        found = _PLACE.match(field)
        if found is None:
            return self, field
        part, kind, at, member = found.groups()
        name = [name for _part, name in self._parts()][int(part)]
        given = self.given_hours
        if kind == "bands":
            return self._owner_of_band(int(at), member or "price")
        if kind == "rules":
            return given[int(at)], "end" if member == "to" else "start"
        if kind == "tiers":
            return self, "limit" if member == "up_to" else ("price", "above")[min(int(at), 1)]
        return self, name

    def _owner_of_band(self, at: int, member: str) -> Owner:
        """The last band is that of the other hours; its name is wrong where hours have it too."""
        given = self.given_hours
        if at < len(given):
            return given[at], member
        if member == "price":
            return self, "price"
        usual = gettext("other hours")
        return next(hours for hours in given if hours.cleaned_data["name"] == usual), member


def _plain(text: str) -> str:
    return text.strip().replace(",", ".")


def _write(clock: dt.time) -> str:
    return f"{clock:%H:%M}"
