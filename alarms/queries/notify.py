"""Who is told of alarms, and what was sent, read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet

from accounts.models import User
from alarms.models import (
    DeliveryAttempt,
    EscalationStep,
    InAppNote,
    NotificationMessage,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
    OnCallStandIn,
)
from alarms.notify.on_call import who_is_on_call
from alarms.services.duty import as_rota


def list_targets() -> QuerySet[NotificationTarget]:
    """Return the targets of the organisation, without those of people."""
    return NotificationTarget.objects.filter(person=None).order_by("name", "id")


def list_routes() -> QuerySet[NotificationRoute]:
    """Return the routes with their steps in order; four queries."""
    steps = EscalationStep.objects.select_related("target", "rota").order_by("after_seconds", "id")
    routes = NotificationRoute.objects.select_related("site")
    return routes.prefetch_related(Prefetch("steps", steps)).order_by("position", "name", "id")


def list_rotas() -> QuerySet[OnCallRota]:
    """Return the rotas with their people; three queries."""
    members = OnCallMember.objects.select_related("person").order_by("position", "id")
    stand_ins = OnCallStandIn.objects.select_related("person").order_by("start", "id")
    rotas = OnCallRota.objects.prefetch_related(
        Prefetch("members", members), Prefetch("stand_ins", stand_ins)
    )
    return rotas.order_by("name", "id")


def list_messages() -> QuerySet[NotificationMessage]:
    """Return what was sent or tried, the newest first, with its tries."""
    tries = DeliveryAttempt.objects.order_by("id")
    rows = NotificationMessage.objects.select_related("target", "target__person")
    return rows.prefetch_related(Prefetch("attempts", tries)).order_by("-made_at", "-id")


def list_notes(person: User) -> QuerySet[InAppNote]:
    """Return what stands behind the bell of a person, the newest first."""
    return InAppNote.objects.filter(person=person).order_by("-at", "number", "-id")


def count_unread(person: User, *, most: int = 99) -> int:
    """Count what a person has not read, up to `most` and one more."""
    unread = InAppNote.objects.filter(person=person, read_at=None)
    return unread.values("id")[: most + 1].count()


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is on call from a moment until another; None: nobody."""

    start: dt.datetime
    end: dt.datetime
    person: str | None


def turns(rota: OnCallRota, start: dt.datetime, *, days: int) -> list[Turn]:
    """Return who is on call, hour by hour put together, for days from a moment on."""
    asked = as_rota(rota)
    names = {str(m.person_id): m.person.get_full_name() for m in rota.members.all()}
    names |= {str(s.person_id): s.person.get_full_name() for s in rota.stand_ins.all() if s.person}
    found: list[Turn] = []
    for at in _hours(start, days):
        who = who_is_on_call(asked, at)
        name = names.get(who, "") if who else None
        if found and found[-1].person == name:
            found[-1] = Turn(found[-1].start, at + dt.timedelta(hours=1), name)
        else:
            found.append(Turn(at, at + dt.timedelta(hours=1), name))
    return found


def _hours(start: dt.datetime, days: int) -> Iterator[dt.datetime]:
    first = start.replace(minute=0, second=0, microsecond=0)
    for hour in range(days * 24):
        yield first + dt.timedelta(hours=hour)
