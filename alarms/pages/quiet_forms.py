"""Forms of quiet times."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alarms.queries.quiet import alarms_to_shelve
from devices.models import Device, Gateway, Site

MAX_CHOICES = 500
MAX_ALARMS = 100
DEFAULT_HOURS = 2
_LOCAL = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_MODELS: dict[str, Any] = {"site": Site, "gateway": Gateway, "device": Device}
HOURS = (
    (1, gettext_lazy("1 hour")),
    (2, gettext_lazy("2 hours")),
    (4, gettext_lazy("4 hours")),
    (8, gettext_lazy("8 hours")),
    (24, gettext_lazy("1 day")),
    (72, gettext_lazy("3 days")),
    (168, gettext_lazy("1 week")),
)


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(
        attrs={"type": "datetime-local", "class": "input"}, format="%Y-%m-%dT%H:%M"
    )


class WindowForm(forms.Form):
    """A maintenance window; times are those of the clock of its site."""

    name = forms.CharField(
        label=gettext_lazy("What is done"), max_length=200,
        widget=forms.TextInput(attrs={"class": "input"}),
    )  # fmt: skip
    place = forms.ChoiceField(
        label=gettext_lazy("Where"), required=False,
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    start = forms.DateTimeField(
        label=gettext_lazy("From"), required=False, input_formats=_LOCAL, widget=_moment(),
        help_text=gettext_lazy("Blank: now. By the clock of the site."),
    )  # fmt: skip
    hours = forms.TypedChoiceField(
        label=gettext_lazy("Lasts"), choices=HOURS, coerce=int, required=False,
        initial=DEFAULT_HOURS, widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    end = forms.DateTimeField(
        label=gettext_lazy("or until"), required=False, input_formats=_LOCAL, widget=_moment(),
        help_text=gettext_lazy("By the clock of the site; then “Lasts” does not count."),
    )  # fmt: skip

    def __init__(self, *args: Any, place: str, **kwargs: Any) -> None:
        super().__init__(*args, **({"auto_id": "window-%s"} | kwargs))
        choices: Any = self.fields["place"]
        choices.choices = _places(place)
        self.initial["place"] = place

    def window(self, *, now: dt.datetime) -> dict[str, Any]:
        """Return the parts of the window that was entered; times in UTC."""
        given = self.cleaned_data
        kind, _colon, id_ = given["place"].partition(":")
        row = _find(kind, id_)
        zone = _zone_of(row)
        start = _in_zone(given["start"], zone) or now
        end = _in_zone(given["end"], zone) or start + dt.timedelta(
            hours=given["hours"] or DEFAULT_HOURS
        )
        place = {kind: row} if row is not None else {}
        return {"name": given["name"], "start": start, "end": end, **place}


class ShelvingForm(forms.Form):
    """An open alarm of which nobody is to be told for a time."""

    alarm = forms.TypedChoiceField(
        label=gettext_lazy("Alarm"), coerce=uuid.UUID,
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    hours = forms.TypedChoiceField(
        label=gettext_lazy("For"), choices=HOURS, coerce=int, initial=24,
        widget=forms.Select(attrs={"class": "select"}),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, required=False,
        widget=forms.TextInput(attrs={"class": "input"}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"auto_id": "shelving-%s"} | kwargs))
        choices: Any = self.fields["alarm"]
        rows = list(alarms_to_shelve()[:MAX_ALARMS])
        wanted = str(self.initial.get("alarm") or self.data.get("alarm") or "")
        if wanted not in {str(alarm.id) for alarm in rows}:
            rows += alarms_to_shelve().filter(id__in=_ids(wanted))
        choices.choices = [(str(alarm.id), str(alarm)) for alarm in rows]

    @property
    def has_alarms(self) -> bool:
        """Tell whether there is anything to shelve."""
        choices: Any = self.fields["alarm"]
        return bool(choices.choices)

    def until(self, *, now: dt.datetime) -> dt.datetime:
        """Return the end that was chosen."""
        hours: int = self.cleaned_data["hours"]
        return now + dt.timedelta(hours=hours)


def _places(chosen: str) -> list[Any]:
    """Return places by kind; devices only where they are few, and the one that is chosen."""
    sites = [(f"site:{row.id}", row.name) for row in Site.objects.order_by("name", "id")]
    gateways = [
        (f"gateway:{row.id}", f"{row.name} · {row.site.name}")
        for row in Gateway.objects.select_related("site").order_by("name", "id")[:MAX_CHOICES]
    ]
    devices = [
        (f"device:{row.id}", f"{row.name} · {row.site.name}")
        for row in Device.objects.select_related("site").order_by("name", "id")[:MAX_CHOICES]
    ]
    known = {value for value, _label in (*sites, *gateways, *devices)}
    row = _find(*chosen.split(":", 1)) if chosen.count(":") == 1 and chosen not in known else None
    if row is not None:
        devices.insert(0, (chosen, row.name))
    return [
        ("", _("Everywhere")),
        (_("Sites"), sites),
        (_("Gateways"), gateways),
        (_("Devices"), devices),
    ]


def _find(kind: str, id_: str) -> Any:
    model = _MODELS.get(kind)
    return model.objects.filter(id__in=_ids(id_)).first() if model is not None else None


def _ids(text: str) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []


def _zone_of(row: Any) -> dt.tzinfo:
    if row is None:
        return timezone.get_current_timezone()
    return ZoneInfo(row.timezone if isinstance(row, Site) else row.site.timezone)


def _in_zone(moment: dt.datetime | None, zone: dt.tzinfo) -> dt.datetime | None:
    """Take a time as the site's; the first of two where the clock goes back."""
    return None if moment is None else moment.replace(tzinfo=zone, fold=0)
