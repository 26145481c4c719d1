"""Forms of meters."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.labels import name_channel
from devices.models import Channel
from energy.lib.units import symbol
from metering.models import Commodity, Meter, Quantity, Register, Role
from metering.services.meters import Hardware, MeterRefused, Source, Wanted

LOCAL = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
FIRST_DAY = dt.date(1990, 1, 1)
_RATIO: dict[str, Any] = {"max_digits": 10, "decimal_places": 4, "min_value": Decimal("0.0001")}


def register_field(label: Any, **options: Any) -> forms.DecimalField:
    """Return a field of what a display shows."""
    return forms.DecimalField(
        label=label, max_digits=20, decimal_places=6, required=False, **options
    )


class HardwareForm(forms.Form):
    """What hangs on the wall."""

    serial = forms.CharField(label=_("Serial number"), max_length=64, required=False)
    ct_ratio = forms.DecimalField(
        label=_("Current transformer ratio"),
        initial=1,
        help_text=_("80 of 400/5 A; 1 where the device already counts with it."),
        **_RATIO,
    )
    vt_ratio = forms.DecimalField(label=_("Voltage transformer ratio"), initial=1, **_RATIO)
    multiplier = forms.DecimalField(
        label=_("Multiplier"),
        initial=1,
        max_digits=14,
        decimal_places=8,
        min_value=Decimal("0.00000001"),
        help_text=_("Such as 0.01 m³ per pulse."),
    )
    digits = forms.IntegerField(
        label=_("Digits before the point"),
        min_value=3,
        max_value=12,
        required=False,
        help_text=_("Where the register starts again from zero: 6 at 999999. Blank: unknown."),
    )

    def hardware(self) -> Hardware:
        """Return what was entered."""
        names = ("serial", "ct_ratio", "vt_ratio", "multiplier", "digits")
        return Hardware(**{name: self.cleaned_data[name] for name in names})


class NewMeterForm(HardwareForm):
    """A meter of a device."""

    name = forms.CharField(label=_("Name"), max_length=100)
    commodity = forms.ChoiceField(label=_("Commodity"), choices=Commodity.choices)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    parent = forms.ChoiceField(
        label=_("Submeter of"), required=False, help_text=_("Blank: a meter of the site itself.")
    )
    main = forms.ChoiceField(label=_("Import is counted by"))
    initial_import = register_field(
        _("Import register when it was installed"), help_text=_("Blank: the first reading.")
    )
    export = forms.ChoiceField(label=_("Export is counted by"), required=False)
    initial_export = register_field(
        _("Export register when it was installed"), help_text=_("Blank: the first reading.")
    )
    most_per_hour = forms.DecimalField(
        label=_("Most in an hour"),
        max_digits=12,
        decimal_places=3,
        min_value=Decimal("0.001"),
        required=False,
        help_text=_("What the connection allows, such as 17.25 kWh of 3 × 25 A."),
    )
    field_order = (
        "name", "commodity", "role", "parent", "main", "initial_import", "export",
        "initial_export", "most_per_hour",
    )  # fmt: skip

    def __init__(
        self, data: Any, *, channels: Sequence[Channel], meters: Sequence[Meter], **options: Any
    ) -> None:
        super().__init__(data, **options)
        named = choices_of(channels)
        self.fields["main"].choices = named  # type: ignore[attr-defined]
        self.fields["export"].choices = [("", "–"), *named]  # type: ignore[attr-defined]
        above = [(str(meter.id), meter.name) for meter in meters]
        self.fields["parent"].choices = [("", "–"), *above]  # type: ignore[attr-defined]

    def wanted(self) -> Wanted:
        """Return what the meter shall be."""
        said = self.cleaned_data
        return Wanted(
            name=said["name"],
            commodity=said["commodity"],
            role=said["role"],
            parent=uuid.UUID(said["parent"]) if said["parent"] else None,
            most_per_hour=said["most_per_hour"],
        )

    def sources(self) -> dict[str, Source]:
        """Return what feeds it."""
        said = self.cleaned_data
        found = {Quantity.IMPORT.value: Source(uuid.UUID(said["main"]), said["initial_import"])}
        if said["export"]:
            export = Source(uuid.UUID(said["export"]), said["initial_export"])
            found[Quantity.EXPORT.value] = export
        return found


class ReplaceForm(HardwareForm):
    """The hardware was changed; the fields of registers are by what they count."""

    removed_at = forms.DateTimeField(label=_("Old meter removed"), widget=LOCAL)
    installed_at = forms.DateTimeField(
        label=_("New meter in place"),
        widget=LOCAL,
        required=False,
        help_text=_("Blank: at once."),
    )

    def __init__(
        self,
        data: Any,
        *,
        registers: Sequence[Register],
        channels: Sequence[Channel],
        **options: Any,
    ) -> None:
        super().__init__(data, **options)
        self._quantities = [register.quantity for register in registers]
        for register in registers:
            name = register.get_quantity_display()
            key = register.quantity
            self.fields[f"final_{key}"] = register_field(
                _("%(name)s: last register of the old meter") % {"name": name},
                help_text=_("Blank: the last reading."),
            )
            self.fields[f"initial_{key}"] = register_field(
                _("%(name)s: first register of the new meter") % {"name": name},
                help_text=_("Blank: the first reading."),
            )
            self.fields[f"channel_{key}"] = forms.ChoiceField(
                label=_("%(name)s is counted by") % {"name": name}, choices=choices_of(channels)
            )

    def clean(self) -> dict[str, Any]:
        """Compare the two moments."""
        said = super().clean() or self.cleaned_data
        removed, installed = said.get("removed_at"), said.get("installed_at")
        if removed and installed and installed < removed:
            self.add_error("installed_at", _("The old meter was still there."))
        return said

    def finals(self) -> dict[str, Decimal]:
        """Return the last registers that were entered."""
        found = {key: self.cleaned_data[f"final_{key}"] for key in self._quantities}
        return {key: value for key, value in found.items() if value is not None}

    def sources(self) -> dict[str, Source]:
        """Return what feeds the new registers."""
        said = self.cleaned_data
        return {
            key: Source(uuid.UUID(said[f"channel_{key}"]), said[f"initial_{key}"])
            for key in self._quantities
        }


class BookForm(forms.Form):
    """An amount that the meter could not tell."""

    quantity = forms.ChoiceField(label=_("Quantity"))
    start = forms.DateTimeField(label=_("From"), widget=LOCAL)
    end = forms.DateTimeField(label=_("To"), widget=LOCAL)
    amount = forms.DecimalField(
        label=_("Amount"), max_digits=20, decimal_places=6, help_text=_("Negative takes away.")
    )
    reason = forms.CharField(label=_("Reason"), max_length=300)

    def __init__(self, data: Any, *, registers: Sequence[Register], **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["quantity"].choices = [  # type: ignore[attr-defined]
            (register.quantity, register.get_quantity_display()) for register in registers
        ]


class RecalculateForm(forms.Form):
    """Local days that are built again; blank for all of the past."""

    first = forms.DateField(
        label=_("First day"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Blank: from the first reading on."),
    )  # fmt: skip
    last = forms.DateField(
        label=_("Last day"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Blank: until now."),
    )  # fmt: skip

    def __init__(self, data: Any, *, today: dt.date, **options: Any) -> None:
        super().__init__(data, **options)
        self._today = today

    def clean(self) -> dict[str, Any]:
        """Refuse days that make no stretch of the past."""
        said = super().clean() or self.cleaned_data
        first, last = said.get("first"), said.get("last")
        if first and not FIRST_DAY <= first <= self._today:
            self.add_error("first", gettext("The day is not in the past."))
        if last and not FIRST_DAY <= last <= self._today:
            self.add_error("last", gettext("The day is not in the past."))
        elif first and last and last < first:
            self.add_error("last", gettext("The last day is before the first."))
        return said


def refuse(form: forms.Form, error: MeterRefused, names: Mapping[str, str]) -> None:
    """Say it at the field; names: where those of the service stand in the form."""
    name = names.get(error.field, error.field)
    form.add_error(name if name in form.fields else None, str(error))


def choices_of(channels: Sequence[Channel]) -> list[tuple[str, str]]:
    """Name channels with their device and unit."""
    return [(str(channel.uuid), _text(channel)) for channel in channels]


def _text(channel: Channel) -> str:
    label = name_channel(channel.name, channel.label).label
    return f"{channel.device.name}: {label} ({symbol(channel.unit)})"
