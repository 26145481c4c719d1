"""What the addresses and forms of the alarm pages ask for; nonsense is left out."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.functional import Promise
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.api.pagination import CursorPagination
from accounts.api.problems import Problem
from alarms.models import Alarm, Ending, Source
from alarms.queries.inbox import ORDERINGS, SEVERITIES, AlarmFilter
from devices.models import Severity

PAGE = 50
TEXT = 100
_OPEN = AlarmFilter(state="open", is_child=False)
# what the numbers above the list lead to
VIEWS: Mapping[str, AlarmFilter] = {
    "": replace(_OPEN, is_snoozed=False, is_quiet=False),
    "fresh": replace(_OPEN, is_snoozed=False, is_quiet=False, is_acknowledged=False),
    "seen": replace(_OPEN, is_snoozed=False, is_quiet=False, is_acknowledged=True),
    "snoozed": replace(_OPEN, is_snoozed=True, is_quiet=False),
    "quiet": replace(_OPEN, is_quiet=True),
    "ended": AlarmFilter(state="ended"),
}
VIEW_NAMES: Mapping[str, Promise] = {
    "": pgettext_lazy("alarms", "Open"),
    "fresh": pgettext_lazy("alarms", "Not acknowledged"),
    "seen": pgettext_lazy("alarms", "Acknowledged"),
    "snoozed": pgettext_lazy("alarms", "Snoozed"),
    "quiet": pgettext_lazy("alarms", "Kept quiet"),
    "ended": pgettext_lazy("alarms", "Ended unseen, 24 h"),
}
ORDERS = (
    ("-severity", _("Worst first")), ("-raised_at", _("Newest first")),
    ("raised_at", _("Oldest first")),
)  # fmt: skip
SNOOZES: Mapping[str, tuple[Promise, dt.timedelta | None]] = {
    "30m": (_("30 minutes"), dt.timedelta(minutes=30)),
    "1h": (_("1 hour"), dt.timedelta(hours=1)),
    "4h": (_("4 hours"), dt.timedelta(hours=4)),
    "tomorrow": (_("until tomorrow, 7:00"), None),
    "1d": (_("1 day"), dt.timedelta(days=1)),
    "7d": (_("1 week"), dt.timedelta(days=7)),
}
PERIODS: Mapping[str, tuple[Promise, int]] = {
    "7": (_("7 days"), 7), "30": (_("30 days"), 30), "90": (_("90 days"), 90),
    "365": (_("a year"), 365),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for. `is_filtered`: besides view, order and period."""

    view: str
    wanted: AlarmFilter
    order: str
    assignee: str
    period: str
    is_filtered: bool


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """Some alarms of a list, and the addresses of its neighbours; "" where there are none."""

    alarms: list[Alarm]
    next: str
    previous: str


def read_asked(given: QueryDict, *, person_id: uuid.UUID) -> Asked:
    """Return what the inbox shows."""
    view = given.get("view", "")
    view = view if view in VIEWS else ""
    return _asked(given, view, VIEWS[view], "-severity", person_id=person_id)


def read_past(given: QueryDict, *, person_id: uuid.UUID, now: dt.datetime) -> Asked:
    """Return what the history shows: what was raised within some days."""
    period = given.get("period", "")
    period = period if period in PERIODS else "30"
    state, ending = given.get("state", ""), given.get("ending", "")
    base = AlarmFilter(
        state=state if state in {"open", "ended"} else "",
        ending=ending if ending in Ending.values else "",
        start=now - dt.timedelta(days=PERIODS[period][1]),
        is_child=None if given.get("explained") == "1" else False,
    )
    asked = _asked(given, "", base, "-raised_at", person_id=person_id)
    is_filtered = asked.is_filtered or bool(base.state or base.ending)
    return replace(asked, period=period, is_filtered=is_filtered)


def _asked(
    given: QueryDict, view: str, base: AlarmFilter, order: str, *, person_id: uuid.UUID
) -> Asked:
    assignee = given.get("assignee", "")
    place: dict[str, Any] = {
        "min_severity": _one_of(given.get("severity", ""), SEVERITIES),
        "source": _one_of(given.get("source", ""), Source.values),
        "text": given.get("q", "").replace("\0", "").strip()[:TEXT],
        **{f"{name}_id": _uuid(given.get(name, "")) for name in ("site", "device", "gateway",
                                                                  "rule")},
        "assignee_id": person_id if assignee == "me" else _uuid(assignee),
        "is_assigned": False if assignee == "none" else None,
    }  # fmt: skip
    found = given.get("sort", "")
    is_known = found.removeprefix("-") in ORDERINGS
    return Asked(
        view=view, wanted=replace(base, **place), order=found if is_known else order,
        assignee=assignee if assignee in {"me", "none"} else "", period="",
        is_filtered=any(value not in ("", None) for value in place.values()),
    )  # fmt: skip


class _List:
    """What the pagination of the API asks of a view."""

    orderings = ORDERINGS

    def __init__(self, order: str, cursor: str | None) -> None:
        self.params = {"ordering": order, "limit": PAGE, "cursor": cursor, "count": False}


def cut_page(rows: Any, request: HttpRequest, *, order: str) -> AlarmPage:
    """Return a page of a list; with a cursor that is none, the first one."""
    pagination = CursorPagination()
    cursor = request.GET.get("cursor") or None
    try:
        alarms = pagination.paginate_queryset(rows, request, _List(order, cursor))  # type: ignore[arg-type]
    except Problem:
        alarms = pagination.paginate_queryset(rows, request, _List(order, None))  # type: ignore[arg-type]
    links = pagination.get_paginated_response([]).data
    return AlarmPage(alarms, links["next"] or "", links["previous"] or "")


def snooze_until(choice: str, *, now: dt.datetime) -> dt.datetime | None:
    """Return the end of a snooze in the active zone; None for a choice that is none."""
    if choice not in SNOOZES:
        return None
    length = SNOOZES[choice][1]
    if length is not None:
        return now + length
    day = localtime(now).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(7), get_current_timezone())


def severities() -> list[tuple[str, Promise]]:
    """Return the severities for a choice of "at least", the worst first."""
    return [(name, Severity(name).label) for name in reversed(SEVERITIES[1:])]


def _one_of(text: str, allowed: Any) -> str:
    return text if text in allowed else ""


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
