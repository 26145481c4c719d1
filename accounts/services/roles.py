"""Roles that tenants make for themselves."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.db import IntegrityError, transaction

from accounts.models import Invitation, Membership, Role, SystemRole
from accounts.rbac.registry import CODES
from accounts.services.audit import record_event
from accounts.services.refusals import RoleInUse, RoleNameTaken, RoleTooStrong, UnknownCodes
from accounts.services.sessions import end_sign_ins


@transaction.atomic
def create_role(
    *,
    tenant_id: uuid.UUID,
    name: str,
    codes: Collection[str],
    editor_codes: frozenset[str],
    now: dt.datetime,
    description: str = "",
) -> Role:
    """Save a role with permissions that its maker has.

    Raises: RoleNameTaken, UnknownCodes, RoleTooStrong.
    """
    role = Role(tenant_id=tenant_id, name=name, description=description)
    role.codes = _checked(codes, editor_codes)
    _save(role)
    record_event(
        action="role.created",
        now=now,
        tenant_id=tenant_id,
        obj=role,
        label=role.name,
        detail={"codes": role.codes},
    )
    return role


@transaction.atomic
def change_role_codes(
    *,
    role_id: uuid.UUID,
    name: str,
    codes: Collection[str],
    editor_codes: frozenset[str],
    now: dt.datetime,
    description: str = "",
) -> Role:
    """Rename a role of the tenant in scope, or change what it may do.

    Members who lose a permission are signed out.

    Raises:
        Role.DoesNotExist: the tenant has no such role.
        RoleTooStrong: the role has, or would have, a permission that the editor does not have.
        RoleNameTaken, UnknownCodes.
    """
    role = Role.objects.select_for_update().get(id=role_id)
    before = frozenset(role.codes) & CODES
    if not before <= editor_codes:
        raise RoleTooStrong
    role.name, role.description = name, description
    role.codes = _checked(codes, editor_codes)
    _save(role)
    after = frozenset(role.codes)
    record_event(
        action="role.changed",
        now=now,
        tenant_id=role.tenant_id,
        obj=role,
        label=role.name,
        detail={"added": sorted(after - before), "removed": sorted(before - after)},
    )
    if before - after:
        for member in Membership.objects.filter(custom_role=role).select_related("user"):
            end_sign_ins(user=member.user, now=now)
    return role


@transaction.atomic
def delete_role(*, role_id: uuid.UUID, editor_codes: frozenset[str], now: dt.datetime) -> None:
    """Delete a role of the tenant in scope that nobody has.

    Raises: Role.DoesNotExist, RoleInUse, RoleTooStrong.
    """
    role = Role.objects.select_for_update().get(id=role_id)
    if not frozenset(role.codes) & CODES <= editor_codes:
        raise RoleTooStrong
    offered = Invitation.objects.filter(
        custom_role=role, accepted_at__isnull=True, revoked_at__isnull=True
    )
    if Membership.objects.filter(custom_role=role).exists() or offered.exists():
        raise RoleInUse
    record_event(
        action="role.deleted", now=now, tenant_id=role.tenant_id, obj=role, label=role.name
    )
    role.delete()


def prune_role(*, role: Role) -> list[str]:
    """Drop the codes that the registry does not know any more; return them, sorted."""
    unknown = sorted(set(role.codes) - CODES)
    if unknown:
        role.codes = sorted(set(role.codes) & CODES)
        role.save()
    return unknown


def _checked(codes: Collection[str], editor_codes: frozenset[str]) -> list[str]:
    wanted = frozenset(codes)
    if not wanted <= CODES:
        raise UnknownCodes
    if not wanted <= editor_codes:
        raise RoleTooStrong
    return sorted(wanted)


def _save(role: Role) -> None:
    names = {str(system.label).casefold() for system in SystemRole} | set(SystemRole)
    if role.name.casefold() in names:
        raise RoleNameTaken
    try:
        with transaction.atomic():
            role.save()
    except IntegrityError as error:
        if "role_name_once_per_tenant" not in str(error):
            raise
        raise RoleNameTaken from error
