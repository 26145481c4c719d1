"""Why somebody may do something, or why not: what the backends decide, in words."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth import get_backends
from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Membership, Tenant, User
from accounts.rbac.access import MANAGE_CUSTOMERS, access_of
from accounts.rbac.backend import tenant_of
from accounts.rbac.registry import code_of

_SHARE_VERDICTS: dict[str, Promise] = {
    "yes": gettext_lazy("“%(name)s” is shared with them, with this permission."),
    "later": gettext_lazy("A share of “%(name)s” has not begun yet."),
    "expired": gettext_lazy("A share of “%(name)s” has ended."),
    "role": gettext_lazy(
        "“%(name)s” is shared with their organisation, but their role there lacks the permission."
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One reason. `grants` is True when it gives the permission, False when it stands against
    it or gives nothing.
    """

    grants: bool
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer with all its reasons."""

    allowed: bool
    steps: list[Step]


def explain(
    *, user: User, permission: str, tenant: Tenant | None = None, obj: Model | None = None
) -> Explanation:
    """Say whether a person may do something with an object, or in a tenant, and why.

    Answers as `user.has_perm` does. Without an object the tenant decides.

    Raises: ValueError: there is no such permission.
    """
    code = code_of(permission)
    if code is None:
        raise ValueError(f"{permission!r} is no permission; see accounts.rbac.registry.")
    if not user.is_active:
        return Explanation(False, [Step(False, _("The account is disabled."))])
    if user.is_superuser:
        return Explanation(True, [Step(True, _("Platform staff with every right."))])
    tenant_id = tenant_of(obj) if obj is not None else tenant.id if tenant else None
    steps = [*_by_role(user, code, tenant_id), *_by_share(user, code, obj)]
    allowed = any(step.grants for step in steps)
    return Explanation(allowed, [*steps, *_second_factor(user, tenant_id, allowed=allowed)])


def _by_role(user: User, code: str, tenant_id: uuid.UUID | None) -> Iterator[Step]:
    """Explain the membership, or the one in a reseller above."""
    tenant = Tenant.objects.filter(id=tenant_id).first() if tenant_id else None
    if tenant is None:
        yield Step(False, _("The object belongs to no organisation; only platform staff may."))
        return
    names = {"organisation": tenant.name}
    if not tenant.is_active:
        yield Step(False, _("%(organisation)s is suspended.") % names)
        return
    grant = access_of(user).grants.get(tenant.id)
    if grant is None:
        yield Step(False, _("Not a member of %(organisation)s.") % names)
        yield from _weak_resellers(user, tenant)
        return
    names |= {"role": grant.via.role_name, "reseller": grant.via.tenant.name}
    if grant.is_direct:
        text = _("Member of %(organisation)s with the role “%(role)s”") % names
    else:
        text = _("Manages %(organisation)s through %(reseller)s with the role “%(role)s”") % names
    held = code in grant.codes
    has = _("which has the permission.") if held else _("which lacks the permission.")
    yield Step(held, f"{text}, {has}")


def _weak_resellers(user: User, tenant: Tenant) -> Iterator[Step]:
    """Name memberships in resellers above that do not reach down, and why."""
    place, seen = tenant.parent, {tenant.id}
    while place is not None and place.id not in seen:
        seen.add(place.id)
        member = (
            Membership.objects.filter(user=user, tenant=place).select_related("custom_role").first()
        )
        names = {"reseller": place.name}
        if member and not place.is_active:
            yield Step(False, _("The reseller %(reseller)s is suspended.") % names)
        elif member and MANAGE_CUSTOMERS not in member.codes:
            yield Step(
                False, _("The role in the reseller %(reseller)s does not manage customers.") % names
            )
        place = place.parent


def _by_share(user: User, code: str, obj: Model | None) -> Iterator[Step]:
    if obj is None:
        return
    backends: list[Any] = [b for b in get_backends() if hasattr(b, "explain")]
    for backend in backends:
        for verdict, name in backend.explain(user, code, obj):
            suspended = verdict == "yes" and not backend.has_perm(user, code, obj)
            if not suspended:  # said already
                yield Step(verdict == "yes", _SHARE_VERDICTS[verdict] % {"name": name})


def _second_factor(user: User, tenant_id: uuid.UUID | None, *, allowed: bool) -> Iterator[Step]:
    """Warn: with everything else in order, the pages wait for the second factor."""
    tenant = Tenant.objects.filter(id=tenant_id, requires_mfa=True).first() if tenant_id else None
    if allowed and tenant and not Authenticator.objects.filter(user=user).exists():
        yield Step(
            False,
            _("%(organisation)s requires a second factor, which they must set up first.")
            % {"organisation": tenant.name},
        )
