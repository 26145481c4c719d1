"""A tenant's administrator in the admin: their rows, their choices, nothing of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import ForeignKey, Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.identity import SESSION_TENANT
from accounts.models import (
    ApiKey,
    AuditEvent,
    Membership,
    Role,
    SystemRole,
    Tenant,
)
from accounts.tenancy import all_tenants, is_tenant_owned
from alarms.models import WatchState
from automation.models import RuleState
from devices.models import (
    Device,
    DeviceProfile,
    Gateway,
    ModbusBus,
    ModbusUnit,
    SerialLine,
    ShutOut,
    Site,
)
from devices.models.share import DeviceUserPermission
from tests.admin.canaries import Household
from tests.factories import DeviceProfileFactory, MembershipFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

SHUT = {
    ApiKey,
    ModbusBus,
    ModbusUnit,
    RuleState,
    SerialLine,
    ShutOut,
    WatchState,
}  # of tenants, but for platform staff or behind sudo mode
OPEN = {m for m in admin.site._registry if is_tenant_owned(m)} - SHUT | {Membership}
NEVER = set(admin.site._registry) - OPEN - {ApiKey, AuditEvent}
ANSWERS = {200, 302, 400, 403, 404}


def url_of(model: type[Model], page: str, *args: object) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def every_model() -> list[type[Model]]:
    return list(admin.site._registry)


def urls_of(model: type[Model], household: Household) -> Iterator[str]:
    """Return each page that exists for a model, with the keys of a household."""
    row = household.rows.get(model)
    key = row.pk if row is not None else 1
    listed = url_of(model, "changelist")
    yield from (listed, f"{listed}?q={household.word[:-1]}", f"{listed}?all=", url_of(model, "add"))
    yield from (url_of(model, page, key) for page in ("change", "history", "delete"))
    yield f"{url_of(model, 'add')}?tenant={household.tenant.pk}&_popup=1"
    yield f"{url_of(model, 'change', key)}?_to_field=id&_popup=1"
    for field in model._meta.concrete_fields:
        yield f"{listed}?{field.name}={key}"
        if isinstance(field, ForeignKey):
            meta = model._meta
            yield (
                f"/admin/autocomplete/?app_label={meta.app_label}&model_name={meta.model_name}"
                f"&field_name={field.name}&term=&tenant={household.tenant.pk}"
            )
            yield f"{listed}?{field.name}__id__exact={getattr(row, field.attname, 1)}"
            yield f"{url_of(model, 'add')}?{field.name}={getattr(row, field.attname, 1)}"


def assert_silent(response: HttpResponse, word: str) -> None:
    """Fail when an answer holds the word."""
    asked = response.wsgi_request.get_full_path()  # type: ignore[attr-defined]
    assert word not in response.content.decode() + str(response.headers), asked


@pytest.mark.parametrize("model", every_model(), ids=lambda model: model._meta.label)
def test_no_page_shows_the_other_tenant(
    model: type[Model], owner_client: Client, theirs: Household
):
    for url in urls_of(model, theirs):
        response = owner_client.get(url)

        assert response.status_code in ANSWERS, url
        assert_silent(response, theirs.word)
    assert_silent(owner_client.get("/admin/"), theirs.word)


def test_exactly_these_models_are_open(owner_client: Client):
    seen = {
        model
        for model in every_model()
        if owner_client.get(url_of(model, "changelist")).status_code == 200
    }

    assert seen >= OPEN
    assert not NEVER & seen
    assert {model._meta.label for model in seen - OPEN} <= {
        "accounts.ApiKey", "accounts.AuditEvent",
    }  # fmt: skip


@pytest.mark.parametrize("model", sorted(OPEN, key=str), ids=lambda model: model.__name__)
def test_own_rows_are_shown(model: type[Model], owner_client: Client, ours: Household):
    row = ours.rows[model]

    assert ours.word in owner_client.get(url_of(model, "changelist")).content.decode()
    assert ours.word in owner_client.get(url_of(model, "change", row.pk)).content.decode()


@pytest.mark.parametrize("model", sorted(OPEN, key=str), ids=lambda model: model.__name__)
def test_a_list_does_not_offer_tenants(model: type[Model], owner_client: Client):
    page = owner_client.get(url_of(model, "changelist"))

    assert "tenant" not in page.context["cl"].list_display
    assert "tenant__id__exact" not in page.content.decode()


@pytest.mark.parametrize("name", ["app_list", "view_on_site", "password_change", "search"])
def test_pages_of_the_site_itself_tell_nothing(name: str, owner_client: Client, theirs: Household):
    kind = ContentType.objects.get_for_model(Device).pk
    args = {"app_list": ["accounts"], "view_on_site": [kind, theirs.rows[Device].pk]}.get(name)
    response = owner_client.get(reverse(f"admin:{name}", args=args), {"s": "canary"})

    assert response.status_code in ANSWERS
    assert_silent(response, theirs.word)
    if name in {"view_on_site", "password_change"}:
        assert response.status_code == 403


def test_the_first_page_counts_the_own_fleet(owner_client: Client, ours: Household):
    response = owner_client.get("/admin/")

    overview = response.context["tenant_fleet"]
    assert [site.name for site in overview.sites] == ["redcanary site"]
    # the second is that of the charge point
    assert (overview.devices.total, overview.gateways.total) == (2, 1)
    assert "Pipeline" not in response.content.decode()
    assert {act.object_repr for act in overview.acts} == {
        f"redcanary {ours.rows[model].pk}" for model in (Site, Gateway, Device)
    }


def test_what_one_did_for_another_tenant_is_not_told_here(
    sudo_client_for, ours: Household, theirs: Household
):
    MembershipFactory(user=ours.owner, tenant=theirs.tenant, role=SystemRole.ADMIN)
    client = sudo_client_for(ours.owner)
    session = client.session
    session[SESSION_TENANT] = str(theirs.tenant.pk)
    session.save()

    page = client.get("/admin/").content.decode()

    assert "bluecanary site" in page
    assert "redcanary device" not in page
    assert "redcanary changed" not in page


def test_the_choices_of_a_device_are_the_tenants_and_all_profiles(
    owner_client: Client, ours: Household
):
    DeviceProfileFactory(name="A profile for all")
    ask = "/admin/autocomplete/?app_label=devices&model_name=device&term=&field_name="

    def texts(field: str) -> list[str]:
        answer = json.loads(owner_client.get(ask + field).content)
        return [result["text"] for result in answer["results"]]

    assert texts("site") == ["redcanary site"]
    assert len(texts("gateway")) == 1
    assert "A profile for all" in " ".join(texts("profile"))
    assert owner_client.get(url_of(DeviceProfile, "changelist")).status_code == 403


def test_a_custom_role_enters_only_with_people(sudo_client_for, ours: Household):
    with all_tenants():
        role = ours.rows[Role]
        Membership.objects.filter(pk=ours.rows[Membership].pk).update(role="", custom_role=role)
    member = ours.rows[Membership].user
    assert sudo_client_for(member).get("/admin/").status_code == 302

    with all_tenants():
        Role.objects.filter(pk=role.pk).update(codes=["read:member", "write:member", "read:site"])
    client = sudo_client_for(member)

    assert client.get("/admin/").status_code == 200
    assert client.get(url_of(Site, "changelist")).status_code == 200
    assert client.get(url_of(Site, "add")).status_code == 403
    assert client.get(url_of(Device, "changelist")).status_code == 403


def test_a_guest_does_not_enter(sudo_client_for, ours: Household):
    guest = ours.rows[DeviceUserPermission].user

    assert sudo_client_for(guest).get("/admin/").status_code == 302


def test_a_suspended_tenant_is_closed(owner_client: Client, ours: Household):
    Tenant.objects.filter(pk=ours.tenant.pk).update(is_active=False)

    assert owner_client.get("/admin/").status_code == 302
