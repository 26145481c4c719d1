"""Every table has a list: searchable, with its tenant, at a cost that does not grow."""

from __future__ import annotations

from collections.abc import Callable

import pghistory.models
import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import ForeignKey
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import (
    ApiKey,
    AuditEvent,
    Invitation,
    Membership,
    Plan,
    Role,
    Tenant,
    User,
)
from accounts.tenancy import is_tenant_owned
from devices.models import Channel, Device, DeviceProfile, Gateway, ProfileChannel, Site
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from telemetry.models import LatestValue, RejectedMessage, Sample, SamplePartition
from tests.admin.makers import (
    make_event,
    make_invitation,
    make_key,
    make_plan,
    make_role,
    make_share,
)
from tests.factories import (
    NOW,
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    LatestValueFactory,
    MembershipFactory,
    ProfileChannelFactory,
    RejectedMessageFactory,
    SiteFactory,
    TenantFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def make_partition() -> SamplePartition:
    """Save the description of a table that does not exist."""
    number = SamplePartition.objects.count()
    return SamplePartition.objects.create(
        name=f"telemetry_sample_{number}", start_at=NOW, end_at=NOW, created_at=NOW
    )


NOT_EDITED = {
    LatestValue, RejectedMessage, Invitation, ApiKey, AuditEvent, DeviceUserPermission,
    DeviceTenantPermission, SiteUserPermission, SiteTenantPermission,
}  # fmt: skip
MAKERS: dict[type, Callable[[], object]] = {
    Tenant: TenantFactory,
    User: UserFactory,
    Membership: MembershipFactory,
    Plan: make_plan,
    Role: make_role,
    Invitation: make_invitation,
    ApiKey: make_key,
    AuditEvent: make_event,
    DeviceUserPermission: lambda: make_share(DeviceUserPermission),
    DeviceTenantPermission: lambda: make_share(DeviceTenantPermission),
    SiteUserPermission: lambda: make_share(SiteUserPermission),
    SiteTenantPermission: lambda: make_share(SiteTenantPermission),
    Site: SiteFactory,
    Gateway: GatewayFactory,
    DeviceProfile: DeviceProfileFactory,
    Device: DeviceFactory,
    Channel: ChannelFactory,
    LatestValue: LatestValueFactory,
    RejectedMessage: RejectedMessageFactory,
    SamplePartition: make_partition,
}


def list_url(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change_url(obj) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


def test_every_model_is_registered():
    ours = [
        model
        for label in ("accounts", "devices", "telemetry")
        for model in apps.get_app_config(label).get_models()
    ]
    ours = [model for model in ours if not issubclass(model, pghistory.models.Event)]
    missing = {model for model in ours if not admin.site.is_registered(model)}

    # a composite key, which the admin cannot show, and an inline of its profile
    assert missing == {Sample, ProfileChannel}
    assert set(MAKERS) == set(ours) - missing


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_a_list_costs_the_same_at_any_size(model: type, admin_client: Client):
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            response = admin_client.get(list_url(model))
        assert response.status_code == 200
        return len(queries)

    MAKERS[model]()
    admin_client.get(list_url(model))
    few = count_queries()
    for _ in range(12):
        MAKERS[model]()

    assert count_queries() == few


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_a_list_can_be_searched_sorted_and_filtered(model: type, admin_client: Client):
    MAKERS[model]()
    columns = len(admin.site.get_model_admin(model).list_display)

    for query in ("q=x", *[f"o={number}" for number in range(1, columns + 1)]):
        assert admin_client.get(f"{list_url(model)}?{query}").status_code == 200


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_an_object_can_be_looked_at(model: type, admin_client: Client):
    assert admin_client.get(change_url(MAKERS[model]())).status_code == 200


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_a_list_follows_the_house_rules(model: type):
    model_admin = admin.site.get_model_admin(model)

    assert model_admin.search_fields
    assert model_admin.ordering
    if is_tenant_owned(model):
        assert "tenant" in model_admin.list_display
        assert "tenant" in model_admin.list_filter
        assert "tenant" in model_admin.list_select_related
    editable = [
        field.name
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.editable
    ]
    if model not in NOT_EDITED:
        assert set(editable) <= set(model_admin.autocomplete_fields)


@pytest.mark.parametrize("model", [LatestValue, RejectedMessage, SamplePartition])
def test_what_machines_write_is_read_only(model: type, admin_client: Client):
    obj = MAKERS[model]()

    assert admin_client.get(list_url(model) + "add/").status_code == 403
    assert admin_client.post(change_url(obj), {}).status_code == 403
    assert admin_client.post(change_url(obj).replace("change", "delete"), {}).status_code == 403


@pytest.mark.parametrize("presence", ["online", "late", "offline", "silent"])
@pytest.mark.parametrize("model", [Gateway, Device])
def test_lists_filter_by_presence(model: type, presence: str, admin_client: Client):
    silent = MAKERS[model]()

    response = admin_client.get(f"{list_url(model)}?presence={presence}")

    assert (silent.name in response.content.decode()) == (presence == "silent")


def test_a_profile_shows_its_channels(admin_client: Client):
    channel = ProfileChannelFactory(name="energy_import")

    assert "energy_import" in admin_client.get(change_url(channel.profile)).content.decode()


@pytest.mark.parametrize("who", ["operator", "viewer"])
def test_members_who_manage_nobody_do_not_enter(who: str, client_for, red):
    client = client_for(getattr(red, who))
    response = client.get(list_url(Device))

    assert response.status_code == 302
    assert "login" in response.url
    assert client.get(response.url).status_code == 403


def test_nobody_is_sent_to_the_products_sign_in(client: Client):
    response = client.get("/admin/login/?next=/admin/devices/device/")

    assert response.url == "/accounts/login/?next=%2Fadmin%2Fdevices%2Fdevice%2F"
    assert client.post("/admin/login/", {"username": "x", "password": "y"}).status_code == 302


def test_sign_in_goes_nowhere_else_afterwards(admin_client: Client):
    assert admin_client.get("/admin/login/?next=https://evil.example/").url == "/admin/"


def test_staff_without_permissions_see_nothing(client_for):
    client = client_for(UserFactory(is_staff=True))

    assert client.get(list_url(Device)).status_code == 403
