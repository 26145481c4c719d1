"""Routes with their ladders, and rotas: made, changed, removed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from alarms.models import (
    EscalationStep,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
    OnCallStandIn,
)
from alarms.notify.weeks import BadSlots, plain_slots, read_slots
from devices.models import Site

MAX_ROUTES, MAX_STEPS, MAX_ROTAS, MAX_MEMBERS, MAX_STAND_INS = 100, 20, 50, 50, 200


@dataclass(frozen=True, slots=True)
class Step:
    """Tell a target, or whoever is on call, after so many seconds; one of the two."""

    after_seconds: int
    target: NotificationTarget | None = None
    rota: OnCallRota | None = None


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who takes over from a moment until another; None: nobody is on call."""

    start: dt.datetime
    end: dt.datetime
    person: User | None = None


@transaction.atomic
def save_route(
    values: dict[str, Any], steps: Sequence[Step], *, route: NotificationRoute | None = None
) -> NotificationRoute:
    """Make or change a route with all of its steps. Raises: ValidationError, by fields.

    Args: values: name, position, is_active, min_severity, site, tag, slots, overrides_quiet,
        tells_end.
    """
    _limit(NotificationRoute, MAX_ROUTES, route)
    if len(steps) > MAX_STEPS:
        raise ValidationError({"steps": _("There are too many steps.")}, code="too_many")
    if not steps:
        raise ValidationError({"steps": _("Say who is told.")}, code="required")
    if len({(s.after_seconds, s.target, s.rota) for s in steps}) < len(steps):
        raise ValidationError({"steps": _("Two steps are the same.")}, code="unique")
    route = route or NotificationRoute()
    _set(route, values, weeks=("slots",))
    route.steps.all().delete()
    for step in steps:
        made = EscalationStep(
            route=route, after_seconds=step.after_seconds, target=step.target, rota=step.rota
        )
        made.clean_fields(exclude=["tenant"])
        made.save()
    return route


@transaction.atomic
def save_rota(
    values: dict[str, Any],
    people: Sequence[User],
    stand_ins: Sequence[StandIn],
    *,
    rota: OnCallRota | None = None,
) -> OnCallRota:
    """Make or change a rota with all of its people. Raises: ValidationError, by fields.

    Args: values: name, timezone, first_date, handover, turn_days, hours.
        people: in the order of their turns; somebody may come twice.
    """
    _limit(OnCallRota, MAX_ROTAS, rota)
    if not people:
        raise ValidationError({"people": _("Say who takes turns.")}, code="required")
    if len(people) > MAX_MEMBERS or len(stand_ins) > MAX_STAND_INS:
        raise ValidationError({"people": _("There are too many people.")}, code="too_many")
    if any(one.end <= one.start for one in stand_ins):
        raise ValidationError({"stand_ins": _("The end is before the start.")}, code="invalid")
    rota = rota or OnCallRota()
    _set(rota, values, weeks=("hours",))
    rota.members.all().delete()
    rota.stand_ins.all().delete()
    for position, person in enumerate(people):
        OnCallMember.objects.create(rota=rota, person=person, position=position)
    for one in stand_ins:
        OnCallStandIn.objects.create(rota=rota, person=one.person, start=one.start, end=one.end)
    return rota


def remove_route(route_id: uuid.UUID) -> None:
    """Remove a route; what was planned by it is still told."""
    NotificationRoute.objects.filter(id=route_id).delete()


def remove_rota(rota_id: uuid.UUID) -> None:
    """Remove a rota with the steps that name it."""
    OnCallRota.objects.filter(id=rota_id).delete()


def sites() -> models.QuerySet[Site]:
    """Return the sites that routes can be limited to."""
    return Site.objects.order_by("name", "id")


def _limit(model: Any, most: int, known: Any) -> None:
    if known is None and model.objects.count() >= most:
        raise ValidationError({"name": _("There are too many of them.")}, code="too_many")


def _set(row: Any, values: dict[str, Any], *, weeks: Sequence[str]) -> None:
    for name, value in values.items():
        setattr(row, name, _slots(name, value) if name in weeks else value)
    row.check_tenant()
    row.clean_fields(exclude=["tenant"])
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ValidationError({"name": _("This name is taken.")}, code="unique") from error


def _slots(name: str, value: Any) -> list[dict[str, Any]]:
    try:
        return plain_slots(read_slots(list(value)))
    except BadSlots as error:
        raise ValidationError({name: str(error)}, code="invalid") from error
