"""Staff see all tenants, and edit inside the tenant of the object."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tenancy import all_tenants
from devices.models import Channel, Device, DeviceProfile, Gateway, Site
from tests.accounts.conftest import Fleet
from tests.factories import DeviceProfileFactory, ProfileChannelFactory

pytestmark = pytest.mark.django_db

ADD_GATEWAY = "/admin/devices/gateway/add/"
ADD_DEVICE = "/admin/devices/device/add/"
SITES = "/admin/autocomplete/?app_label=devices&model_name=device&field_name=site"


def change_url(obj) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


def device_form(fleet: Fleet, profile: DeviceProfile, **changes: str) -> dict[str, str]:
    """Return the fields of a new device of a fleet."""
    form = {
        "site": fleet.site.pk,
        "gateway": fleet.gateway.pk,
        "profile": profile.pk,
        "uid": "new",
        "name": "New",
        "serial_number": "",
    }
    return {name: str(value) for name, value in (form | changes).items()}


@pytest.fixture
def profile(db: None) -> DeviceProfile:
    """A profile with one channel."""
    return ProfileChannelFactory(profile=DeviceProfileFactory(), name="power").profile


def test_a_list_shows_all_tenants_and_filters_by_one(
    admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet
):
    url = reverse("admin:devices_device_changelist")
    everything = admin_client.get(url).content.decode()
    only_red = admin_client.get(f"{url}?tenant__id__exact={red_fleet.team.tenant.pk}")

    assert "red-1" in everything
    assert "blue-1" in everything
    assert "red-1" in only_red.content.decode()
    assert "blue-1" not in only_red.content.decode()


def test_adding_asks_for_the_tenant_first(admin_client: Client, red_fleet: Fleet, blue_fleet):
    kept = f"_changelist_filters=tenant__id__exact%3D{blue_fleet.team.tenant.pk}"
    page = admin_client.get(f"{ADD_GATEWAY}?{kept}").content.decode()

    assert "Choose a tenant" in page
    assert "Red Energy" in page
    assert f'value="{blue_fleet.team.tenant.pk}" selected' in page
    assert 'name="_changelist_filters"' in page


@pytest.mark.parametrize("tenant", ["", "red", "00000000-0000-0000-0000-000000000000"])
def test_an_impossible_tenant_is_asked_for_again(admin_client: Client, tenant: str):
    page = admin_client.get(f"{ADD_GATEWAY}?tenant={tenant}").content.decode()

    assert "Choose a tenant" in page


def test_a_post_without_a_tenant_saves_nothing(admin_client: Client, red_fleet: Fleet):
    form = {"site": str(red_fleet.site.pk), "uid": "n", "name": "n"}

    admin_client.post(ADD_GATEWAY, form)

    with all_tenants():
        assert not Gateway.objects.filter(uid="n").exists()


def test_the_form_offers_the_tenants_rows_only(
    admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet
):
    tenant = f"tenant={red_fleet.team.tenant.pk}"

    page = admin_client.get(f"{ADD_DEVICE}?{tenant}").content.decode()
    answer = json.loads(admin_client.get(f"{SITES}&term=site&{tenant}").content)

    assert f"/admin/autocomplete/?{tenant}" in page
    assert "Red Energy" in page
    assert [result["text"] for result in answer["results"]] == ["red-site"]


def test_an_autocomplete_for_no_tenant_offers_nothing(admin_client: Client, red_fleet: Fleet):
    answer = json.loads(admin_client.get(f"{SITES}&term=&tenant=x").content)

    assert answer["results"] == []


def test_a_change_page_names_its_own_tenant(
    admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet
):
    page = admin_client.get(change_url(blue_fleet.device)).content.decode()

    assert f"/admin/autocomplete/?tenant={blue_fleet.team.tenant.pk}" in page
    assert "blue-site" in page
    assert "red-site" not in page


def test_a_new_device_gets_the_channels_of_its_profile(
    admin_client: Client, red_fleet: Fleet, profile: DeviceProfile
):
    url = f"{ADD_DEVICE}?tenant={red_fleet.team.tenant.pk}"

    response = admin_client.post(url, device_form(red_fleet, profile))

    assert response.status_code == 302, response.context["errors"]
    with all_tenants():
        device = Device.objects.get(uid="new")
        assert device.tenant == red_fleet.team.tenant
        assert [channel.name for channel in Channel.objects.filter(device=device)] == ["power"]
    assert LogEntry.objects.get().object_id == str(device.pk)


def test_adding_another_stays_with_the_tenant(admin_client: Client, red_fleet: Fleet):
    form = {"name": "next", "timezone": "UTC", "currency": "EUR", "address": "", "_addanother": "1"}
    url = f"/admin/devices/site/add/?tenant={red_fleet.team.tenant.pk}"

    assert admin_client.post(url, form).url == url


def test_a_new_gateway_gets_the_device_of_its_own_readings(admin_client: Client, red_fleet: Fleet):
    url = f"{ADD_GATEWAY}?tenant={red_fleet.team.tenant.pk}"

    response = admin_client.post(url, {"site": str(red_fleet.site.pk), "uid": "n-1", "name": "N"})

    assert response.status_code == 302, response.context["errors"]
    with all_tenants():
        assert Device.objects.get(gateway__uid="n-1").uid == "n-1"


@pytest.mark.parametrize("field", ["site", "gateway"])
def test_a_forged_relation_to_another_tenant_is_refused(
    admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet, profile: DeviceProfile, field: str
):
    foreign = {field: str(getattr(blue_fleet, field).pk)}
    form = device_form(red_fleet, profile, **foreign)
    for url in (f"{ADD_DEVICE}?tenant={red_fleet.team.tenant.pk}", change_url(red_fleet.device)):
        response = admin_client.post(url, form)

        assert response.status_code == 200
        assert "Select a valid choice" in response.content.decode()

    with all_tenants():
        red_fleet.device.refresh_from_db()
        assert red_fleet.device.site == red_fleet.site
        assert not Device.objects.filter(uid="new").exists()


def test_an_identifier_of_another_tenant_is_reported_not_crashed_on(
    admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet
):
    form = {"site": str(red_fleet.site.pk), "uid": "blue-gw", "name": "x"}

    response = admin_client.post(f"{ADD_GATEWAY}?tenant={red_fleet.team.tenant.pk}", form)

    assert response.status_code == 200
    assert "This identifier is not available" in response.content.decode()


def test_a_name_taken_in_the_tenant_is_reported(admin_client: Client, red_fleet: Fleet):
    form = {"name": "red-site", "timezone": "UTC", "currency": "EUR", "address": ""}
    url = f"/admin/devices/site/add/?tenant={red_fleet.team.tenant.pk}"

    response = admin_client.post(url, form)

    assert response.status_code == 200
    assert "already exists" in response.content.decode()


def test_the_same_name_in_another_tenant_is_free(
    admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet
):
    form = {"name": "blue-site", "timezone": "UTC", "currency": "EUR", "address": ""}
    url = f"/admin/devices/site/add/?tenant={red_fleet.team.tenant.pk}"

    assert admin_client.post(url, form).status_code == 302
    with all_tenants():
        assert Site.objects.filter(name="blue-site").count() == 2


@pytest.mark.parametrize("uid", ["device", "platform", "a/b", "+"])
def test_an_identifier_that_the_broker_cannot_carry_is_refused(
    admin_client: Client, red_fleet: Fleet, uid: str
):
    form = {"site": str(red_fleet.site.pk), "uid": uid, "name": "x"}

    response = admin_client.post(f"{ADD_GATEWAY}?tenant={red_fleet.team.tenant.pk}", form)

    assert response.status_code == 200
    assert "uid" in response.context["adminform"].form.errors


def test_a_gateway_keeps_its_identifier(admin_client: Client, red_fleet: Fleet):
    response = admin_client.post(
        change_url(red_fleet.gateway), {"uid": "other", "name": "New name"}
    )

    assert response.status_code == 302
    with all_tenants():
        red_fleet.gateway.refresh_from_db()
    assert (red_fleet.gateway.uid, red_fleet.gateway.name) == ("red-gw", "New name")


def test_a_device_stays_at_the_site_of_its_gateway(
    admin_client: Client, red_fleet: Fleet, profile: DeviceProfile
):
    with red_fleet.team.scope():
        elsewhere = Site.objects.create(name="elsewhere")
    form = device_form(red_fleet, profile, site=elsewhere.pk)

    response = admin_client.post(f"{ADD_DEVICE}?tenant={red_fleet.team.tenant.pk}", form)

    assert "stands at another site" in response.content.decode()


def test_presence_cannot_be_written(admin_client: Client, red_fleet: Fleet, profile):
    form = device_form(red_fleet, profile, uid="red-1", reported_status="online")

    assert admin_client.post(change_url(red_fleet.device), form).status_code == 302
    with all_tenants():
        red_fleet.device.refresh_from_db()
    assert red_fleet.device.reported_status == "unknown"


@pytest.mark.parametrize("key", ["00000000-0000-0000-0000-000000000000", "nonsense"])
def test_an_object_that_does_not_exist_leads_back(admin_client: Client, key: str):
    response = admin_client.get(f"/admin/devices/device/{key}/change/")

    assert response.status_code == 302


def test_history_and_deletion_work(admin_client: Client, red_fleet: Fleet, blue_fleet: Fleet):
    url = change_url(red_fleet.device)
    assert admin_client.get(url.replace("change", "history")).status_code == 200
    assert admin_client.get(url.replace("change", "delete")).status_code == 200

    assert admin_client.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 302
    with all_tenants():
        assert [device.uid for device in Device.objects.all()] == ["blue-1"]


def test_a_person_is_added_by_e_mail_address(admin_client: Client):
    form = {
        "email": "new@example.com",
        "name": "New",
        "usable_password": "true",
        "password1": "long enough for all of us",
        "password2": "long enough for all of us",
    }

    response = admin_client.post("/admin/accounts/user/add/", form)

    assert response.status_code == 302, response.context["errors"]
    assert User.objects.get(email="new@example.com").check_password(form["password1"])


def test_a_password_can_be_changed(admin_client: Client, stranger: User):
    url = f"/admin/accounts/user/{stranger.pk}/password/"
    password = "another long one 77"
    form = {"usable_password": "true", "password1": password, "password2": password}

    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, form).status_code == 302
    stranger.refresh_from_db()
    assert stranger.check_password(password)


def test_staff_below_superusers_raise_nobody(sudo_client_for, staff: User, stranger: User):
    helper = User.objects.create_user("helper@example.com", is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(content_type__app_label="accounts", codename__endswith="_user")
    )
    client: Client = sudo_client_for(helper)
    form = {"email": stranger.email, "name": "New", "is_active": "on"}
    raised = form | {"is_staff": "on", "is_superuser": "on"}
    password = {"password1": "another long one 77", "password2": "another long one 77"}

    assert client.post(change_url(stranger), raised).status_code == 302
    assert client.post(change_url(staff), form).status_code == 403
    assert client.post(f"/admin/accounts/user/{staff.pk}/password/", password).status_code == 403
    assert client.post(change_url(staff).replace("change", "delete")).status_code == 403
    stranger.refresh_from_db()
    assert (stranger.name, stranger.is_staff, stranger.is_superuser) == ("New", False, False)


def test_what_takes_rights_ends_sign_ins(admin_client: Client, client_for, stranger: User):
    browser = client_for(stranger)
    version = stranger.token_version
    counts = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    form = {"email": stranger.email, "name": "x"} | counts

    admin_client.post(change_url(stranger), form | {"is_active": "on"})
    stranger.refresh_from_db()
    assert stranger.token_version == version

    admin_client.post(change_url(stranger), form)
    stranger.refresh_from_db()
    assert (stranger.is_active, stranger.token_version) == (False, version + 1)
    assert browser.get("/").status_code == 302
    assert "login" in browser.get("/").url
