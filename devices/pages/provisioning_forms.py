"""What installers fill in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.claim_codes import parse_scanned
from devices.fleet_csv import MAX_BYTES
from devices.models import DeviceProfile, Site, Zone

_PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class CodeForm(forms.Form):
    """The box and its code; the first field also takes the whole text of a QR code."""

    hardware_id = forms.CharField(
        label=gettext_lazy("Number of the box"),
        max_length=500,
        help_text=gettext_lazy("MAC or serial number, or paste the link of the QR code here."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("As the box shows it. It is good for fifteen minutes."),
        widget=forms.TextInput(attrs={**_PLAIN, "class": "input mono"}),
    )

    def __init__(self, *args: Any, needs_code: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._needs_code = needs_code
        if not needs_code:
            del self.fields["code"]

    def clean(self) -> dict[str, Any]:
        """Take the link of a QR code apart."""
        cleaned = super().clean() or {}
        scanned = parse_scanned(cleaned.get("hardware_id", ""))
        if self._needs_code and scanned is not None and not cleaned.get("code"):
            cleaned |= {"hardware_id": scanned.hardware_id, "code": scanned.code}
        if self._needs_code and not cleaned.get("code") and not self.errors:
            self.add_error("code", _("Type the code that the box shows."))
        if len(cleaned.get("hardware_id", "")) > 64:
            self.add_error("hardware_id", _("This is no number of a box."))
        return cleaned


class PlaceForm(forms.Form):
    """Where something stands, what it is called, what it is."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    site = forms.ModelChoiceField(Site.objects.none(), label=gettext_lazy("Site"), empty_label="–")
    zone = forms.ModelChoiceField(
        Zone.objects.none(), label=gettext_lazy("Zone"), required=False, empty_label="–"
    )
    profile = forms.ModelChoiceField(
        DeviceProfile.objects.none(),
        label=gettext_lazy("Type of device"),
        to_field_name="key",
        empty_label="–",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["site"].queryset = Site.objects.select_related("tenant").order_by("name", "id")
        zones = Zone.objects.select_related("site").order_by("site__name", "name", "id")
        fields["zone"].queryset = zones
        fields["zone"].label_from_instance = lambda zone: f"{zone.site.name}: {zone.name}"
        fields["profile"].queryset = DeviceProfile.objects.order_by("name", "key")
        sites = list(fields["site"].queryset[:2])
        if len(sites) == 1:
            fields["site"].initial = sites[0]

    def clean_zone(self) -> Zone | None:
        """Refuse a zone of another site."""
        zone: Zone | None = self.cleaned_data["zone"]
        site = self.cleaned_data.get("site")
        if zone is not None and site is not None and zone.site_id != site.id:
            raise ValidationError(_("This zone belongs to another site."))
        return zone


class ClaimForm(PlaceForm):
    """A box that was found, with its code, and what it becomes."""

    hardware_id = forms.CharField(max_length=64, widget=forms.HiddenInput)
    code = forms.CharField(max_length=200, widget=forms.HiddenInput)


class RegisterForm(PlaceForm):
    """A device that the platform shall know before it is switched on."""

    hardware_id = forms.CharField(
        label=gettext_lazy("Number of the device"),
        max_length=64,
        help_text=gettext_lazy("MAC or serial number, as it stands on its label."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    field_order = ["hardware_id", "name", "site", "zone", "profile"]


class NodeForm(forms.Form):
    """A node that a gateway heard."""

    hardware_id = forms.CharField(
        label=gettext_lazy("Number of the node"),
        max_length=64,
        widget=forms.TextInput(attrs=_PLAIN),
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    zone = forms.ModelChoiceField(
        Zone.objects.none(), label=gettext_lazy("Zone"), required=False, empty_label="–"
    )
    profile = forms.ModelChoiceField(
        DeviceProfile.objects.none(),
        label=gettext_lazy("Type of device"),
        to_field_name="key",
        empty_label="–",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        zones = Zone.objects.exclude(uid="").select_related("site")
        fields["zone"].queryset = zones.order_by("site__name", "name", "id")
        fields["zone"].label_from_instance = lambda zone: f"{zone.site.name}: {zone.name}"
        fields["profile"].queryset = DeviceProfile.objects.order_by("name", "key")


class AcceptForm(forms.Form):
    """Another organisation's offer."""

    code = forms.CharField(
        label=gettext_lazy("Code of the offer"),
        max_length=200,
        widget=forms.TextInput(attrs={**_PLAIN, "class": "input mono"}),
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    site = forms.ModelChoiceField(Site.objects.none(), label=gettext_lazy("Site"), empty_label="–")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["site"].queryset = Site.objects.select_related("tenant").order_by("name", "id")


class FleetForm(forms.Form):
    """A table of devices."""

    table = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("Columns as in the export; UTF-8; at most 1,000 rows."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv", "class": "input"}),
    )

    def clean_table(self) -> Any:
        """Refuse a file that is too large before it is read."""
        table = self.cleaned_data["table"]
        if table.size > MAX_BYTES:
            raise ValidationError(_("The file is too large."))
        return table
