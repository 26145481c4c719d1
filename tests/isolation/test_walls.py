"""Walls that no single route shows: resellers, guests of two tenants, rows by permission."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.credentials.api_key import ApiKeyPrincipal
from accounts.identity import choose_acting
from accounts.models import ApiKey, Role, SystemRole
from accounts.rbac.access import forget_access
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.rbac.scope import scope
from accounts.tenancy import guest_scope, tenant_scope
from devices.models import Device, Gateway, Site
from devices.services.shares import share_with_tenant, share_with_user
from tests.factories import DeviceFactory, MembershipFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db

YEAR = dt.timedelta(days=365)


@pytest.fixture
def customers():
    """A reseller, a customer below it, and one of the reseller's people as administrator."""
    reseller = TenantFactory(name="Above", slug="above", is_reseller=True)
    customer = TenantFactory(name="Below", slug="below", parent=reseller)
    person = MembershipFactory(tenant=reseller, role=SystemRole.ADMIN).user
    return reseller, customer, person


def codes_in(person, tenant):
    forget_access(person)
    with tenant_scope(tenant.id):
        return {code for code in SYSTEM_ROLES["admin"] if person.has_perm(code)}


def lend(team, device, person):
    now = timezone.now()
    with team.scope():
        share_with_user(
            target=device, email=person.email, codes=["read:telemetry"], valid_from=now,
            expires_at=now + YEAR, shared_by=team.owner, editor_codes=SYSTEM_ROLES["admin"],
            now=now,
        )  # fmt: skip


def test_a_reseller_without_the_permission_reaches_no_customer(customers):
    reseller, customer, person = customers
    assert codes_in(person, customer)
    person.memberships.update(role=SystemRole.VIEWER)

    assert codes_in(person, customer) == set()
    assert choose_acting(person, str(customer.id)).tenant_id == reseller.id


def test_a_tenant_that_resells_no_more_reaches_no_customer(customers):
    reseller, customer, person = customers
    reseller.is_reseller = False
    reseller.save()

    assert codes_in(person, customer) == set()


def test_a_suspended_customer_is_closed_to_its_reseller(customers):
    _reseller, customer, person = customers
    customer.is_active = False
    customer.save()

    assert codes_in(person, customer) == set()


def test_ones_own_role_in_a_customer_goes_before_the_resellers(customers):
    _reseller, customer, person = customers
    MembershipFactory(user=person, tenant=customer, role=SystemRole.VIEWER)

    assert codes_in(person, customer) == SYSTEM_ROLES["viewer"]


def test_the_tenant_of_the_object_judges_not_the_one_acted_for(red, blue):
    device = DeviceFactory(tenant=blue.tenant)
    MembershipFactory(user=red.owner, tenant=blue.tenant, role=SystemRole.VIEWER)

    with red.scope():
        assert red.owner.has_perm("write:device")
        assert red.owner.has_perm("read:device", device)
        assert not red.owner.has_perm("write:device", device)
        assert not red.owner.has_perm("write:device", blue.tenant)
        assert not red.operator.has_perm("read:device", device)


def test_only_permitted_and_shared_rows_are_in_scope(red):
    with red.scope():
        near, _far = DeviceFactory(tenant=red.tenant), DeviceFactory(tenant=red.tenant)
        bare = Role.objects.create(name="Nothing", codes=["read:schedule"])
    limited = MembershipFactory(tenant=red.tenant, role="", custom_role=bare).user

    with red.scope():
        assert scope(red.viewer, "read:device", Device).count() == 2
        assert scope(limited, "read:device", Device).count() == 0
        assert scope(AnonymousUser(), "read:device", Device).count() == 0
        lend(red, near, limited)
        assert list(scope(limited, "read:device", Device)) == [near]
        assert scope(limited, "write:device", Device).count() == 0


def test_a_disabled_person_has_no_rows(red, staff):
    with red.scope():
        DeviceFactory(tenant=red.tenant)
        for person in (red.owner, staff):
            person.is_active = False
            assert scope(person, "read:device", Device).count() == 0


def test_a_key_has_rows_of_its_own_tenant_only(red, blue):
    with red.scope():
        DeviceFactory(tenant=red.tenant)
        key = ApiKeyPrincipal(ApiKey(name="x", tenant=red.tenant, codes=["read:device"]))
        assert scope(key, "read:device", Device).count() == 1
        assert key.has_perm("read:device")
    with blue.scope():
        other = DeviceFactory(tenant=blue.tenant)
        assert scope(key, "read:device", Device).count() == 0
        assert not key.has_perm("read:device")
    with red.scope():
        assert not key.has_perm("read:device", other)


