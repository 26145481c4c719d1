"""Forms about who is told of alarms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from alarms.api.notify_serializers import PERSONAL_KINDS, SHARED_KINDS
from alarms.models import NotificationRoute, NotificationTarget, OnCallRota
from alarms.models.notify import MAX_ADDRESS
from alarms.services.notify_routes import StandIn, Step
from alarms.services.notify_targets import Manners, Wanted
from alarms.services.people import targets_of
from devices.models import Severity, Site

STEPS = 6  # rows of the form at least
SPARE_STEPS = 2
_CLOCK = {"type": "time"}
_WEEKEND = {"days": [6, 7], "from": "00:00", "to": "24:00"}
Slots = list[dict[str, Any]]


def _time_field(label: Any, **kwargs: Any) -> forms.TimeField:
    widget = forms.TimeInput(attrs=_CLOCK, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget, **kwargs)


def _zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones())]


class MannersForm(forms.Form):
    """How somebody is told: language, quiet hours, gathering, digest."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=_zones)
    quiet_from = _time_field(gettext_lazy("Quiet from"))
    quiet_to = _time_field(
        gettext_lazy("Quiet until"),
        help_text=gettext_lazy("What happened is told once afterwards. Blank: never quiet."),
    )
    quiet_weekends = forms.BooleanField(
        label=gettext_lazy("Quiet on Saturdays and Sundays"), required=False
    )
    digest_at = _time_field(
        gettext_lazy("Once a day at"),
        help_text=gettext_lazy("What is not critical waits for this time. Blank: at once."),
    )
    gather_seconds = forms.IntegerField(
        label=gettext_lazy("Gather, seconds"), min_value=0, max_value=3600,
        help_text=gettext_lazy("How long the first alarm waits for others."),
    )  # fmt: skip
    most_per_hour = forms.IntegerField(
        label=gettext_lazy("Messages an hour at most"), min_value=1, max_value=999
    )

    def clean(self) -> dict[str, Any]:
        """Want both ends of quiet hours."""
        given = super().clean() or {}
        if (given.get("quiet_from") is None) != (given.get("quiet_to") is None):
            self.add_error("quiet_to", _("Give both, or leave both blank."))
        return given

    def manners(self, *, is_active: bool = True) -> Manners:
        """Return how somebody is told; the form must be valid."""
        given = self.cleaned_data
        return Manners(
            language=given["language"], timezone=given["timezone"],
            quiet=tuple(_slots(given["quiet_from"], given["quiet_to"], given["quiet_weekends"])),
            gather_seconds=given["gather_seconds"], most_per_hour=given["most_per_hour"],
            digest_at=given["digest_at"], is_active=is_active,
        )  # fmt: skip


class MineForm(MannersForm):
    """How I am told."""

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell me by"), choices=PERSONAL_KINDS, required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    field_order = ["kinds"]


