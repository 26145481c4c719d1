"""Members of a tenant: their roles, removal, leaving."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction

from accounts.models import Invitation, Membership, SystemRole, Tenant, User
from accounts.queries.people import other_administrators
from accounts.queries.roles import RoleChoice, choice_of
from accounts.services.audit import record_event
from accounts.services.refusals import LastAdministrator, MemberAbove, NoMember, RoleTooStrong
from accounts.services.sessions import end_sign_ins


@transaction.atomic
def change_role(
    *,
    membership_id: uuid.UUID,
    tenant_id: uuid.UUID,
    choice: RoleChoice,
    editor_codes: frozenset[str],
    now: dt.datetime,
) -> Membership:
    """Give a member another role; everything they signed in to ends.

    Raises:
        NoMember, RoleTooStrong, MemberAbove, LastAdministrator.
    """
    membership = _lock_member(membership_id, tenant_id)
    if choice == choice_of(membership):
        return membership
    _check_above(membership, editor_codes)
    if not choice.codes <= editor_codes:
        raise RoleTooStrong
    if choice.role != SystemRole.ADMIN:
        _check_not_last(membership)
    before = membership.role_name
    membership.role, membership.custom_role = choice.role, choice.custom_role
    membership.save()
    _revoke_invitations_by(membership, now)
    record_event(
        action="member.role_changed",
        now=now,
        tenant_id=tenant_id,
        obj=membership,
        label=membership.user.email,
        detail={"from": before, "to": choice.name},
    )
    end_sign_ins(user=membership.user, now=now)
    return membership


@transaction.atomic
def remove_member(
    *,
    membership_id: uuid.UUID,
    tenant_id: uuid.UUID,
    editor_codes: frozenset[str],
    now: dt.datetime,
) -> None:
    """Take a person out of the tenant; everything they signed in to ends.

    Raises: NoMember, MemberAbove, LastAdministrator.
    """
    membership = _lock_member(membership_id, tenant_id)
    _check_above(membership, editor_codes)
    _end(membership, action="member.removed", now=now)


@transaction.atomic
def leave(*, user: User, tenant_id: uuid.UUID, now: dt.datetime) -> None:
    """Let a person leave a tenant; other sign-ins of theirs stay.

    Raises: NoMember, LastAdministrator.
    """
    found = Membership.objects.filter(user=user, tenant_id=tenant_id).first()
    if found is None:
        raise NoMember
    _end(_lock_member(found.id, tenant_id), action="member.left", now=now)


def _end(membership: Membership, *, action: str, now: dt.datetime) -> None:
    _check_not_last(membership)
    _revoke_invitations_by(membership, now)
    record_event(
        action=action,
        now=now,
        tenant_id=membership.tenant_id,
        obj=membership,
        label=membership.user.email,
        detail={"role": membership.role_name},
    )
    membership.delete()
    if action != "member.left":
        end_sign_ins(user=membership.user, now=now)


def _lock_member(membership_id: uuid.UUID, tenant_id: uuid.UUID) -> Membership:
    """Return the member; two changes in one tenant wait for each other."""
    Tenant.objects.select_for_update(no_key=True).get(id=tenant_id)
    found = (
        Membership.objects.filter(id=membership_id, tenant_id=tenant_id)
        .select_related("user", "custom_role")
        .first()
    )
    if found is None:
        raise NoMember
    return found


def _check_above(membership: Membership, editor_codes: frozenset[str]) -> None:
    if not membership.codes <= editor_codes:
        raise MemberAbove


def _check_not_last(membership: Membership) -> None:
    if membership.role == SystemRole.ADMIN and not other_administrators(membership):
        raise LastAdministrator


def _revoke_invitations_by(membership: Membership, now: dt.datetime) -> None:
    """Withdraw what the member offered: it may be more than they may give from now on."""
    Invitation.objects.filter(
        tenant_id=membership.tenant_id,
        invited_by=membership.user,
        accepted_at__isnull=True,
        revoked_at__isnull=True,
    ).update(revoked_at=now)
