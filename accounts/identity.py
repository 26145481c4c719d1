"""Who a request is from, and for which tenant that person acts."""

from __future__ import annotations

import uuid
from typing import cast

from django.http import HttpRequest

from accounts.models import Membership, User

SESSION_TENANT = "acting_tenant"


def active_memberships(user: User) -> list[Membership]:
    """Return the memberships in active tenants, by tenant name; one query."""
    return list(
        Membership.objects.filter(user=user, tenant__is_active=True)
        .select_related("tenant")
        .order_by("tenant__name", "id")
    )


def choose_membership(memberships: list[Membership], wanted: str | None) -> Membership | None:
    """Return the membership of the wanted tenant id, else the first; None without any."""
    for membership in memberships:
        if str(membership.tenant_id) == wanted:
            return membership
    return memberships[0] if memberships else None


def acting_membership(request: HttpRequest) -> Membership | None:
    """Return the membership the request acts under; it is read from the database each time."""
    request.memberships = []  # type: ignore[attr-defined]
    if not request.user.is_authenticated:
        return None
    memberships = active_memberships(cast(User, request.user))
    request.memberships = memberships  # type: ignore[attr-defined]
    return choose_membership(memberships, request.session.get(SESSION_TENANT))


def switch_tenant(request: HttpRequest, *, tenant_id: uuid.UUID) -> bool:
    """Remember the tenant to act for; False when the user is no member of it."""
    if not any(m.tenant_id == tenant_id for m in active_memberships(cast(User, request.user))):
        return False
    request.session[SESSION_TENANT] = str(tenant_id)
    return True
