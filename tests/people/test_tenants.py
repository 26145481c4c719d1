"""Resellers, plans, suspension."""

from __future__ import annotations

import pytest

from accounts.models import Plan, Tenant
from accounts.services.refusals import NotAReseller, QuotaDevices, TreeCycle, TreeTooDeep
from accounts.services.tenants import resume_tenant, set_parent, set_plan, suspend_tenant
from devices.services.devices import register_device
from devices.services.gateways import register_gateway
from tests.factories import DeviceProfileFactory, MembershipFactory, SiteFactory, TenantFactory


def chain(length):
    """Return resellers, each below the one before."""
    found = [TenantFactory(is_reseller=True)]
    for _number in range(length - 1):
        found.append(TenantFactory(is_reseller=True, parent=found[-1]))
    return found


def test_only_a_reseller_stands_above(red, blue, now):
    with pytest.raises(NotAReseller):
        set_parent(tenant_id=red.tenant.id, parent=blue.tenant, now=now)


def test_no_circles(db, now):
    top, middle, bottom = chain(3)

    for parent in (top, middle, bottom):
        with pytest.raises(TreeCycle):
            set_parent(tenant_id=top.id, parent=parent, now=now)
    assert Tenant.objects.get(id=top.id).parent is None


def test_eight_levels_at_most(db, now):
    resellers = chain(7)
    eighth, below = TenantFactory(is_reseller=True), TenantFactory()
    set_parent(tenant_id=eighth.id, parent=resellers[-1], now=now)

    with pytest.raises(TreeTooDeep):
        set_parent(tenant_id=below.id, parent=eighth, now=now)


def test_a_tree_is_moved_with_what_hangs_below(db, now):
    top = chain(6)
    small = chain(2)
    TenantFactory(parent=small[-1])

    with pytest.raises(TreeTooDeep):
        set_parent(tenant_id=small[0].id, parent=top[-1], now=now)


def test_a_resellers_staff_reach_their_own_customers_only(red, blue, client_for, now):
    reseller = TenantFactory(is_reseller=True, name="Partner")
    staff = MembershipFactory(tenant=reseller, role="admin").user
    set_parent(tenant_id=red.tenant.id, parent=reseller, now=now)
    browser = client_for(staff)

    own = browser.post("/organisation", {"tenant": str(red.tenant.id)})
    other = browser.post("/organisation", {"tenant": str(blue.tenant.id)})

    assert (own.status_code, other.status_code) == (302, 404)
    assert browser.get("/settings/people").context["acting"].tenant == red.tenant


def test_a_plan_limits_devices(red, now):
    plan = Plan.objects.create(name="Tiny", max_devices=2)
    set_plan(tenant_id=red.tenant.id, plan=plan, now=now)
    site, profile = SiteFactory(tenant=red.tenant), DeviceProfileFactory()

    with red.scope():
        register_gateway(site=site, uid="gw-quota", name="does not count")
        for number in (1, 2):
            register_device(
                site=site, gateway=None, uid=f"d{number}", name="Meter", profile=profile
            )
        with pytest.raises(QuotaDevices) as refusal:
            register_device(site=site, gateway=None, uid="d3", name="Meter", profile=profile)

    assert refusal.value.code == "quota_devices"


def test_the_admin_says_that_the_plan_is_used_up(red, staff, client_for, now):
    plan = Plan.objects.create(name="None", max_devices=0)
    set_plan(tenant_id=red.tenant.id, plan=plan, now=now)
    site, profile = SiteFactory(tenant=red.tenant), DeviceProfileFactory()

    answer = client_for(staff).post(
        f"/admin/devices/device/add/?tenant={red.tenant.id}",
        {"site": str(site.id), "profile": str(profile.id), "uid": "d1", "name": "Meter"},
    )

    assert "Your plan allows no more devices" in answer.content.decode()


def test_suspended_means_out_at_once_and_resumed_means_back(red, client_for, now):
    browser = client_for(red.viewer)
    suspend_tenant(tenant_id=red.tenant.id, reason="unpaid", now=now)

    assert browser.get("/").status_code == 302
    red.viewer.refresh_from_db()
    assert client_for(red.viewer).get("/").context["acting"] is None
    assert not red.viewer.has_perm("read:device")

    resume_tenant(tenant_id=red.tenant.id, now=now)
    assert client_for(red.viewer).get("/").context["acting"].tenant == red.tenant
    red.tenant.refresh_from_db()
    assert (red.tenant.suspended_at, red.tenant.suspension_reason) == (None, "")


def test_suspending_twice_keeps_the_first_reason(red, now):
    suspend_tenant(tenant_id=red.tenant.id, reason="unpaid", now=now)

    assert suspend_tenant(tenant_id=red.tenant.id, reason="other", now=now).suspension_reason == (
        "unpaid"
    )
