"""Stored permissions follow the registry."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from accounts.models import Role
from accounts.rbac.registry import CODES
from accounts.services.roles import prune_role
from accounts.tenancy import all_tenants
from devices.services.shares import ensure_share_permissions


@dataclass(frozen=True, slots=True)
class PrunedRole:
    """A tenant's role that held codes which no longer exist."""

    tenant: str
    name: str
    codes: list[str]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What was done."""

    codes: int
    created: int
    pruned: list[PrunedRole]


@transaction.atomic
def sync_permissions() -> SyncReport:
    """Make the rows that shares refer to; drop unknown codes from tenants' roles."""
    created = ensure_share_permissions()
    pruned = []
    with all_tenants():  # roles of every tenant
        for role in Role.objects.select_related("tenant").order_by("tenant__slug", "name", "id"):
            unknown = prune_role(role=role)
            if unknown:
                pruned.append(PrunedRole(role.tenant.slug, role.name, unknown))
    return SyncReport(len(CODES), created, pruned)
