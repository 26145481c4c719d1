"""The people of a tenant."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db.models import Q, QuerySet

from accounts.models import Invitation, Membership, SystemRole


def list_members(tenant_id: uuid.UUID, *, search: str = "") -> QuerySet[Membership]:
    """Return the members with person and role, by address.

    Args: search: part of a name or an address, in any case.
    """
    rows = Membership.objects.filter(tenant_id=tenant_id).select_related("user", "custom_role")
    if search:
        rows = rows.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
    return rows.order_by("user__email", "id")


def open_invitations(*, search: str = "") -> QuerySet[Invitation]:
    """Return the invitations of the tenant in scope that were neither used nor revoked.

    Args: search: part of the address, in any case.
    """
    rows = Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True)
    if search:
        rows = rows.filter(email__icontains=search)
    return rows.select_related("custom_role", "invited_by").order_by("email", "id")


def other_administrators(membership: Membership) -> bool:
    """Tell whether somebody else in the tenant is an administrator who can sign in."""
    return (
        Membership.objects.filter(
            tenant_id=membership.tenant_id, role=SystemRole.ADMIN, user__is_active=True
        )
        .exclude(id=membership.id)
        .exists()
    )


def is_expired(invitation: Invitation, *, now: dt.datetime) -> bool:
    """Tell whether an invitation has passed its end."""
    return invitation.expires_at <= now
