"""Forms of demand guards and of their loads."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.models import DemandGuard, SheddableLoad
from devices.command_schema import Effect
from devices.labels import name_channel
from devices.models import Channel, Device, Kind
from devices.services.command_wire import specs_of
from devices.shipped_words import shipped_word
from metering.models import Commodity, Quantity, Register

MAX_CHOICES = 500
_SELECT = {"class": "select"}


def _number(label: Any, **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, localize=False, max_digits=12,
        widget=forms.NumberInput(attrs={"class": "input", "step": "any"}), **options,
    )  # fmt: skip


def _seconds(label: Any, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, widget=forms.NumberInput(attrs={"class": "input"}), **options
    )


class _Params(forms.JSONField):
    """Parameters of a command; blank for none."""

    def prepare_value(self, value: Any) -> Any:
        """Return what stands in the field."""
        return super().prepare_value(value) if value else ""


class GuardForm(forms.Form):
    """What a guard watches, and how."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100,
        widget=forms.TextInput(attrs={"class": "input"}),
    )  # fmt: skip
    source = forms.ChoiceField(
        label=gettext_lazy("What is measured"), widget=forms.Select(attrs=_SELECT),
        help_text=gettext_lazy("The import of a meter, or a power."),
    )  # fmt: skip
    limit_kw = _number(gettext_lazy("Limit (kW)"), min_value=0, decimal_places=3)
    margin_kw = _number(
        gettext_lazy("Margin (kW)"), min_value=0, decimal_places=3, required=False,
        help_text=gettext_lazy("Loads come back only if so much stays free below the limit."),
    )  # fmt: skip
    window_minutes = forms.TypedChoiceField(
        label=gettext_lazy("Window"), coerce=int, choices=DemandGuard.Width,
        initial=DemandGuard.Width.QUARTER, widget=forms.Select(attrs=_SELECT),
    )  # fmt: skip
    warn_minutes = _seconds(
        gettext_lazy("Warn before the end (min)"), min_value=1, max_value=59, initial=8
    )
    peak_price = _number(
        gettext_lazy("Price of a kW of peak"), min_value=0, decimal_places=4, required=False,
        help_text=gettext_lazy("In the currency of the site. Blank: no cost is shown."),
    )  # fmt: skip
    is_enabled = forms.BooleanField(
        label=gettext_lazy("Enabled"), required=False, initial=True
    )  # fmt: skip
    is_shedding = forms.BooleanField(
        label=gettext_lazy("Shed loads by itself, and let them come back"), required=False
    )

    def __init__(self, *args: Any, guard: DemandGuard | None = None, **kwargs: Any) -> None:
        if guard is not None:
            kwargs["initial"] = {name: getattr(guard, name) for name in self.base_fields
                                 if name != "source"}  # fmt: skip
            kwargs["initial"]["source"] = (
                f"channel:{guard.channel_id}"
                if guard.channel_id
                else f"register:{guard.register_id}"
            )
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["source"]
        choices.choices = [("", "–"), *_sources(guard)]

    def values(self) -> dict[str, Any]:
        """Return the fields of the guard."""
        found = {key: value for key, value in self.cleaned_data.items() if key != "source"}
        found["margin_kw"] = found["margin_kw"] or 0
        return found

    def source_rows(self) -> dict[str, Any]:
        """Return the register or the channel that was chosen."""
        kind, _colon, id_ = self.cleaned_data["source"].partition(":")
        if kind == "channel":
            return {"channel": Channel.objects.select_related("device__site").get(id=int(id_))}
        return {"register": Register.objects.select_related("meter__site").get(id=int(id_))}


