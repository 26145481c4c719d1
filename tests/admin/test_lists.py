"""Every table has a list: searchable, with its tenant, at a cost that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pghistory.models
import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import ForeignKey
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin_base import ReadOnlyAdmin
from accounts.models import AuditEvent, Membership, Tenant, User
from accounts.tenancy import is_tenant_owned
from devices.models import (
    BrokerChange,
    CertificateAuthority,
    Channel,
    Device,
    DeviceCertificate,
    DeviceProfile,
    Gateway,
    ProfileChannel,
    RevokedCertificate,
    Site,
)
from metering.models import (
    Checkpoint,
    IntervalReading,
    LedgerMark,
    LedgerState,
    MeterTerm,
    PastReading,
    RegisterDay,
)
from telemetry.models import (
    ChangedWindow,
    DeletedChannel,
    DirtyMark,
    LatestValue,
    PackedDay,
    RejectedMessage,
    Rollup15m,
    RollupDay,
    RollupZone,
    Sample,
    SamplePartition,
    StorageJob,
    WatchedChannel,
)
from tests.admin.makers import make_event
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
from tests.isolation.fill import make_row
from tests.pki.rows import make_authority, make_certificate, make_change, make_revoked

pytestmark = pytest.mark.django_db


def make_partition() -> SamplePartition:
    """Save the description of a table that does not exist."""
    number = SamplePartition.objects.count()
    return SamplePartition.objects.create(
        name=f"telemetry_sample_{number}", start_at=NOW, end_at=NOW, created_at=NOW
    )


# models that the admin does not show, and why
UNLISTED = {
    Sample: "its key is composite",
    PackedDay: "its key is composite",
    Rollup15m: "its key is composite",
    RollupDay: "its key is composite",
    RollupZone: "bookkeeping of the rollups",
    DirtyMark: "lives for seconds",
    DeletedChannel: "lives for minutes",
    StorageJob: "bookkeeping of jobs, told by their commands",
    WatchedChannel: "bookkeeping of the rollups",
    ChangedWindow: "lives for seconds",
    IntervalReading: "its key is composite",
    PastReading: "its key is composite",
    RegisterDay: "its key is composite",
    Checkpoint: "its key is composite",
    LedgerState: "part of its register's page",
    LedgerMark: "lives for seconds",
    MeterTerm: "part of its meter's page",
    ProfileChannel: "part of its profile's page",
}
# rows that could not be made up of words
SPECIAL: dict[type, Callable[[], object]] = {
    Tenant: TenantFactory,
    User: UserFactory,
    Membership: MembershipFactory,
    AuditEvent: make_event,
    Site: SiteFactory,
    Gateway: GatewayFactory,
    DeviceProfile: DeviceProfileFactory,
    Device: DeviceFactory,
    Channel: ChannelFactory,
    LatestValue: LatestValueFactory,
    RejectedMessage: RejectedMessageFactory,
    SamplePartition: make_partition,
    BrokerChange: make_change,
    CertificateAuthority: make_authority,
    DeviceCertificate: make_certificate,
    RevokedCertificate: make_revoked,
}


def our_models() -> list[Any]:
    """Return every model of the product that people may want to look at."""
    found = [
        model
        for label in ("accounts", "devices", "telemetry", "metering")
        for model in apps.get_app_config(label).get_models()
    ]
    return [m for m in found if not issubclass(m, pghistory.models.Event) and m not in UNLISTED]


MAKERS: dict[type, Callable[[], object]] = {
    model: SPECIAL.get(model) or partial(make_row, model)
    for model in our_models()
    if admin.site.is_registered(model)
}


def list_url(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change_url(obj) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


def test_every_model_is_registered():
    missing = [model for model in our_models() if not admin.site.is_registered(model)]

    assert missing == []
    assert not [model for model in UNLISTED if admin.site.is_registered(model)]


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
    if not isinstance(model_admin, ReadOnlyAdmin):
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
