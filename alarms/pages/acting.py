"""What people do about alarms on the pages; works without scripts."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.pages.access import requires
from accounts.pages.people import person_of
from accounts.services.refusals import Refusal
from alarms.models import Alarm, Rating
from alarms.pages.reading import snooze_until
from alarms.services.life import (
    MAX_AT_ONCE,
    AlarmGone,
    Chosen,
    Outcome,
    Result,
    acknowledge_alarms,
    assign_alarms,
    clear_alarms,
    comment_alarms,
    rate_alarms,
    snooze_alarms,
    unacknowledge_alarms,
)


@require_POST
@requires("acknowledge:alarm")
def alarms_act(request: HttpRequest) -> HttpResponse:
    """Do something about the alarms that were chosen in a list."""
    ids = _ids(request.POST.getlist("alarm"))
    if not ids:
        messages.warning(request, _("Choose at least one alarm first."))
    else:
        _act(request, ids)
    return redirect(_back(request) or reverse("alarms"))


@require_POST
@requires("acknowledge:alarm")
def alarm_act(request: HttpRequest, alarm_id: uuid.UUID) -> HttpResponse:
    """Do something about one alarm."""
    if not Alarm.objects.filter(id=alarm_id).exists():
        raise Http404
    _act(request, [alarm_id])
    return redirect("alarm", alarm_id)


def _act(request: HttpRequest, ids: Sequence[uuid.UUID]) -> None:
    try:
        results = _call(request, ids, now=timezone.now())
    except AlarmGone as error:
        raise Http404 from error
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        _tell(request, results)


def _call(request: HttpRequest, ids: Sequence[uuid.UUID], *, now: dt.datetime) -> list[Result]:
    given, by = request.POST, person_of(request)
    one_by_one, incidents = Chosen(ids), Chosen(ids, with_children=True)
    text = given.get("text", "")
    match given.get("action", ""):
        case "acknowledge":
            return acknowledge_alarms(incidents, by=by, now=now, comment=text)
        case "unacknowledge":
            return unacknowledge_alarms(incidents, by=by, now=now)
        case "assign":
            assignee = _person(given.get("assignee", ""), by)
            return assign_alarms(incidents, assignee=assignee, by=by, now=now)
        case "snooze":
            until = snooze_until(given.get("snooze", ""), now=now) or now
            return snooze_alarms(incidents, until=until, by=by, now=now)
        case "wake":
            return snooze_alarms(incidents, until=None, by=by, now=now)
        case "clear":
            return clear_alarms(one_by_one, by=by, now=now, comment=text)
        case "rate":
            rating = Rating(given["rating"]) if given.get("rating") in Rating.values else None
            if rating is not None:
                return rate_alarms(one_by_one, rating=rating, by=by, now=now)
        case "comment":
            return comment_alarms(one_by_one, text=text, by=by, now=now)
    raise Http404


def _tell(request: HttpRequest, results: Sequence[Result]) -> None:
    numbers: dict[Any, int] = {
        outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome
    }
    done, rest = numbers[Outcome.DONE], len(results) - numbers[Outcome.DONE]
    if done:
        text = ngettext("%(n)d alarm changed.", "%(n)d alarms changed.", done) % {"n": done}
        messages.success(request, text)
    if rest:
        text = ngettext(
            "%(n)d alarm stays as it is: it was so already, or it has ended.",
            "%(n)d alarms stay as they are: they were so already, or they have ended.",
            rest,
        )
        messages.info(request, text % {"n": rest})


def _person(text: str, by: User) -> User | None:
    """Return who is named; the service refuses people of other organisations."""
    if text == "me":
        return by
    if not text:
        return None
    found = _ids([text])
    person = User.objects.filter(pk=found[0]).first() if found else None
    if person is None:
        raise Http404
    return person


def _ids(texts: Sequence[str]) -> list[uuid.UUID]:
    found = []
    for text in texts[: MAX_AT_ONCE + 1]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found


def _back(request: HttpRequest) -> str:
    """Return the list that the form came from, with its filters."""
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if is_ours and back.startswith(reverse("alarms")) else ""
