"""Tenants: their place among resellers, suspension, deletion."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

from django.db import transaction

from accounts.models import Membership, Plan, Tenant
from accounts.rbac.access import MAX_DEPTH
from accounts.services.audit import record_event
from accounts.services.erasure import Erased, erase_tenant, erase_tenant_row
from accounts.services.refusals import (
    HasCustomers,
    NameDiffers,
    NotAReseller,
    TreeCycle,
    TreeTooDeep,
)
from accounts.services.sessions import end_sign_ins


def check_parent(*, tenant: Tenant, parent: Tenant | None) -> None:
    """Refuse a place in the tree that does not work.

    Raises:
        NotAReseller: the tenant above is none.
        TreeCycle: the tenant would stand above itself.
        TreeTooDeep: more than eight levels.
    """
    if parent is None:
        return
    if not parent.is_reseller:
        raise NotAReseller
    above, seen = 0, {tenant.id}
    place: uuid.UUID | None = parent.id
    while place is not None:
        if place in seen:
            raise TreeCycle
        seen.add(place)
        above += 1
        place = Tenant.objects.values_list("parent_id", flat=True).get(id=place)
    if above + _levels_below(tenant) > MAX_DEPTH:
        raise TreeTooDeep


@transaction.atomic
def set_parent(*, tenant_id: uuid.UUID, parent: Tenant | None, now: dt.datetime) -> Tenant:
    """Put a tenant below a reseller, or below nobody.

    Raises: NotAReseller, TreeCycle, TreeTooDeep.
    """
    # all resellers are locked: two moves at once could close a circle
    list(Tenant.objects.filter(is_reseller=True).order_by("id").select_for_update(no_key=True))
    tenant = Tenant.objects.select_for_update(no_key=True).get(id=tenant_id)
    check_parent(tenant=tenant, parent=parent)
    before = tenant.parent_id
    tenant.parent = parent
    tenant.save()
    record_event(
        action="tenant.moved",
        now=now,
        tenant_id=tenant.id,
        obj=tenant,
        label=tenant.slug,
        detail={"from": str(before or ""), "to": str(tenant.parent_id or "")},
    )
    return tenant


@transaction.atomic
def set_plan(*, tenant_id: uuid.UUID, plan: Plan | None, now: dt.datetime) -> Tenant:
    """Give a tenant other limits; what is above them already stays."""
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(id=tenant_id)
    tenant.plan = plan
    tenant.save()
    record_event(
        action="tenant.plan_changed",
        now=now,
        tenant_id=tenant.id,
        obj=tenant,
        label=tenant.slug,
        detail={"plan": plan.name if plan else ""},
    )
    return tenant


@transaction.atomic
def suspend_tenant(*, tenant_id: uuid.UUID, reason: str, now: dt.datetime) -> Tenant:
    """Let nobody work in a tenant; what its devices send is still stored.

    Members, guests, keys and the resellers above are out at once. Nothing is lost, so a
    customer who pays late finds no gap afterwards.
    """
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(id=tenant_id)
    if not tenant.is_active:
        return tenant
    tenant.is_active = False
    tenant.suspended_at, tenant.suspension_reason = now, reason
    tenant.save()
    record_event(
        action="tenant.suspended",
        now=now,
        tenant_id=tenant.id,
        obj=tenant,
        label=tenant.slug,
        detail={"reason": reason},
    )
    for member in Membership.objects.filter(tenant=tenant).select_related("user"):
        end_sign_ins(user=member.user, now=now)
    return tenant


@transaction.atomic
def resume_tenant(*, tenant_id: uuid.UUID, now: dt.datetime) -> Tenant:
    """Let the people of a suspended tenant work again."""
    tenant = Tenant.objects.select_for_update(of=("self",), no_key=True).get(id=tenant_id)
    if tenant.is_active:
        return tenant
    tenant.is_active = True
    tenant.suspended_at, tenant.suspension_reason = None, ""
    tenant.save()
    record_event(
        action="tenant.resumed", now=now, tenant_id=tenant.id, obj=tenant, label=tenant.slug
    )
    return tenant


def delete_tenant(
    *, tenant: Tenant, now: dt.datetime, confirmed_name: str, has_broker: bool = True
) -> Iterator[Erased]:
    """Remove every trace of a tenant in bounded batches; yields what each batch removed.

    The tenant is suspended first and its own row goes last: interrupted, the next run goes
    on where this one ended. Audit events remain.

    Args: has_broker: False leaves the accounts on the broker, which are then yielded as such.

    Raises:
        NameDiffers: `confirmed_name` is not the tenant's name.
        HasCustomers: other tenants stand below it.
        BrokerError: the broker does not answer; no row is deleted yet.
    """
    if confirmed_name != tenant.name:
        raise NameDiffers
    if Tenant.objects.filter(parent=tenant).exists():
        raise HasCustomers
    suspend_tenant(tenant_id=tenant.id, reason="deletion", now=now)
    return _delete(tenant, now, has_broker)


def _delete(tenant: Tenant, now: dt.datetime, has_broker: bool) -> Iterator[Erased]:
    total = 0
    for erased in erase_tenant(tenant.id, has_broker=has_broker):
        total += erased.rows
        yield erased
    with transaction.atomic():
        record_event(
            action="tenant.deleted",
            now=now,
            tenant_id=None,
            label=tenant.slug,
            detail={"tenant": str(tenant.id), "rows": total},
        )
        last = list(erase_tenant_row(tenant.id))
    yield from last


def _levels_below(tenant: Tenant) -> int:
    """Return the levels of a tenant and its customers: 1 without customers."""
    levels, row = 1, [tenant.id]
    while row := list(Tenant.objects.filter(parent_id__in=row).values_list("id", flat=True)):
        levels += 1
        if levels > MAX_DEPTH:
            break
    return levels
