"""Who was told of an alarm, or is about to be."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from alarms.models import Alarm, MessageState, Notification

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the list. at: when it was, or will be. means: such as e-mail; blank: none yet."""

    at: dt.datetime
    who: str
    means: str
    what: str
    state: str
    is_bad: bool


def read_told(alarm: Alarm) -> list[Told]:
    """Return who is told of an alarm, the newest first; one query."""
    rows = Notification.objects.filter(alarm=alarm).exclude(reason=Notification.Reason.EXPANDED)
    rows = rows.select_related("target__person", "rota", "message").order_by("-due_at", "-id")
    return [_line(row) for row in rows[:SHOWN]]


def _line(row: Notification) -> Told:
    message, target = row.message, row.target
    who = str(target.person or target.name) if target else str(row.rota)
    state, is_bad, at = row.get_state_display(), False, row.due_at
    if row.state == Notification.State.DROPPED:
        state = row.get_reason_display()
    elif message is not None:
        state, is_bad = message.get_state_display(), message.state == MessageState.DEAD
        at = message.sent_at or message.made_at
    if row.was_held and row.state == Notification.State.WAITING:
        state = _("Held back until then")
    return Told(
        at=at, who=who, means=target.get_kind_display() if target else "",
        what=row.get_kind_display(), state=state, is_bad=is_bad,
    )  # fmt: skip
