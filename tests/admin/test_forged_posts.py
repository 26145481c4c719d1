"""Forged requests of a tenant's administrator change nothing and tell nothing (S02, S03)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey, Invitation, Membership, Role, SystemRole, Tenant, User
from accounts.tenancy import all_tenants
from devices.models import Channel, Device, Gateway, Site
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from telemetry.models import LatestValue, RejectedMessage
from tests.admin.canaries import Household

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

EVERYTHING = (
    Site, Gateway, Device, Channel, LatestValue, Membership, Role, Invitation, ApiKey, Tenant,
    User, RejectedMessage, DeviceUserPermission, DeviceTenantPermission, SiteUserPermission,
    SiteTenantPermission,
)  # fmt: skip
Request = tuple[str, dict[str, Any]]


def url_of(model: type[Model], page: str, *args: object) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def picture(*skip: type[Model]) -> dict[type[Model], list[dict[str, Any]]]:
    """Return every row of every table, without sign-in times."""
    with all_tenants():
        return {
            model: sorted(model.objects.order_by("pk").values(), key=str)
            for model in EVERYTHING
            if model not in skip
        }


def device_form(home: Household, **changes: object) -> dict[str, Any]:
    device = home.rows[Device]
    form = {
        "site": device.site_id, "gateway": device.gateway_id, "profile": device.profile_id,
        "uid": "forged", "name": "forged", "serial_number": "",
    }  # fmt: skip
    return form | changes


def on_change(model: type[Model]) -> Callable[[Household, Household], Request]:
    return lambda ours, theirs: (
        url_of(model, "change", theirs.rows[model].pk),
        {"name": "forged", "label": "forged", "role": "admin", "_save": "1", "codes": []},
    )


def on_delete(model: type[Model]) -> Callable[[Household, Household], Request]:
    return lambda ours, theirs: (
        url_of(model, "delete", theirs.rows[model].pk),
        {"post": "yes"},
    )


def on_action(model: type[Model], action: str) -> Callable[[Household, Household], Request]:
    return lambda ours, theirs: (
        url_of(model, "changelist"),
        {"action": action, "_selected_action": [theirs.rows[model].pk], "post": "yes", "index": 0},
    )


FORGED: dict[str, Callable[[Household, Household], Request]] = {
    **{f"change {model.__name__}": on_change(model) for model in EVERYTHING if model != ApiKey},
    **{f"delete {model.__name__}": on_delete(model) for model in EVERYTHING if model != ApiKey},
    **{
        f"delete selected {model.__name__}": on_action(model, "delete_selected")
        for model in EVERYTHING
        if model != ApiKey
    },
    "withdraw invitation": on_action(Invitation, "revoke"),
    "replay message": on_action(RejectedMessage, "replay"),
    "discard message": on_action(RejectedMessage, "discard"),
    "suspend tenant": on_action(Tenant, "suspend"),
    "suspend own tenant": lambda ours, theirs: (
        url_of(Tenant, "changelist"),
        {"action": "suspend", "_selected_action": [ours.tenant.pk]},
    ),
    "site of theirs": lambda ours, theirs: (
        url_of(Device, "add"),
        device_form(ours, site=theirs.rows[Site].pk),
    ),
    "gateway of theirs": lambda ours, theirs: (
        url_of(Device, "add"),
        device_form(ours, gateway=theirs.rows[Gateway].pk),
    ),
    "add with their gateway in a pop-up": lambda ours, theirs: (
        f"{url_of(Device, 'add')}?_popup=1&tenant={theirs.tenant.pk}",
        device_form(theirs, _popup="1", _to_field="id"),
    ),
    "change own device to their site": lambda ours, theirs: (
        url_of(Device, "change", ours.rows[Device].pk),
        device_form(ours, site=theirs.rows[Site].pk, gateway=theirs.rows[Gateway].pk),
    ),
    "channel of their device": lambda ours, theirs: (
        url_of(Channel, "change", ours.rows[Channel].pk),
        {"device": theirs.rows[Device].pk, "name": "forged"},
    ),
    "list_editable": lambda ours, theirs: (
        url_of(Device, "changelist"),
        {
            "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "_save": "1",
            "form-0-id": theirs.rows[Device].pk, "form-0-name": "forged",
        },
    ),
    "inline members of own tenant": lambda ours, theirs: (
        url_of(Tenant, "change", ours.tenant.pk),
        {
            "name": "forged", "slug": "forged", "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "0", "memberships-0-user": theirs.owner.pk,
            "memberships-0-role": "admin",
        },
    ),
    "a member by name": lambda ours, theirs: (
        url_of(Membership, "add"),
        {"user": theirs.owner.pk, "tenant": ours.tenant.pk, "role": "admin"},
    ),
    "their role for our member": lambda ours, theirs: (
        url_of(Membership, "change", ours.rows[Membership].pk),
        {"role": "", "custom_role": theirs.rows[Role].pk},
    ),
    "key": lambda ours, theirs: (
        f"/admin/accounts/apikey/{theirs.rows[ApiKey].pk}/change/",
        {"name": "forged"},
    ),
    "somebody's password": lambda ours, theirs: (
        f"/admin/accounts/user/{theirs.owner.pk}/password/",
        {"password1": "forged forged 1", "password2": "forged forged 1"},
    ),
    "act as somebody": lambda ours, theirs: (
        f"/admin/accounts/user/{theirs.owner.pk}/impersonate/",
        {"user_pk": theirs.owner.pk, "reason": "because I can"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_post_has_no_effect(
    name: str, owner_client: Client, ours: Household, theirs: Household
):
    url, form = FORGED[name](ours, theirs)
    before = picture()

    response = owner_client.post(url, form)

    assert response.status_code in {200, 302, 400, 403, 404}
    assert theirs.word not in response.content.decode()
    if response.status_code == 302:
        assert theirs.word not in owner_client.get(response.url).content.decode()
    assert picture() == before
    assert str(owner_client.session["_auth_user_id"]) == str(ours.owner.pk)


ABUSE = {
    "tenant": "{tenant}", "tenant_id": "{tenant}", "owner": "{user}", "created_by": "{user}",
    "is_staff": "on", "is_superuser": "on", "id": "{uuid}", "pk": "{uuid}", "uuid": "{uuid}",
    "created_at_0": "2001-01-01", "created_at_1": "00:00:00", "created_at": "2001-01-01",
    "secret": "x", "password": "x", "token_hash": "x", "hashed": "x",
    "reported_status": "online", "last_seen_at_0": "2001-01-01", "last_seen_at_1": "00:00:00",
}  # fmt: skip
OWN_FORMS: dict[type[Model], Callable[[Household], dict[str, Any]]] = {
    Site: lambda home: {"name": "renamed", "timezone": "UTC", "currency": "EUR", "address": ""},
    Gateway: lambda home: {"name": "renamed"},
    Device: lambda home: device_form(home, uid="redcanary-1", name="renamed"),
    Role: lambda home: {"name": "renamed", "description": "", "codes": ["read:device"]},
    Membership: lambda home: {"role": "operator", "custom_role": ""},
}
MAY_CHANGE = {
    "name", "timezone", "currency", "address", "updated_at", "serial_number", "description",
    "role",
}  # fmt: skip


@pytest.mark.parametrize("model", OWN_FORMS, ids=lambda model: model.__name__)
def test_fields_that_a_form_does_not_show_cannot_be_set(
    model: type[Model], owner_client: Client, ours: Household, theirs: Household
):
    values = {"tenant": theirs.tenant.pk, "user": theirs.owner.pk, "uuid": uuid.uuid4()}
    abuse = {name: value.format(**values) for name, value in ABUSE.items()}
    before = picture(User, Invitation)
    key = ours.rows[model].pk

    form = abuse | {"user": theirs.owner.pk} | OWN_FORMS[model](ours)
    response = owner_client.post(url_of(model, "change", key), form)

    assert response.status_code == 302, response.context["errors"]
    after = picture(User, Invitation)
    changed = {
        name
        for table in before
        for old, new in zip(before[table], after[table], strict=True)
        for name in old
        if old[name] != new[name]
    }
    assert changed <= MAY_CHANGE
    assert changed & {"name", "role"}
    assert not User.objects.filter(pk=ours.owner.pk, is_staff=True).exists()


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (Invitation, "token_hash__startswith=a"),
        (Invitation, "invited_by__password__startswith=a"),
        (Device, "tenant__name__startswith=blue"),
        (Device, "tenant__memberships__user__email__startswith=a"),
        (Device, "gateway__tenant__slug=bluecanary"),
        (Membership, "user__password__startswith=a"),
        (Membership, "user__token_version__gt=0"),
        (Membership, "tenant__plan__name__startswith=a"),
        (LatestValue, "channel__device__tenant__name=x"),
        (DeviceUserPermission, "user__password__startswith=a"),
    ],
)
def test_hidden_columns_are_no_filters(
    model: type[Model], lookup: str, owner_client: Client, theirs: Household
):
    response = owner_client.get(f"{url_of(model, 'changelist')}?{lookup}")

    assert response.status_code == 400


@pytest.mark.parametrize("model", [Site, Device, Role])
def test_a_field_for_pop_ups_must_be_a_key(model: type[Model], owner_client: Client):
    response = owner_client.get(f"{url_of(model, 'changelist')}?_to_field=tenant&_popup=1")

    assert response.status_code == 400


def test_nobody_gives_more_than_they_have(sudo_client_for, ours: Household):
    with all_tenants():
        codes = ["read:member", "write:member", "write:role"]
        Role.objects.filter(pk=ours.rows[Role].pk).update(codes=codes)
        Membership.objects.filter(pk=ours.rows[Membership].pk).update(
            role="", custom_role=ours.rows[Role]
        )
        boss = Membership.objects.get(user=ours.owner)
    client = sudo_client_for(ours.rows[Membership].user)
    before = picture(User)

    own = url_of(Membership, "change", ours.rows[Membership].pk)
    client.post(own, {"role": SystemRole.ADMIN, "custom_role": ""})
    client.post(url_of(Membership, "change", boss.pk), {"role": "viewer", "custom_role": ""})
    client.post(url_of(Role, "add"), {"name": "strong", "codes": ["delete:site"]})
    client.post(url_of(Role, "change", ours.rows[Role].pk), {"name": "x", "codes": ["delete:site"]})

    assert picture(User) == before


def test_the_last_administrator_stays(owner_client: Client, ours: Household):
    membership = Membership.objects.get(user=ours.owner, tenant=ours.tenant)

    response = owner_client.post(
        url_of(Membership, "delete", membership.pk), {"post": "yes"}, follow=True
    )

    assert "last administrator" in response.content.decode()
    assert Membership.objects.filter(pk=membership.pk).exists()


def test_the_log_keeps_who_changed_what(owner_client: Client, ours: Household):
    LogEntry.objects.all().delete()

    owner_client.post(
        url_of(Site, "change", ours.rows[Site].pk),
        {"name": "renamed", "timezone": "UTC", "currency": "EUR", "address": ""},
    )

    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (ours.owner.pk, str(ours.rows[Site].pk))
