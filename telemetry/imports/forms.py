"""Forms about imports: the file, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.models import Device, Kind
from telemetry.imports.plan import Plan

_INPUT = {"class": "input", "autocomplete": "off"}
MAX_WHOLE = 4 * 1024 * 1024
_TIMES = (
    ("", gettext_lazy("Please choose")),
    ("iso", gettext_lazy("2026-12-31 23:59 (ISO)")),
    ("dmy", gettext_lazy("31/12/2026: day, month, year")),
    ("mdy", gettext_lazy("12/31/2026: month, day, year")),
    ("ymd", gettext_lazy("2026/12/31: year, month, day")),
    ("epoch", gettext_lazy("Seconds or milliseconds since 1970")),
    ("time_of_day", gettext_lazy("Time of day only")),
    ("native", gettext_lazy("Dates of the spreadsheet")),
)
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1254", "iso-8859-9", "cp1251")
_DELIMITERS = (
    (",", gettext_lazy("Comma")),
    (";", gettext_lazy("Semicolon")),
    ("\t", gettext_lazy("Tab")),
    ("|", "|"),
)


def _device_and_site(device: Device) -> str:
    return f"{device.name} · {device.site.name}"


class UploadForm(forms.Form):
    """A file for a device; larger ones are sent in parts by the page's script."""

    device = forms.ModelChoiceField(
        label=gettext_lazy("Device"), queryset=Device.objects.none(),
        help_text=gettext_lazy("Its values go to channels of this device."),
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "CSV, XLSX or Green Button XML, also packed as .gz. At most 100 MB; without "
            "JavaScript 4 MB."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["device"]
        field.queryset = Device.objects.select_related("site").order_by("name", "site__name", "id")
        field.label_from_instance = _device_and_site  # many sites have a "Grid connection"

    def clean_file(self) -> Any:
        """Refuse what has to be sent in parts."""
        given = self.cleaned_data["file"]
        if given.size > MAX_WHOLE:
            raise forms.ValidationError(_("Without JavaScript a file has at most 4 MB."))
        return given


class PlanForm(forms.Form):
    """How a file is read; a row of fields for each of its columns."""

    time_format = forms.ChoiceField(
        label=gettext_lazy("Times look like"), choices=_TIMES, required=False
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone of times without offset"), max_length=64,
        help_text=gettext_lazy("Such as Europe/Istanbul, or a fixed offset such as UTC-08:00."),
    )  # fmt: skip
    stamp = forms.ChoiceField(
        label=gettext_lazy("A time is"),
        choices=(
            ("start", gettext_lazy("the start of its interval")),
            ("end", gettext_lazy("the end of its interval")),
        ),
    )
    interval_seconds = forms.IntegerField(
        label=gettext_lazy("Interval (seconds)"), min_value=0, max_value=31_622_400
    )
    date = forms.DateField(
        label=gettext_lazy("Day of the times"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Only for files whose times have no date."),
    )  # fmt: skip
    decimal = forms.ChoiceField(
        label=gettext_lazy("Decimal sign"),
        choices=((".", gettext_lazy("Point")), (",", gettext_lazy("Comma"))),
    )
    sentinels = forms.CharField(
        label=gettext_lazy("Numbers that mean “no value”"), required=False, max_length=200,
        help_text=gettext_lazy("Such as -999 32767, with blanks between."),
    )  # fmt: skip
    delimiter = forms.ChoiceField(label=gettext_lazy("Separator"), choices=_DELIMITERS)
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"), choices=[(name, name) for name in _ENCODINGS]
    )
    skip_rows = forms.IntegerField(
        label=gettext_lazy("Rows before the data"), min_value=0, max_value=1000
    )

    _OF_TABLES = ("decimal", "sentinels", "date", "time_format", "zone", "skip_rows")
    _OF_CSV = ("delimiter", "encoding")

    def __init__(self, *args: Any, plan: Plan, headers: list[str], **kwargs: Any) -> None:
        kwargs["initial"] = _initial(plan)
        super().__init__(*args, **kwargs)
        self.plan, self.headers = plan, headers
        if plan.format == "espi":
            for name in (*self._OF_TABLES, "stamp", "interval_seconds"):
                del self.fields[name]
        if plan.format != "csv":
            for name in self._OF_CSV:
                del self.fields[name]
        elif "%" in plan.time_format:
            choices: Any = self.fields["time_format"]
            choices.choices = [*_TIMES, (plan.time_format, plan.time_format)]
        by_index = {column.index: column for column in plan.columns}
        for index in range(len(headers)):
            if index in plan.time_columns and plan.format != "espi":
                continue
            column = by_index.get(index)
            self._add_column(index, column)

    def _add_column(self, index: int, column: Any) -> None:
        name = self.headers[index]
        labels = {"header": name}
        self.fields[f"channel_{index}"] = forms.CharField(
            label=_("Channel of %(header)s") % labels, required=False, max_length=64,
            initial=column.channel if column else "",
            widget=forms.TextInput(attrs=_INPUT | {"list": "channels"}),
        )  # fmt: skip
        self.fields[f"unit_{index}"] = forms.CharField(
            label=_("Unit of %(header)s") % labels, required=False, max_length=20,
            initial=column.unit if column else "",
            widget=forms.TextInput(attrs=_INPUT | {"list": "units"}),
        )  # fmt: skip
        self.fields[f"kind_{index}"] = forms.ChoiceField(
            label=_("Kind of %(header)s") % labels, choices=Kind.choices,
            initial=column.kind if column else Kind.GAUGE,
            widget=forms.Select(attrs=_INPUT),
        )  # fmt: skip
        self.fields[f"scale_{index}"] = forms.FloatField(
            label=_("Factor of %(header)s") % labels, initial=column.scale if column else 1.0,
            widget=forms.NumberInput(attrs=_INPUT | {"step": "any"}),
        )  # fmt: skip

    def settings(self) -> list[Any]:
        """Return the fields that are about the whole file."""
        return [field for field in self if not field.name.rpartition("_")[2].isdigit()]

    def columns(self) -> Iterator[tuple[str, Any, Any, Any, Any]]:
        """Yield header and fields of each column."""
        for index, header in enumerate(self.headers):
            if f"channel_{index}" in self.fields:
                yield (
                    header,
                    self[f"channel_{index}"],
                    self[f"unit_{index}"],
                    self[f"kind_{index}"],
                    self[f"scale_{index}"],
                )

    def clean_sentinels(self) -> tuple[float, ...]:
        """Read numbers with blanks between."""
        try:
            return tuple(float(text) for text in self.cleaned_data["sentinels"].split())
        except ValueError:
            raise forms.ValidationError(_("These are not all numbers.")) from None

    def changes(self) -> dict[str, Any]:
        """Return the settings for `change_plan`."""
        data = dict(self.cleaned_data)
        found: dict[str, Any] = {
            name: data[name]
            for name in (
                *("time_format", "zone", "stamp", "interval_seconds", "decimal", "delimiter"),
                *("encoding", "skip_rows"),
            )
            if name in data
        }
        if "sentinels" in data:
            found["sentinels"] = list(data["sentinels"])
        if "date" in data:
            found["date"] = data["date"].isoformat() if data["date"] else ""
        found["columns"] = [
            {
                "index": index, "channel": data[f"channel_{index}"].strip(),
                "unit": data[f"unit_{index}"].strip(), "kind": data[f"kind_{index}"],
                "scale": data[f"scale_{index}"], "header": header,
            }
            for index, header in enumerate(self.headers)
            if data.get(f"channel_{index}", "").strip()
        ]  # fmt: skip
        return found


def _initial(plan: Plan) -> dict[str, Any]:
    found = plan.as_json()
    found["sentinels"] = " ".join(f"{value:g}" for value in plan.sentinels)
    found.pop("columns")
    return found
