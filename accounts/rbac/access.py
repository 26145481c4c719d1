"""What a person may do where, read once for each request."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accounts.rbac.registry import CODES

if TYPE_CHECKING:
    from accounts.models import Membership, Tenant, User

MANAGE_CUSTOMERS = "manage:customer"
MAX_DEPTH = 8  # resellers of resellers
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """The permissions of one person in one tenant, and where they come from.

    `via` is the membership itself, or the one in a reseller above the tenant.
    """

    tenant: Tenant
    codes: frozenset[str]
    via: Membership

    @property
    def is_direct(self) -> bool:
        """Tell whether the person is a member of the tenant itself."""
        return self.via.tenant_id == self.tenant.id


@dataclass(slots=True)
class Access:
    """The grants of one person, by tenant id; direct ones first, then by name."""

    grants: dict[uuid.UUID, Grant] = field(default_factory=dict)

    def codes_in(self, tenant_id: uuid.UUID | None) -> frozenset[str]:
        """Return the permission codes in a tenant."""
        grant = self.grants.get(tenant_id) if tenant_id else None
        return grant.codes if grant else NOTHING

    def tenants_with(self, code: str) -> set[uuid.UUID]:
        """Return the tenants where the person has a permission."""
        return {tenant_id for tenant_id, grant in self.grants.items() if code in grant.codes}


def access_of(user: User) -> Access:
    """Return the grants of a person; kept on the object, which lives for one request.

    One query, and one more for each level of customers below a reseller.
    """
    known: Access | None = getattr(user, "_access", None)
    if known is None:
        known = load_access(user)
        user._access = known  # type: ignore[attr-defined]
    return known


def forget_access(user: User) -> None:
    """Read the grants again at the next question."""
    user.__dict__.pop("_access", None)


def load_access(user: User) -> Access:
    """Read the grants in active tenants from the database."""
    from accounts.models import Membership  # models import the registry of this package

    memberships = list(
        Membership.objects.filter(user_id=user.pk, tenant__is_active=True)
        .select_related("tenant", "tenant__plan", "custom_role")
        .order_by("tenant__name", "id")
    )
    access = Access({m.tenant_id: Grant(m.tenant, m.codes, m) for m in memberships})
    managing = [m for m in memberships if m.tenant.is_reseller and MANAGE_CUSTOMERS in m.codes]
    if managing:
        _add_customers(access, {m.tenant_id: m for m in managing})
    return access


def _add_customers(access: Access, above: dict[uuid.UUID, Membership]) -> None:
    """Add the tenants below resellers; a membership of one's own there goes before."""
    from accounts.models import Tenant

    for _level in range(MAX_DEPTH):
        customers = Tenant.objects.filter(parent__in=list(above), is_active=True)
        below: dict[uuid.UUID, Membership] = {}
        for tenant in customers.select_related("plan").order_by("name", "id"):
            via = above[tenant.parent_id]  # type: ignore[index]
            access.grants.setdefault(tenant.id, Grant(tenant, via.codes, via))
            if tenant.is_reseller:
                below[tenant.id] = via
        if not below:
            return
        above = below


def platform_codes(*, is_superuser: bool) -> frozenset[str]:
    """Return what platform staff may do in every tenant: superusers everything."""
    return CODES if is_superuser else NOTHING