class LoadForm(forms.Form):
    """A load, and the commands that switch it."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100,
        widget=forms.TextInput(attrs={"class": "input"}),
    )  # fmt: skip
    number = _seconds(
        gettext_lazy("Order"), min_value=0, max_value=1000, initial=1,
        help_text=gettext_lazy("The lowest number is shed first and comes back last."),
    )  # fmt: skip
    rated_kw = _number(
        gettext_lazy("Power (kW)"), min_value=0, decimal_places=3,
        help_text=gettext_lazy("What is saved while it is shed."),
    )  # fmt: skip
    shed = forms.ChoiceField(
        label=gettext_lazy("Command to shed it"), widget=forms.Select(attrs=_SELECT)
    )
    shed_params = _Params(
        label=gettext_lazy("Its parameters"), required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "input"}),
        help_text=gettext_lazy('As JSON, such as {"percent": 40}. Blank: none.'),
    )  # fmt: skip
    restore = forms.ChoiceField(
        label=gettext_lazy("Command to let it come back"), widget=forms.Select(attrs=_SELECT),
        help_text=gettext_lazy("Of the same device."),
    )  # fmt: skip
    restore_params = _Params(
        label=gettext_lazy("Parameters of it"), required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "input"}),
    )  # fmt: skip
    min_off_seconds = _seconds(
        gettext_lazy("Off for at least (s)"), min_value=0, max_value=86_400, initial=120
    )
    max_off_seconds = _seconds(
        gettext_lazy("Off for at most (s)"), min_value=30, max_value=86_400, initial=900,
        help_text=gettext_lazy("Then it comes back, whatever the demand."),
    )  # fmt: skip

    def __init__(
        self, *args: Any, guard: DemandGuard, load: SheddableLoad | None = None, **kwargs: Any
    ) -> None:
        if load is not None:
            plain = ("name", "number", "rated_kw", "min_off_seconds", "max_off_seconds")
            kwargs["initial"] = {name: getattr(load, name) for name in plain} | {
                which: f"{load.device_id}:{getattr(load, which + '_command')}"
                for which in ("shed", "restore")
            } | {
                f"{which}_params": getattr(load, f"{which}_params") or None
                for which in ("shed", "restore")
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        self._devices = _devices(guard)
        offered = _commands(self._devices.values())
        for which in ("shed", "restore"):
            field: Any = self.fields[which]
            field.choices = [("", "–"), *offered]

    def clean(self) -> dict[str, Any]:
        """Compare the two commands."""
        given = super().clean() or self.cleaned_data
        shed, restore = given.get("shed", ""), given.get("restore", "")
        if shed and restore and shed.partition(":")[0] != restore.partition(":")[0]:
            self.add_error("restore", _("Choose a command of the same device."))
        for which in ("shed_params", "restore_params"):
            if given.get(which) is not None and not isinstance(given[which], dict):
                self.add_error(which, _("Write an object, such as {}."))
        return given

    def values(self) -> dict[str, Any]:
        """Return the fields of the load."""
        given = dict(self.cleaned_data)
        device, _colon, shed = given.pop("shed").partition(":")
        restore = given.pop("restore").partition(":")[2]
        return given | {
            "device": self._devices[uuid.UUID(device)], "shed_command": shed,
            "restore_command": restore, "shed_params": given["shed_params"] or {},
            "restore_params": given["restore_params"] or {},
        }  # fmt: skip


def _sources(guard: DemandGuard | None) -> list[tuple[str | Promise, list[tuple[str, str]]]]:
    registers = Register.objects.filter(
        quantity=Quantity.IMPORT, meter__commodity=Commodity.ELECTRICITY, meter__is_virtual=False
    )
    channels = Channel.objects.filter(unit="kW", kind=Kind.GAUGE)
    if guard is not None:  # a guard stays at its site
        registers = registers.filter(meter__site_id=guard.site_id)
        channels = channels.filter(device__site_id=guard.site_id)
    meters = registers.select_related("meter__site").order_by("meter__site__name", "meter__name")
    powers = channels.select_related("device__site").order_by(
        "device__site__name", "device__name", "name"
    )
    return [
        (_("Meters"), [
            (f"register:{row.id}", f"{row.meter.name} · {row.meter.site}")
            for row in meters[:MAX_CHOICES]
        ]),
        (_("Powers"), [
            (f"channel:{row.id}",
             f"{row.device.name} · {name_channel(row.name, row.label).label} · {row.device.site}")
            for row in powers[:MAX_CHOICES]
        ]),
    ]  # fmt: skip


def _devices(guard: DemandGuard) -> dict[uuid.UUID, Device]:
    rows = Device.objects.filter(site_id=guard.site_id).exclude(profile__commands=[])
    found = rows.select_related("profile", "zone").order_by("name", "id")[:MAX_CHOICES]
    return {device.id: device for device in found}


def _commands(devices: Iterable[Device]) -> list[tuple[str, list[tuple[str, str]]]]:
    useless = (Effect.READ, Effect.NONE)
    return [
        (
            device.name,
            [
                (f"{device.id}:{name}", f"{device.name}: {shipped_word(spec.label)}")
                for name, spec in specs_of(device).items()
                if spec.effect not in useless
            ],
        )
        for device in devices
    ]
