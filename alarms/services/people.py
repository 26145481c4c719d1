"""Whom a tenant can tell of alarms, and by what."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import SystemRole, User
from accounts.services.platform_tenant import PLATFORM_TENANT_ID
from alarms.models import NotificationTarget, TargetKind
from devices.models import Site

DEFAULT_KINDS = (TargetKind.EMAIL, TargetKind.IN_APP)


def members(tenant_id: uuid.UUID) -> QuerySet[User]:
    """Return who may be told of alarms of a tenant; of the platform's its staff."""
    if tenant_id == PLATFORM_TENANT_ID:
        belongs = Q(is_staff=True)
    else:
        belongs = Q(memberships__tenant_id=tenant_id, memberships__tenant__is_active=True)
    return User.objects.filter(belongs, is_active=True).distinct()


def administrators(tenant_id: uuid.UUID) -> list[User]:
    """Return who is told when no route says who."""
    found = members(tenant_id)
    if tenant_id != PLATFORM_TENANT_ID:
        found = found.filter(memberships__tenant_id=tenant_id, memberships__role=SystemRole.ADMIN)
    return list(found.order_by("email", "id"))


def targets_of(people: Collection[User]) -> list[NotificationTarget]:
    """Return by what people are told, in the tenant in scope.

    Who has chosen nothing yet is told by e-mail and in the app.
    """
    known = NotificationTarget.objects.filter(person__in=[person.id for person in people])
    have = {target.person_id for target in known}
    for person in people:
        if person.id not in have:
            make_personal(person, TargetKind.IN_APP)
    return list(known.filter(is_active=True).order_by("id"))


def make_personal(person: User, kind: str) -> NotificationTarget:
    """Return the target of a person of one kind; make it with the settings of the others.

    Whose first it is gets the usual ones besides: who asks for pushes still gets e-mails.
    """
    known = NotificationTarget.objects.filter(person=person).order_by("created_at", "id").first()
    if known is None:
        for usual in DEFAULT_KINDS:
            known = _make(person, usual, _fresh())
    return _make(person, kind, _manners_of(known) if known else _fresh())


def _make(person: User, kind: str, manners: dict[str, Any]) -> NotificationTarget:
    defaults = {"name": person.get_full_name()[:100]} | manners
    target, _is_new = NotificationTarget.objects.get_or_create(
        person=person, kind=kind, defaults=defaults
    )
    return target


def _manners_of(other: NotificationTarget) -> dict[str, Any]:
    return {"language": other.language, "timezone": other.timezone, "quiet": other.quiet}


def _fresh() -> dict[str, Any]:
    site = Site.objects.order_by("created_at", "id").first()
    zone = site.timezone if site else settings.TIME_ZONE
    return {"language": settings.LANGUAGE_CODE, "timezone": zone}
