"""What people do about alarms: acknowledge, assign, comment, snooze, clear, rate.

Each works on one or many alarms in one transaction, writes an `AlarmEvent` for each that it
changed, and changes nothing when it is done again. Rows are locked in the order of their
keys, as those who raise alarms do, so that nobody waits for each other.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from accounts.actor import current_actor
from accounts.models import User
from accounts.queries.people import list_members
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from accounts.tenancy import current_tenant_id
from alarms.models import Alarm, AlarmEvent, Ending, Rating, Suppression

MAX_AT_ONCE = 500
MAX_CHILDREN = 5_000
MAX_COMMENT = 2_000
MAX_SNOOZE = dt.timedelta(days=30)
# the same words of the same person so soon are the same comment, sent twice
_SAME_COMMENT = dt.timedelta(minutes=1)
Kind = AlarmEvent.Kind


class TooManyAlarms(Refusal):
    """More than one call may change."""

    code = "too_many_alarms"
    message = _("Choose at most 500 alarms at once.")


class AlarmGone(Refusal):
    """The tenant has none of these alarms."""

    code = "gone"
    message = _("There is no such alarm.")


class WordsMissing(Refusal):
    """A comment that says nothing."""

    code = "text_missing"
    message = _("Write a comment.")


class WordsTooLong(Refusal):
    """A comment that does not fit."""

    code = "text_too_long"
    message = _("A comment has at most 2,000 characters.")


class ImpossibleSnooze(Refusal):
    """A snooze that is over, or would last for ever."""

    code = "impossible_time"
    message = _("Choose a time within the next 30 days.")


class NotAssignable(Refusal):
    """A person who may not see alarms here."""

    code = "not_assignable"
    message = _("Choose somebody of this organisation who may see alarms.")


class Outcome(StrEnum):
    """What became of one alarm."""

    DONE = "done"
    UNCHANGED = "unchanged"  # it was so already
    ENDED = "ended"  # only possible while it is open
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one alarm."""

    alarm_id: uuid.UUID
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Chosen:
    """Alarms by id, at most 500.

    `with_children`: also those open ones that they explain, so that an incident is dealt with
    as one.
    """

    ids: Sequence[uuid.UUID]
    with_children: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """A change that is the same for all: what is set, and for which alarm it is one."""

    kind: Kind
    values: Mapping[str, Any]
    is_change: Callable[[Alarm], bool]
    text: str = ""
    only_open: bool = False


def acknowledge_alarms(
    chosen: Chosen, *, by: User | None, now: dt.datetime, comment: str = ""
) -> list[Result]:
    """Say that somebody looks after them; escalations stop.

    Raises: TooManyAlarms, AlarmGone, WordsTooLong.
    """
    values = {"acknowledged_at": now, "acknowledged_by": by}
    step = _Step(
        Kind.ACKNOWLEDGED, values, lambda alarm: alarm.acknowledged_at is None, _words(comment)
    )
    return _take(chosen, step, by=by, now=now)


def unacknowledge_alarms(chosen: Chosen, *, by: User | None, now: dt.datetime) -> list[Result]:
    """Take acknowledgements back.

    Raises: TooManyAlarms, AlarmGone.
    """
    values = {"acknowledged_at": None, "acknowledged_by": None}
    step = _Step(Kind.UNACKNOWLEDGED, values, lambda alarm: alarm.acknowledged_at is not None)
    return _take(chosen, step, by=by, now=now)


def assign_alarms(
    chosen: Chosen, *, assignee: User | None, by: User | None, now: dt.datetime
) -> list[Result]:
    """Say whose business they are; None: nobody's.

    Raises: TooManyAlarms, AlarmGone, NotAssignable.
    """
    if assignee is not None and assignee != by and assignee not in assignable_people():
        raise NotAssignable
    person_id = assignee.pk if assignee else None
    step = _Step(
        Kind.ASSIGNED, {"assignee": assignee}, lambda alarm: alarm.assignee_id != person_id,
        str(assignee or ""),
    )  # fmt: skip
    return _take(chosen, step, by=by, now=now)


@transaction.atomic
def comment_alarms(chosen: Chosen, *, text: str, by: User | None, now: dt.datetime) -> list[Result]:
    """Add words; the same words of the same person within a minute are added once.

    Raises: TooManyAlarms, AlarmGone, WordsMissing, WordsTooLong.
    """
    words = _words(text)
    if not words:
        raise WordsMissing
    alarms = _lock(chosen)
    said = set(
        AlarmEvent.objects.filter(
            kind=Kind.COMMENTED, text=words, by_label=_label(), at__gt=now - _SAME_COMMENT,
            alarm_id__in=[alarm.id for alarm in alarms],
        ).values_list("alarm_id", flat=True)
    )  # fmt: skip
    step = _Step(Kind.COMMENTED, {}, lambda alarm: alarm.id not in said, words)
    return _apply(chosen, alarms, step, by=by, now=now)


