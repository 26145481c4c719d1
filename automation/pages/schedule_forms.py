"""The form of a schedule: what kind of time, on which days, and what is done."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _

from automation.models import Schedule
from automation.pages.action_forms import ActionForm
from automation.schedules.holiday import countries
from automation.services.schedule_refusals import ScheduleRefused
from devices.models import Site, Zone

DAYS = [(number + 1, name) for number, name in WEEKDAYS_ABBR.items()]
KINDS = [
    ("times", _("at these times")), ("every", _("again and again")),
    ("window", _("from … until …, with an end")), ("sun", _("with the sun")),
    ("once", _("once")), ("cron", _("by a cron line")),
]  # fmt: skip
EVENTS = [
    ("sunrise", _("sunrise")), ("sunset", _("sunset")), ("dawn", _("dawn")), ("dusk", _("dusk")),
]  # fmt: skip
UNITS = [(60, _("minutes")), (3600, _("hours")), (1, _("seconds"))]
HOLIDAYS = [
    ("ignore", _("also on public holidays")), ("skip", _("not on public holidays")),
    ("only", _("only on public holidays")),
]  # fmt: skip
MISSED = [
    ("skip", _("leave it out, and say so")), ("last", _("make up for the last one")),
    ("all", _("make up for all")),
]  # fmt: skip
_FIELDS = {
    "definition.when.seconds": "every", "definition.when.line": "line",
    "definition.when.event": "event", "definition.when.offset": "offset",
    "definition.country": "country", "definition.subdivision": "subdivision",
    "definition.except": "except_days", "definition.first": "first", "definition.last": "last",
    "definition.days": "days", "definition.late_seconds": "late", "name": "name", "zone": "zone",
}  # fmt: skip


class _Clock(forms.TimeField):
    """A time of day, to the minute."""

    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")

    def __init__(self, label: Any, **more: Any) -> None:
        super().__init__(label=label, required=False, input_formats=["%H:%M", "%H:%M:%S"], **more)


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget)


class ScheduleForm(forms.Form):
    """A schedule as people say it; actions are forms of their own."""

    name = forms.CharField(label=_("Name"), max_length=100)
    site = forms.ModelChoiceField(Site.objects.none(), label=_("Site"), empty_label=None)
    zone = forms.ModelChoiceField(
        Zone.objects.none(), label=_("Zone"), required=False, empty_label=_("none"),
        help_text=_("While it is controlled by hand, nothing is done."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("When"), choices=KINDS, initial="times")
    at = forms.CharField(
        label=_("Times"), required=False, max_length=400, help_text=_("Such as: 06:00, 18:30")
    )
    every = forms.IntegerField(label=_("Every"), required=False, min_value=1, initial=15)
    unit = forms.TypedChoiceField(
        label=_("Unit"), choices=UNITS, coerce=int, initial=60, required=False
    )
    start = _Clock(_("From"))
    end = _Clock(_("Until"), help_text=_("By the clock of the site; it may be on the next day."))
    event = forms.ChoiceField(label=_("Event"), choices=EVENTS, required=False)
    offset = forms.IntegerField(
        label=_("Minutes later"), required=False, min_value=-240, max_value=240, initial=0,
        help_text=_("Below zero: earlier."),
    )  # fmt: skip
    once = forms.DateTimeField(
        label=_("Moment"), required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    line = forms.CharField(
        label=_("Cron line"), required=False, max_length=100,
        help_text=_("Minute, hour, day, month, weekday, such as: 0 6 * * 1-5"),
    )  # fmt: skip
    days = forms.TypedMultipleChoiceField(
        label=_("Days"), choices=DAYS, coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    first = _day(_("First day"))
    last = _day(_("Last day"))
    holidays = forms.ChoiceField(label=_("Public holidays"), choices=HOLIDAYS, required=False)
    country = forms.ChoiceField(label=_("Country"), required=False)
    subdivision = forms.CharField(
        label=_("Part of the country"), required=False, max_length=10,
        help_text=_("Its code, such as BY; blank: the whole country."),
    )  # fmt: skip
    except_days = forms.CharField(
        label=_("Days left out"), required=False, max_length=1200,
        help_text=_("Such as: 2026-12-24, 2026-12-31"),
    )  # fmt: skip
    missed = forms.ChoiceField(
        label=_("When nobody was there"), choices=MISSED, required=False,
        help_text=_("After a power cut, for example. A window is only begun while it lasts."),
    )  # fmt: skip
    late = forms.IntegerField(
        label=_("Too late after (min)"), required=False, min_value=1, max_value=1440, initial=5
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any, *, schedule: Schedule | None = None, seen: str = "", site: str = ""
    ) -> None:
        initial = _initial(schedule) if schedule else {"site": site}
        super().__init__(data, initial=initial | {"seen": seen})
        fields: dict[str, Any] = self.fields
        fields["site"].queryset = Site.objects.order_by("name", "id")
        fields["zone"].queryset = Zone.objects.select_related("site").order_by("name", "id")
        fields["country"].choices = [("", "–"), *((code, code) for code in countries())]

    def definition(self) -> dict[str, Any]:
        """Return the times as they are stored; the service checks them."""
        given = self.cleaned_data
        found: dict[str, Any] = {"when": self._when()}
        found |= {"days": sorted(given["days"]), "missed": given["missed"] or "skip",
                  "late_seconds": (given["late"] or 5) * 60}  # fmt: skip
        if given["kind"] == "once":
            found["days"] = []
        for name in ("first", "last"):
            if given[name]:
                found[name] = given[name].isoformat()
        if given["holidays"] in {"skip", "only"}:
            found |= {"holidays": given["holidays"], "country": given["country"],
                      "subdivision": given["subdivision"].strip().upper()}  # fmt: skip
        if given["except_days"].strip():
            found["except"] = _split(given["except_days"])
        return found

    def refuse(self, error: ScheduleRefused, rows: Sequence[ActionForm]) -> None:
        """Put a refusal to its field."""
        place = error.field
        for row in rows:
            if row.owns(place):
                row.refuse(place, str(error))
                return
        name = _FIELDS.get(place, "")
        if place.startswith("definition.when.at"):
            name = "once" if self.cleaned_data.get("kind") == "once" else "at"
        elif place == "definition.when.to":
            name = "end"
        self.add_error(name or None, str(error))

    def _when(self) -> dict[str, Any]:
        given = self.cleaned_data
        kind = given["kind"]
        found: dict[str, Any] = {"kind": kind}
        span = {"from": _clock(given["start"]), "to": _clock(given["end"])}
        match kind:
            case "times":
                found["at"] = [_padded(one) for one in _split(given["at"])]
            case "every":
                found["seconds"] = (given["every"] or 0) * (given["unit"] or 60)
                if given["start"] or given["end"]:
                    found |= span
            case "window":
                found |= span
            case "sun":
                found |= {"event": given["event"], "offset": given["offset"] or 0}
            case "once":
                found["at"] = f"{given['once']:%Y-%m-%dT%H:%M}" if given["once"] else ""
            case "cron":
                found["line"] = " ".join(given["line"].split())
        return found


def _initial(schedule: Schedule) -> dict[str, Any]:
    stored = schedule.definition
    when = stored.get("when", {})
    kind, at, seconds = when.get("kind", "times"), when.get("at", []), when.get("seconds", 900)
    unit = next(size for size in (3600, 60, 1) if seconds % size == 0)
    return {
        "name": schedule.name, "site": schedule.site_id, "zone": schedule.zone_id, "kind": kind,
        "at": ", ".join(at) if isinstance(at, list) else "",
        "once": _moment(at) if isinstance(at, str) else None,
        "every": seconds // unit, "unit": unit, "start": when.get("from"), "end": when.get("to"),
        "event": when.get("event"), "offset": when.get("offset", 0), "line": when.get("line"),
        "days": stored.get("days", []), "first": stored.get("first"), "last": stored.get("last"),
        "holidays": stored.get("holidays", "ignore"), "country": stored.get("country", ""),
        "subdivision": stored.get("subdivision", ""),
        "except_days": ", ".join(stored.get("except", [])),
        "missed": stored.get("missed", "skip"), "late": stored.get("late_seconds", 300) // 60,
    }  # fmt: skip


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _split(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,;]+", text.strip()) if one]


def _padded(clock: str) -> str:
    return f"0{clock}" if re.match(r"^\d:", clock) else clock


def _clock(at: dt.time | None) -> str:
    return f"{at:%H:%M}" if at else "00:00"
