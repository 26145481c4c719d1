"""The editor of a schedule: its next runs are shown before it is kept."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.pages.access import requires
from accounts.pages.people import acting_of, person_of
from automation.models import Schedule
from automation.pages.action_forms import ActionForm, action_forms, actions_of
from automation.pages.schedule_forms import ScheduleForm
from automation.pages.schedules import SECTION
from automation.queries.action_choices import load_choices
from automation.queries.schedules import coming_runs, find_schedule
from automation.schedule_words import describe_schedule
from automation.schedules.occurrences import Run
from automation.services.schedule_refusals import ScheduleRefused
from automation.services.schedules import change_schedule, check_times, create_schedule
from automation.services.timing import place_of_site
from devices.services.fleet_edits import VersionMoved, version_of


@dataclass(frozen=True, slots=True)
class Preview:
    """Times in words, and their next runs. zone: by whose clock."""

    words: str
    runs: list[Run]
    zone: Any


@dataclass(slots=True)
class _Editor:
    """All forms of the page."""

    form: ScheduleForm
    actions: list[ActionForm]
    end_actions: list[ActionForm]

    @property
    def rows(self) -> list[ActionForm]:
        """Return the rows of both lists."""
        return [*self.actions, *self.end_actions]

    def is_valid(self) -> bool:
        """Check all of them, so that all errors are shown."""
        return all([self.form.is_valid(), *(row.is_valid() for row in self.rows)])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@requires("write:schedule")
def schedule_new(request: HttpRequest) -> HttpResponse:
    """Write a new schedule."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@requires("write:schedule")
def schedule_edit(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse:
    """Change a schedule."""
    found = find_schedule(schedule_id)
    if found is None:
        raise Http404
    return _edit(request, found)


def _edit(request: HttpRequest, schedule: Schedule | None) -> HttpResponse:
    do = request.POST.get("do", "")
    editor = _editor(request, schedule, do)
    preview: Preview | None = None
    if request.method == "POST" and do not in {"look", "more", "more-end"} and editor.is_valid():
        try:
            if do == "preview":
                preview = _preview(editor.form)
            else:
                return _kept(request, _keep(request, editor, schedule))
        except ScheduleRefused as error:
            editor.form.refuse(error, editor.rows)
        except VersionMoved as error:
            editor.form.add_error(None, str(error))
    context = {
        "section": SECTION, "form": editor.form, "schedule": schedule, "preview": preview,
        "actions": editor.actions, "end_actions": editor.end_actions,
        "has_errors": bool(editor.form.errors) or any(row.errors for row in editor.rows),
        "is_checked": do not in {"", "look", "more", "more-end"},
    }  # fmt: skip
    return render(request, "automation/schedule_edit.html", context)


def _editor(request: HttpRequest, schedule: Schedule | None, do: str) -> _Editor:
    data = request.POST if request.method == "POST" else None
    person = person_of(request)
    choices = load_choices(person, person_id=person.pk, besides=schedule.id if schedule else None)
    return _Editor(
        ScheduleForm(
            data, schedule=schedule, seen=version_of(schedule) if schedule else "",
            site=request.GET.get("site", ""),
        ),
        action_forms(
            data, "actions", choices, schedule.actions if schedule else [], more=do == "more"
        ),
        action_forms(
            data, "end_actions", choices, schedule.end_actions if schedule else [],
            more=do == "more-end",
        ),
    )  # fmt: skip


def _preview(form: ScheduleForm) -> Preview:
    site = form.cleaned_data["site"]
    definition = check_times(form.definition(), site)
    runs = coming_runs(definition, site, timezone.now())
    return Preview(describe_schedule(definition), runs, place_of_site(site).zone)


def _keep(request: HttpRequest, editor: _Editor, schedule: Schedule | None) -> Schedule:
    given, now, actor = editor.form.cleaned_data, timezone.now(), person_of(request)
    is_window = given["kind"] == "window"
    wanted: dict[str, Any] = {
        "name": given["name"], "site": given["site"], "zone": given["zone"],
        "definition": editor.form.definition(), "actions": actions_of(editor.actions),
        "end_actions": actions_of(editor.end_actions) if is_window else [],
    }  # fmt: skip
    if schedule is None:
        return create_schedule(
            **wanted, actor=actor, now=now, is_enabled=request.POST.get("do") == "enable"
        )
    if request.POST.get("do") == "enable":
        wanted["is_enabled"] = True
    return change_schedule(
        schedule_id=schedule.id, changes=wanted, actor=actor, now=now, seen=given["seen"]
    )


def _kept(request: HttpRequest, schedule: Schedule) -> HttpResponse:
    text = _("“%(name)s” is kept and on.") if schedule.is_enabled else _("“%(name)s” is kept, off.")
    messages.success(request, text % {"name": schedule.name})
    if "read:schedule" not in acting_of(request).codes:
        return redirect("home")
    return redirect("automation-schedule", schedule.id)