def snooze_alarms(
    chosen: Chosen, *, until: dt.datetime | None, by: User | None, now: dt.datetime
) -> list[Result]:
    """Put open alarms aside until a time, at most 30 days ahead; None wakes them.

    Raises: TooManyAlarms, AlarmGone, ImpossibleSnooze.
    """
    if until is not None and not now < until <= now + MAX_SNOOZE:
        raise ImpossibleSnooze
    step = _Step(
        Kind.SNOOZED, {"snoozed_until": until}, lambda alarm: alarm.snoozed_until != until,
        until.astimezone(dt.UTC).isoformat() if until else "", only_open=True,
    )  # fmt: skip
    return _take(chosen, step, by=by, now=now)


def clear_alarms(
    chosen: Chosen, *, by: User | None, now: dt.datetime, comment: str = ""
) -> list[Result]:
    """End open alarms by hand, whoever raised them.

    The same episode is not raised again: a rule's alarm comes back only after its values were
    right in between, a device's when the device says it anew.

    Raises: TooManyAlarms, AlarmGone, WordsTooLong.
    """
    values = {
        "ending": Ending.BY_HAND, "snoozed_until": None,
        "cleared_at": Greatest(F("raised_at"), Value(now)),  # clocks of devices run ahead
    }  # fmt: skip
    step = _Step(Kind.CLEARED, values, lambda _alarm: True, _words(comment), only_open=True)
    return _take(chosen, step, by=by, now=now)


def rate_alarms(
    chosen: Chosen, *, rating: Rating, by: User | None, now: dt.datetime
) -> list[Result]:
    """Say whether they were worth it; `Rating.NONE` takes it back.

    Raises: TooManyAlarms, AlarmGone.
    """
    values = {"rating": rating, "rated_by": by if rating else None}
    step = _Step(Kind.RATED, values, lambda alarm: alarm.rating != rating, rating.value)
    return _take(chosen, step, by=by, now=now)


def assignable_people() -> list[User]:
    """Return the members of the tenant in scope who may see alarms, by address."""
    tenant_id = current_tenant_id()
    rows = list_members(tenant_id).filter(user__is_active=True) if tenant_id else ()
    return [row.user for row in rows if "read:alarm" in row.codes]


@transaction.atomic
def _take(chosen: Chosen, step: _Step, *, by: User | None, now: dt.datetime) -> list[Result]:
    return _apply(chosen, _lock(chosen), step, by=by, now=now)


def _apply(
    chosen: Chosen, alarms: Sequence[Alarm], step: _Step, *, by: User | None, now: dt.datetime
) -> list[Result]:
    """Change those that are to be changed, say what became of each. Args: alarms: locked."""
    if not alarms:
        raise AlarmGone
    outcomes = {alarm.id: _outcome(alarm, step) for alarm in alarms}
    changed = [alarm for alarm in alarms if outcomes[alarm.id] is Outcome.DONE]
    if changed:
        _write(changed, step, by=by, now=now)
    asked = dict.fromkeys([*chosen.ids, *outcomes])
    return [Result(id_, outcomes.get(id_, Outcome.NOT_FOUND)) for id_ in asked]


def _lock(chosen: Chosen) -> list[Alarm]:
    ids = list(dict.fromkeys(chosen.ids))
    if len(ids) > MAX_AT_ONCE:
        raise TooManyAlarms
    if chosen.with_children:
        ids += Alarm.objects.filter(
            parent_id__in=ids, suppressed_because=Suppression.PARENT, ending=""
        ).values_list("id", flat=True)[:MAX_CHILDREN]
    rows = Alarm.objects.select_for_update(of=("self",), no_key=True).filter(id__in=ids)
    return list(rows.order_by("key", "raised_at", "id"))


def _outcome(alarm: Alarm, step: _Step) -> Outcome:
    if step.only_open and not alarm.is_open:
        return Outcome.ENDED
    return Outcome.DONE if step.is_change(alarm) else Outcome.UNCHANGED


def _write(alarms: Sequence[Alarm], step: _Step, *, by: User | None, now: dt.datetime) -> None:
    if step.values:
        ids = [alarm.id for alarm in alarms]
        Alarm.objects.filter(id__in=ids).update(**step.values, updated_at=now)
    label = _label()
    AlarmEvent.objects.bulk_create(
        AlarmEvent(
            tenant_id=alarm.tenant_id, alarm=alarm, kind=step.kind, at=now, by=by,
            by_label=label, text=step.text,
        )
        for alarm in alarms
    )  # fmt: skip
    first = alarms[0]
    record_event(
        action=f"alarm.{step.kind}", now=now, tenant_id=first.tenant_id,
        obj=first if len(alarms) == 1 else None, label=str(first) if len(alarms) == 1 else "",
        detail={"alarms": len(alarms), "text": step.text},
    )  # fmt: skip


def _label() -> str:
    return current_actor().label[:150]


def _words(text: str) -> str:
    words = text.replace("\0", "").strip()
    if len(words) > MAX_COMMENT:
        raise WordsTooLong
    return words
