"""Who a request is from, and for which tenant that person acts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from django.contrib.auth import get_backends
from django.db.models import Q
from django.http import HttpRequest

from accounts.models import Tenant, User
from accounts.rbac.access import NOTHING, access_of
from accounts.tenancy import guest_scope, tenant_scope

SESSION_TENANT = "acting_tenant"


@dataclass(frozen=True, slots=True)
class Acting:
    """The tenant that somebody acts for.

    `kind` is "member", "reseller" (through a tenant above), "guest" (only what is shared)
    or "key" (a program). A guest has no codes; `shared` are the rows by model label that a
    guest or the key of a device is limited to.
    """

    tenant: Tenant
    codes: frozenset[str]
    role_name: str
    kind: str
    shared: Mapping[str, Q] = field(default_factory=dict)

    @property
    def tenant_id(self) -> uuid.UUID:
        """Return the id of the tenant."""
        return self.tenant.id

    def scope(self) -> AbstractContextManager[None]:
        """Limit queries to what this identity may reach."""
        if self.kind == "guest" or self.shared:
            return guest_scope(self.tenant_id, self.shared)
        return tenant_scope(self.tenant_id)


class GuestBackend(Protocol):
    """A backend that knows shares of single objects."""

    def shared_tenants(self, user: User) -> list[Tenant]:
        """Return the active tenants that share something with the person now."""

    def guest_rows(self, user: User, tenant_id: uuid.UUID) -> Mapping[str, Q]:
        """Return the rows that a tenant shares with the person now, by model label."""


def organisations(user: User) -> list[Acting]:
    """Return every tenant that a person can act for: own, customers', then as a guest."""
    grants = access_of(user).grants.values()
    found = [
        Acting(g.tenant, g.codes, g.via.role_name, "member" if g.is_direct else "reseller")
        for g in grants
    ]
    known = {acting.tenant_id for acting in found}
    return found + [
        Acting(tenant, NOTHING, "", "guest", backend.guest_rows(user, tenant.id))
        for backend in _sharing_backends()
        for tenant in backend.shared_tenants(user)
        if tenant.id not in known
    ]


def choose_acting(user: User, wanted: str | None) -> Acting | None:
    """Return the wanted tenant (an id) when the person may act for it, else the first."""
    grants = access_of(user).grants
    for grant in grants.values():
        if wanted is None or str(grant.tenant.id) == wanted:
            kind = "member" if grant.is_direct else "reseller"
            return Acting(grant.tenant, grant.codes, grant.via.role_name, kind)
    found = organisations(user)
    return next((acting for acting in found if str(acting.tenant_id) == wanted), None) or next(
        iter(found), None
    )


def find_acting(request: HttpRequest) -> Acting | None:
    """Return the tenant the request acts for; rights are read from the database each time."""
    if not request.user.is_authenticated:
        return None
    return choose_acting(cast(User, request.user), request.session.get(SESSION_TENANT))


def switch_tenant(request: HttpRequest, *, tenant_id: uuid.UUID) -> bool:
    """Remember the tenant to act for; False when the user may not act for it."""
    acting = choose_acting(cast(User, request.user), str(tenant_id))
    if acting is None or acting.tenant_id != tenant_id:
        return False
    request.session[SESSION_TENANT] = str(tenant_id)
    return True


def _sharing_backends() -> list[GuestBackend]:
    backends: list[Any] = get_backends()
    return [cast(GuestBackend, b) for b in backends if hasattr(b, "shared_tenants")]