def test_a_guest_of_two_tenants_sees_what_the_one_acted_for_shares(red, blue, stranger):
    own = DeviceFactory(tenant=red.tenant)
    other = DeviceFactory(tenant=blue.tenant)
    for team in (red, blue):
        DeviceFactory(tenant=team.tenant)  # shared with nobody
    lend(red, own, stranger)
    lend(blue, other, stranger)

    for team, device in ((red, own), (blue, other)):
        acting = choose_acting(stranger, str(team.tenant.id))
        with acting.scope():
            assert list(Device.objects.all()) == [device]
            assert not Device.objects.filter(id=other.id if device is own else own.id).exists()


def test_a_guest_sees_no_table_that_is_not_shared(red, stranger):
    device = DeviceFactory(tenant=red.tenant)
    lend(red, device, stranger)

    with choose_acting(stranger, str(red.tenant.id)).scope():
        assert Device.objects.count() == 1
        assert Gateway.objects.count() == 0
        assert Site.objects.count() == 0
        assert Role.objects.count() == 0


def test_a_guest_changes_nothing(red, stranger):
    device = DeviceFactory(tenant=red.tenant)
    lend(red, device, stranger)

    with choose_acting(stranger, str(red.tenant.id)).scope():
        mine = Device.objects.get()
        mine.name = "Mine"
        for change in (mine.save, mine.delete, Site(tenant=red.tenant, name="new").save):
            with pytest.raises(ValidationError, match="Guests change nothing"):
                change()
        with pytest.raises(ValidationError, match="Guests change nothing"):
            Site.objects.bulk_create([Site(tenant=red.tenant, name="new")])


def test_a_guest_scope_without_rows_is_empty(red):
    DeviceFactory(tenant=red.tenant)

    with guest_scope(red.tenant.id, {}):
        assert Device.objects.count() == 0
        assert Device.objects.update(name="x") == 0


def test_a_share_gives_its_permission_on_its_object_only(red, stranger):
    near, far = DeviceFactory(tenant=red.tenant), DeviceFactory(tenant=red.tenant)
    lend(red, near, stranger)

    assert stranger.has_perm("read:telemetry", near)
    assert not stranger.has_perm("control:device", near)
    assert not stranger.has_perm("write:device", near)
    assert not stranger.has_perm("read:telemetry", far)
    assert not UserFactory().has_perm("read:telemetry", near)
    assert choose_acting(UserFactory(), str(red.tenant.id)) is None
    stranger.is_active = False
    assert not stranger.has_perm("read:telemetry", near)


def test_what_a_suspended_tenant_shared_is_gone(red, stranger):
    device = DeviceFactory(tenant=red.tenant)
    lend(red, device, stranger)
    red.tenant.is_active = False
    red.tenant.save()

    assert not stranger.has_perm("read:telemetry", device)
    assert choose_acting(stranger, str(red.tenant.id)) is None


def test_a_reseller_has_no_part_in_what_is_shared_with_its_customer(red, customers):
    _reseller, customer, person = customers
    device, now = DeviceFactory(tenant=red.tenant), timezone.now()
    insider = MembershipFactory(tenant=customer, role=SystemRole.VIEWER).user
    with red.scope():
        share_with_tenant(
            target=device, slug=customer.slug, codes=["read:telemetry"], valid_from=now,
            expires_at=now + YEAR, shared_by=red.owner, editor_codes=SYSTEM_ROLES["admin"],
            now=now,
        )  # fmt: skip

    assert insider.has_perm("read:telemetry", device)
    assert not person.has_perm("read:telemetry", device)


def test_platform_staff_are_limited_like_everybody_outside_of_the_admin(red, blue, client_for):
    staff = UserFactory(is_staff=True, is_superuser=True)
    MembershipFactory(user=staff, tenant=red.tenant)
    own, other = DeviceFactory(tenant=red.tenant), DeviceFactory(tenant=blue.tenant)
    client = client_for(staff)

    listed = client.get("/api/v1/devices").json()["results"]

    assert [row["id"] for row in listed] == [str(own.id)]
    assert client.get(f"/devices/{other.id}").status_code == 404
    assert client.get("/admin/devices/device/").status_code == 200


def test_a_disabled_person_has_no_permission(red):
    assert red.owner.has_perm("write:device", red.tenant)
    red.owner.is_active = False

    assert not red.owner.has_perm("write:device", red.tenant)
    with red.scope():
        assert not red.owner.has_perm("write:device")


def test_a_right_in_one_tenant_is_none_in_another(red, blue):
    MembershipFactory(user=red.owner, tenant=blue.tenant, role=SystemRole.VIEWER)

    with blue.scope():
        assert red.owner.has_perm("read:device")
        assert not red.owner.has_perm("write:device")
