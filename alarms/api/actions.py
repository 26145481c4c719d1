"""Actions of the API: a body for each, and the service that it calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.api.params import Params
from accounts.api.problems import InvalidRequest, Violation, pointer_to
from accounts.models import User
from alarms.api.alarm_rows import (
    AcknowledgeBody,
    AssignBody,
    CommentBody,
    IncidentBody,
    NoteBody,
    RateBody,
    SnoozeBody,
)
from alarms.models import Rating
from alarms.services.life import (
    Chosen,
    Result,
    acknowledge_alarms,
    assign_alarms,
    clear_alarms,
    comment_alarms,
    rate_alarms,
    snooze_alarms,
    unacknowledge_alarms,
)

Call = Callable[[Chosen, Mapping[str, Any], User | None, dt.datetime], list[Result]]


@dataclass(frozen=True, slots=True)
class Action:
    """The members of an action's body, and what it does with them."""

    body: type[Params]
    call: Call


def _assign(
    chosen: Chosen, given: Mapping[str, Any], by: User | None, now: dt.datetime
) -> list[Result]:
    assignee = None
    if given["assignee"] is not None:
        assignee = User.objects.filter(pk=given["assignee"]).first()
        if assignee is None:
            problem = Violation("not_found", "There is no such person.", pointer_to("assignee"))
            raise InvalidRequest(violations=[problem])
    return assign_alarms(chosen, assignee=assignee, by=by, now=now)


def _rate(
    chosen: Chosen, given: Mapping[str, Any], by: User | None, now: dt.datetime
) -> list[Result]:
    rating = Rating.NONE if given["rating"] == "none" else Rating(given["rating"])
    return rate_alarms(chosen, rating=rating, by=by, now=now)


ACTIONS: Mapping[str, Action] = {
    "acknowledge": Action(
        AcknowledgeBody,
        lambda chosen, given, by, now: acknowledge_alarms(
            chosen, by=by, now=now, comment=given["text"]
        ),
    ),
    "unacknowledge": Action(
        IncidentBody,
        lambda chosen, given, by, now: unacknowledge_alarms(chosen, by=by, now=now),
    ),
    "assign": Action(AssignBody, _assign),
    "comment": Action(
        CommentBody,
        lambda chosen, given, by, now: comment_alarms(chosen, text=given["text"], by=by, now=now),
    ),
    "snooze": Action(
        SnoozeBody,
        lambda chosen, given, by, now: snooze_alarms(chosen, until=given["until"], by=by, now=now),
    ),
    "clear": Action(
        NoteBody,
        lambda chosen, given, by, now: clear_alarms(chosen, by=by, now=now, comment=given["text"]),
    ),
    "rate": Action(RateBody, _rate),
}
