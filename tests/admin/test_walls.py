"""Walls of the admin that other tests would not miss."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.impersonation import begin
from accounts.models import ApiKey, Invitation, Membership, Role, User
from accounts.services.impersonation import may_impersonate
from accounts.sudo import SESSION_IMPERSONATOR
from accounts.tenancy import all_tenants
from devices.models import Site
from tests.admin.canaries import Household
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

ENTERS = ["read:member", "write:member", "read:key"]


def url_of(model: type[Model], page: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


def act(client: Client, action: str, row: Any) -> None:
    form = {"action": action, "_selected_action": [row.pk], "index": 0}
    client.post(url_of(type(row), "changelist"), form)


def test_a_tenant_invites_instead_of_adding_members(owner_client: Client, ours: Household):
    url, person = url_of(Membership, "add"), UserFactory()

    assert owner_client.get(url).status_code == 403
    form = {"user": person.pk, "role": "viewer", "custom_role": ""}
    assert owner_client.post(url, form).status_code == 403
    assert not person.memberships.exists()


def test_a_new_object_is_ones_own_whatever_the_address_says(
    owner_client: Client, ours: Household, theirs: Household
):
    url = f"{url_of(Site, 'add')}?tenant={theirs.tenant.pk}"
    form = {"name": "forged", "timezone": "Europe/Berlin", "currency": "EUR", "address": ""}

    page = owner_client.get(url)
    owner_client.post(url, form)

    assert theirs.word not in page.content.decode()
    with all_tenants():
        assert set(Site.objects.filter(name="forged").values_list("tenant", flat=True)) <= {
            ours.tenant.pk
        }
        assert Site.objects.filter(tenant=theirs.tenant).count() == 1


def test_who_may_not_delete_keys_revokes_none(sudo_client_for, ours: Household):
    with all_tenants():
        Role.objects.filter(pk=ours.rows[Role].pk).update(codes=ENTERS)
        Membership.objects.filter(pk=ours.rows[Membership].pk).update(
            role="", custom_role=ours.rows[Role]
        )
    client = sudo_client_for(ours.rows[Membership].user)
    key = ours.rows[ApiKey]
    assert client.get(url_of(ApiKey, "changelist")).status_code == 200

    act(client, "revoke", key)

    with all_tenants():
        assert ApiKey.objects.get(pk=key.pk).revoked_at is None


def test_staff_who_may_only_look_withdraw_no_invitation(client_for, ours: Household):
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_invitation"))
    client, invitation = client_for(looker), ours.rows[Invitation]
    with all_tenants():
        later = timezone.now() + dt.timedelta(days=7)
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=later)
    assert client.get(url_of(Invitation, "changelist")).status_code == 200

    act(client, "revoke", invitation)

    with all_tenants():
        assert Invitation.objects.get(pk=invitation.pk).revoked_at is None


def test_only_staff_act_as_somebody(ours: Household):
    nobody = UserFactory(is_superuser=True, is_staff=False)
    disabled = UserFactory(is_superuser=True, is_staff=True, is_active=False)

    assert not may_impersonate(hijacker=nobody, hijacked=ours.owner)
    assert not may_impersonate(hijacker=disabled, hijacked=ours.owner)


def test_nobody_begins_to_act_as_somebody_from_within(ours: Household, staff: User):
    request = RequestFactory().post("/")
    request.user, request.session = staff, {SESSION_IMPERSONATOR: str(staff.pk)}

    with pytest.raises(PermissionDenied):
        begin(request, user=ours.owner, reason="case 4711", now=timezone.now())