class TargetForm(MannersForm):
    """A target of the organisation."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    kind = forms.ChoiceField(label=gettext_lazy("By"), choices=SHARED_KINDS)
    address = forms.CharField(
        label=gettext_lazy("Address"), max_length=MAX_ADDRESS, required=False,
        help_text=gettext_lazy(
            "An e-mail address, the https address of a webhook, or the URL of Apprise, such as "
            "tgram://TOKEN/CHAT. Blank: as it is."
        ),
    )  # fmt: skip
    is_active = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    field_order = ["name", "kind", "address"]

    def wanted(self) -> Wanted:
        """Return what the form asks for; it must be valid."""
        given = self.cleaned_data
        manners = self.manners(is_active=given["is_active"])
        return Wanted(given["name"], given["kind"], given["address"], manners)


class RouteForm(forms.Form):
    """A route with its ladder: rows of after how many minutes who is told.

    Who is chosen by name, and not by one of their targets, is told by all of them.
    """

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    min_severity = forms.ChoiceField(
        label=gettext_lazy("From severity"), choices=Severity.choices, initial=Severity.WARNING
    )
    site = forms.ModelChoiceField(
        label=gettext_lazy("Site"), queryset=Site.objects.none(), required=False,
        empty_label=gettext_lazy("Everywhere"),
    )  # fmt: skip
    tag = forms.CharField(
        label=gettext_lazy("Tag"), max_length=40, required=False,
        help_text=gettext_lazy("Only devices that have it. Blank: all."),
    )  # fmt: skip
    time_from = _time_field(gettext_lazy("Only from"))
    time_to = _time_field(
        gettext_lazy("Only until"),
        help_text=gettext_lazy("When the alarm is raised, by the clock of its site."),
    )
    overrides_quiet = forms.BooleanField(
        label=gettext_lazy("Critical alarms in quiet hours too"), required=False, initial=True
    )
    tells_end = forms.BooleanField(
        label=gettext_lazy("Tell when it is over"), required=False, initial=True
    )
    is_active = forms.BooleanField(label=gettext_lazy("In use"), required=False, initial=True)
    position = forms.IntegerField(
        label=gettext_lazy("Position"), min_value=0, max_value=10_000, initial=0
    )

    def __init__(
        self, *args: Any, people: list[User], route: NotificationRoute | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        site: Any = self.fields["site"]
        site.queryset = Site.objects.order_by("name", "id")
        known = list(route.steps.all()) if route else []
        named = {step.target_id for step in known}
        targets_of_all = NotificationTarget.objects.filter(Q(person=None) | Q(id__in=named))
        self._who = {f"target:{t.id}": t for t in targets_of_all}
        self._people = {f"person:{person.id}": person for person in people}
        self._rows = max(STEPS, len(known) + SPARE_STEPS)
        self._rotas = {f"rota:{r.id}": r for r in OnCallRota.objects.all()}
        targets = [(key, _label(row)) for key, row in _by_name(self._who)]
        names = [(key, person.get_full_name()) for key, person in self._people.items()]
        rotas = [(key, _("On call: %(name)s") % {"name": row.name})
                 for key, row in _by_name(self._rotas)]  # fmt: skip
        for number in range(self._rows):
            self.fields[f"after_{number}"] = forms.IntegerField(
                label=_("After minutes"), min_value=0, max_value=10_080, required=False
            )
            self.fields[f"who_{number}"] = forms.ChoiceField(
                label=_("Tell"), required=False, choices=[("", "–"), *targets, *rotas, *names]
            )

    def rungs(self) -> list[tuple[Any, Any]]:
        """Return the fields of the steps, in pairs."""
        return [(self[f"after_{number}"], self[f"who_{number}"]) for number in range(self._rows)]

    def steps(self) -> list[Step]:
        """Return the steps that are filled in; the form must be valid."""
        return list(self._steps())

    def values(self) -> dict[str, Any]:
        """Return the fields of the route; the form must be valid."""
        given = self.cleaned_data
        names = ("name", "min_severity", "site", "tag", "overrides_quiet", "tells_end",
                 "is_active", "position")  # fmt: skip
        slots = _slots(given["time_from"], given["time_to"], False)
        return {name: given[name] for name in names} | {"slots": slots}

    def _steps(self) -> Iterator[Step]:
        for number in range(self._rows):
            who = self.cleaned_data[f"who_{number}"]
            after = 60 * (self.cleaned_data[f"after_{number}"] or 0)
            if who in self._people:
                for target in targets_of([self._people[who]]):
                    yield Step(after, target=target)
            elif who:
                yield Step(after, target=self._who.get(who), rota=self._rotas.get(who))


class RotaForm(forms.Form):
    """People who take turns."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=_zones)
    first_date = forms.DateField(
        label=gettext_lazy("First day"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    handover = forms.TimeField(
        label=gettext_lazy("Handover at"), initial=dt.time(8),
        widget=forms.TimeInput(attrs=_CLOCK, format="%H:%M"),
    )  # fmt: skip
    turn_days = forms.IntegerField(
        label=gettext_lazy("Days of a turn"), min_value=1, max_value=365, initial=7
    )
    people = forms.MultipleChoiceField(
        label=gettext_lazy("Who takes turns"), widget=forms.CheckboxSelectMultiple
    )
    stand_in = forms.ChoiceField(label=gettext_lazy("Somebody takes over"), required=False)
    stand_in_from = forms.DateTimeField(
        label=gettext_lazy("From"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    stand_in_to = forms.DateTimeField(
        label=gettext_lazy("Until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip

    def __init__(self, *args: Any, people: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._people = {str(person.id): person for person in people}
        choices = [(key, person.get_full_name()) for key, person in self._people.items()]
        self.fields["people"].choices = choices  # type: ignore[attr-defined]
        self.fields["stand_in"].choices = [("", "–"), *choices]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Want both ends of a stand-in."""
        given = super().clean() or {}
        if given.get("stand_in") and not (given.get("stand_in_from") and given.get("stand_in_to")):
            self.add_error("stand_in_to", _("Say from when until when."))
        return given

    def values(self) -> dict[str, Any]:
        """Return the fields of the rota; the form must be valid."""
        names = ("name", "timezone", "first_date", "handover", "turn_days")
        return {name: self.cleaned_data[name] for name in names}

    def turns(self) -> list[User]:
        """Return who takes turns."""
        return [self._people[key] for key in self.cleaned_data["people"]]

    def stand_ins(self) -> list[StandIn]:
        """Return the stand-in that is new, if any."""
        given = self.cleaned_data
        if not given["stand_in"]:
            return []
        person = self._people[given["stand_in"]]
        return [StandIn(given["stand_in_from"], given["stand_in_to"], person)]


def initial_manners(target: NotificationTarget) -> dict[str, Any]:
    """Return what a form about a target begins with."""
    names = ("name", "kind", "language", "timezone", "digest_at", "gather_seconds",
             "most_per_hour", "is_active")  # fmt: skip
    begin, end, weekends = _read_slots(target.quiet)
    found = {name: getattr(target, name) for name in names}
    return found | {"quiet_from": begin, "quiet_to": end, "quiet_weekends": weekends}


def initial_route(route: NotificationRoute) -> dict[str, Any]:
    """Return what the form of a route begins with."""
    names = ("name", "min_severity", "tag", "overrides_quiet", "tells_end", "is_active",
             "position")  # fmt: skip
    begin, end, _weekends = _read_slots(route.slots)
    found = {name: getattr(route, name) for name in names}
    found |= {"site": route.site_id, "time_from": begin, "time_to": end}
    for number, step in enumerate(route.steps.all()):
        who = f"target:{step.target_id}" if step.target_id else f"rota:{step.rota_id}"
        found |= {f"after_{number}": step.after_seconds // 60, f"who_{number}": who}
    return found


def initial_rota(rota: OnCallRota) -> dict[str, Any]:
    """Return what the form of a rota begins with."""
    names = ("name", "timezone", "first_date", "handover", "turn_days")
    found = {name: getattr(rota, name) for name in names}
    return found | {"people": [str(member.person_id) for member in rota.members.all()]}


def is_simple(slots: Slots) -> bool:
    """Tell whether the forms can show these parts of the week; others come by the API."""
    begin, end, weekends = _read_slots(slots)
    return _slots(begin, end, weekends) == slots


def _slots(begin: dt.time | None, end: dt.time | None, weekends: bool | None) -> Slots:
    found: Slots = []
    if begin is not None and end is not None:
        found.append({"days": [], "from": f"{begin:%H:%M}", "to": f"{end:%H:%M}"})
    return [*found, dict(_WEEKEND)] if weekends else found


def _read_slots(slots: Slots) -> tuple[dt.time | None, dt.time | None, bool]:
    daily = next((slot for slot in slots if not slot.get("days")), None)
    weekends = any(slot.get("days") == [6, 7] for slot in slots)
    if daily is None:
        return None, None, weekends
    return _clock(daily.get("from", "00:00")), _clock(daily.get("to", "24:00")), weekends


def _clock(text: str) -> dt.time:
    return dt.time.fromisoformat("00:00" if text == "24:00" else text)


def _label(target: NotificationTarget) -> str:
    return f"{target.name} · {target.get_kind_display()}" if target.person_id else target.name


def _by_name(rows: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(rows.items(), key=lambda item: (item[1].name.lower(), item[0]))
