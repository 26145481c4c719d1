"""Forms about firmware and campaigns."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.firmware.keys import SIGNATURE_BYTES, encode
from devices.firmware.manifest import MAX_BYTES
from devices.models import CampaignKind, DeviceProfile, FirmwareRelease, Site, Zone
from devices.services.firmware import Upload

MAX_WAVES = 19
PAUSES = (
    ("0", gettext_lazy("None")),
    ("900", gettext_lazy("15 minutes")),
    ("3600", gettext_lazy("1 hour")),
    ("86400", gettext_lazy("1 day")),
    ("604800", gettext_lazy("1 week")),
)


class UploadForm(forms.Form):
    """The manifest and its signature as the vendor delivers them, and the image."""

    manifest = forms.FileField(
        label=gettext_lazy("Manifest"),
        help_text=gettext_lazy("The JSON file that the vendor has signed."),
    )
    signature = forms.FileField(
        label=gettext_lazy("Signature"),
        help_text=gettext_lazy("Ed25519 over the manifest: 64 bytes, or the same in base64."),
    )
    image = forms.FileField(
        label=gettext_lazy("Image"), help_text=gettext_lazy("At most 5 MB over the web.")
    )
    notes = forms.CharField(
        label=gettext_lazy("What is new"), max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    allows_downgrade = forms.BooleanField(
        label=gettext_lazy("Take it although there is newer firmware"), required=False
    )

    def clean_manifest(self) -> Any:
        """Refuse what is larger than any manifest."""
        given = self.cleaned_data["manifest"]
        if given.size > MAX_BYTES:
            raise forms.ValidationError(_("A manifest has at most 8 kB."))
        return given

    def upload(self) -> Upload:
        """Return what was sent."""
        data = self.cleaned_data
        return Upload(
            manifest=data["manifest"].read(),
            signature=_signature_text(data["signature"].read(200)),
            image=data["image"],
            notes=data["notes"],
            allows_downgrade=data["allows_downgrade"],
        )


class VendorKeyForm(forms.Form):
    """A key whose signatures shall count."""

    name = forms.CharField(label=gettext_lazy("Vendor"), max_length=100)
    public_key = forms.CharField(
        label=gettext_lazy("Public key"), max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "input code"}),
        help_text=gettext_lazy("Ed25519, in base64 or PEM."),
    )  # fmt: skip


class CampaignForm(forms.Form):
    """What goes to which devices, in which waves."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    release = forms.ModelChoiceField(
        FirmwareRelease.objects.none(), label=gettext_lazy("Firmware"), empty_label=None
    )
    profile = forms.ModelChoiceField(
        DeviceProfile.objects.none(), label=gettext_lazy("Type of device"), to_field_name="key"
    )
    config = forms.JSONField(
        label=gettext_lazy("Settings"),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "input code"}),
        help_text=gettext_lazy('As JSON, such as {"report_interval_s": 30}.'),
    )
    site = forms.ModelChoiceField(
        Site.objects.none(), label=gettext_lazy("Site"), required=False,
        empty_label=gettext_lazy("All sites"),
    )  # fmt: skip
    zone = forms.ModelChoiceField(
        Zone.objects.none(), label=gettext_lazy("Zone"), required=False,
        empty_label=gettext_lazy("All zones"),
    )  # fmt: skip
    version = forms.CharField(
        label=gettext_lazy("Only version"), max_length=50, required=False,
        help_text=gettext_lazy("Only devices that run exactly this version."),
    )  # fmt: skip
    canary = forms.CharField(
        label=gettext_lazy("First devices"), max_length=7, initial="2",
        help_text=gettext_lazy("A number, or a share such as 5%. Two failures among them stop it."),
    )  # fmt: skip
    waves = forms.CharField(
        label=gettext_lazy("Waves"), max_length=120, required=False, initial="10%, 30%",
        help_text=gettext_lazy("Sizes with commas; the last wave gets who is left."),
    )  # fmt: skip
    pause_s = forms.TypedChoiceField(
        label=gettext_lazy("Pause after each wave"), choices=PAUSES, coerce=int, initial="3600"
    )
    halt_percent = forms.IntegerField(
        label=gettext_lazy("Stop at failures (%)"), min_value=1, max_value=100, initial=10
    )
    max_tries = forms.IntegerField(
        label=gettext_lazy("Tries per device"), min_value=1, max_value=10, initial=3
    )
    allows_downgrade = forms.BooleanField(
        label=gettext_lazy("Also where newer or unknown firmware runs"), required=False
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        left_out = ("profile", "config") if kind == CampaignKind.FIRMWARE else _FIRMWARE_ONLY
        for name in left_out:
            del self.fields[name]
        fields: dict[str, Any] = self.fields
        fields["site"].queryset = Site.objects.order_by("name")
        fields["zone"].queryset = Zone.objects.select_related("site").order_by("name")
        if kind == CampaignKind.FIRMWARE:
            rows = FirmwareRelease.objects.select_related("profile").filter(withdrawn_at=None)
            fields["release"].queryset = rows.order_by("profile__name", "-created_at")
            fields["release"].label_from_instance = _release_label
        else:
            fields["profile"].queryset = DeviceProfile.objects.order_by("name")

    def clean_waves(self) -> list[str]:
        """Split at commas."""
        sizes = [part.strip() for part in self.cleaned_data["waves"].split(",") if part.strip()]
        if len(sizes) > MAX_WAVES:
            raise forms.ValidationError(_("At most 20 waves."))
        return sizes

    def asked(self) -> dict[str, Any]:
        """Return the same members as a request of the API."""
        data = self.cleaned_data
        ids = {
            name: data[name].id if data.get(name) else None for name in ("release", "site", "zone")
        }
        profile = data.get("profile")
        return {
            **data, **ids, "kind": self.kind, "profile": profile.key if profile else "",
            "allows_downgrade": data.get("allows_downgrade", False),
        }  # fmt: skip


class ReasonForm(forms.Form):
    """Why a campaign is paused, resumed or cancelled."""

    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500)


_FIRMWARE_ONLY = ("release", "allows_downgrade")


def _release_label(release: FirmwareRelease) -> str:
    return f"{release.profile} · {release.version}"


def _signature_text(raw: bytes) -> str:
    """Vendors deliver the 64 bytes (openssl) or base64."""
    if len(raw) == SIGNATURE_BYTES:
        return encode(raw)
    return raw.decode("ascii", "replace").strip()
