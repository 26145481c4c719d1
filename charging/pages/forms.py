"""Forms of tags, prices and charge points."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from alarms.services.people import members
from charging.models import ChargePoint, ChargingPrice, IdTag
from devices.models import Site

_TEXT = {"class": "input"}
_MOMENT = "%Y-%m-%dT%H:%M"


def _amount(label: Any, decimals: int, **options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"class": "input", "step": "any", "min": "0"})
    return forms.DecimalField(
        label=label, min_value=0, max_digits=12, decimal_places=decimals, widget=widget, **options
    )


def _whole(label: Any, low: int, high: int, **options: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "input"})
    return forms.IntegerField(label=label, min_value=low, max_value=high, widget=widget, **options)


def _moment(label: Any, **options: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "class": "input"}, format=_MOMENT)
    return forms.DateTimeField(
        label=label, required=False, input_formats=[_MOMENT], widget=widget, **options
    )


class TagForm(forms.Form):
    """A card, and for whom, where, when and how much it is good."""

    uid = forms.CharField(
        label=_("Identifier"), max_length=64, widget=forms.TextInput(attrs=_TEXT),
        help_text=_("As the reader shows it, such as 04A2B3C4D5E680."),
    )  # fmt: skip
    label = forms.CharField(
        label=_("Label"), max_length=100, required=False, widget=forms.TextInput(attrs=_TEXT)
    )
    user = forms.ModelChoiceField(
        label=_("Person"), queryset=User.objects.none(), required=False,
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    site = forms.ModelChoiceField(
        label=_("Site"), queryset=Site.objects.none(), required=False, empty_label=_("all sites"),
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    group = forms.CharField(
        label=_("Group"), max_length=64, required=False, widget=forms.TextInput(attrs=_TEXT),
        help_text=_("Tags of one group may end each other's sessions."),
    )  # fmt: skip
    valid_from = _moment(_("Valid from"))
    valid_until = _moment(_("Valid until"))
    max_active = _whole(_("Sessions at once"), 1, 100, initial=1)
    kwh_quota = forms.DecimalField(
        label=_("kWh a month"), required=False, min_value=0, max_digits=10, decimal_places=3,
        widget=forms.NumberInput(attrs={"class": "input", "step": "any", "min": "0"}),
        help_text=_("Blank: as much as is wanted."),
    )  # fmt: skip
    is_blocked = forms.BooleanField(label=_("Blocked"), required=False)

    def __init__(
        self, *args: Any, tenant_id: uuid.UUID, tag: IdTag | None = None, **kwargs: Any
    ) -> None:
        if tag is not None:
            kwargs["initial"] = {name: getattr(tag, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
        people: Any = self.fields["user"]
        people.queryset = members(tenant_id).order_by("name", "email", "id")
        site: Any = self.fields["site"]
        site.queryset = Site.objects.order_by("name", "id")


class PriceForm(forms.Form):
    """What charging costs; amounts include VAT."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs=_TEXT))
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$", label=_("Currency"), widget=forms.TextInput(attrs=_TEXT),
        help_text=_("Three letters, such as TRY or EUR."),
    )  # fmt: skip
    energy_price = _amount(_("Price of a kWh"), 5)
    session_fee = _amount(_("Fee of a session"), 4, initial=0)
    idle_fee = _amount(
        _("Fee of an idle minute"), 4, initial=0,
        help_text=_("For a vehicle that stays connected without charging."),
    )  # fmt: skip
    idle_grace_minutes = _whole(_("Idle minutes for free"), 0, 100_000, initial=15)
    vat_percent = forms.DecimalField(
        label=_("VAT included (%)"), min_value=0, max_value=100, max_digits=5, decimal_places=2,
        initial=0, widget=forms.NumberInput(attrs={"class": "input", "step": "any", "min": "0"}),
    )  # fmt: skip

    def __init__(self, *args: Any, price: ChargingPrice | None = None, **kwargs: Any) -> None:
        if price is not None:
            kwargs["initial"] = {name: getattr(price, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)


class PointForm(forms.Form):
    """The rules of a charge point."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs=_TEXT))
    max_current_a = _whole(
        _("Largest current (A)"), 6, 80,
        help_text=_("What its cable and fuse bear; nobody can set more."),
    )  # fmt: skip
    access = forms.ChoiceField(
        label=_("Who may charge"), choices=ChargePoint.Access,
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    price = forms.ModelChoiceField(
        label=_("Price"), queryset=ChargingPrice.objects.none(), required=False,
        widget=forms.Select(attrs={"class": "select"}),
        help_text=_("Holds for sessions that begin from now on. Blank: sessions have no cost."),
    )  # fmt: skip
    connection_timeout_s = _whole(_("Permission waits for a vehicle (s)"), 10, 3600)

    def __init__(self, *args: Any, point: ChargePoint, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(point, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
        price: Any = self.fields["price"]
        price.queryset = ChargingPrice.objects.order_by("name", "id")
