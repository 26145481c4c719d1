"""Sensitive acts ask for an authentication of the last ten minutes."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, Membership, User
from devices.models import Device, Gateway, Site
from tests.admin.conftest import Fleet, enter_sudo
from tests.factories import PASSWORD, SiteFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

TEN_MINUTES = 600


def delete_url(obj: object) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_delete", args=[obj.pk])


def assert_asks(response, url: str) -> None:
    """Expect the page that asks for the password, and the way back."""
    assert response.status_code == 302
    address = urlsplit(response.url)
    assert address.path == "/accounts/reauthenticate/"
    assert parse_qs(address.query)["next"] == [url]


def exists(model: type, obj: object, fleet: Fleet) -> bool:
    with fleet.team.scope():
        return model.objects.filter(pk=obj.pk).exists()


@pytest.mark.parametrize("who", ["owner", "staff"])
@pytest.mark.parametrize("name", ["site", "gateway", "device"])
def test_deleting_asks(name: str, who: str, client_for, red_fleet: Fleet, staff: User):
    person = staff if who == "staff" else red_fleet.team.owner
    client = client_for(person)
    obj = getattr(red_fleet, name)
    url = delete_url(obj)

    assert_asks(client.get(url), url)
    assert_asks(client.post(url, {"post": "yes"}), url)
    listed = url.split(str(obj.pk))[0]
    form = {"action": "delete_selected", "_selected_action": [str(obj.pk)], "post": "yes"}
    assert_asks(client.post(listed, form), listed)
    assert exists(type(obj), obj, red_fleet)


@pytest.mark.parametrize(
    ("seconds_ago", "is_fresh"), [(TEN_MINUTES - 5, True), (TEN_MINUTES, False)]
)
def test_it_lasts_ten_minutes(seconds_ago: float, is_fresh: bool, client_for, red_fleet: Fleet):
    owner = red_fleet.team.owner
    client = enter_sudo(client_for(owner), owner, seconds_ago=seconds_ago)

    client.post(delete_url(red_fleet.device), {"post": "yes"})

    assert exists(Device, red_fleet.device, red_fleet) is not is_fresh


def test_the_authentication_of_another_person_does_not_count(client_for, red_fleet: Fleet):
    client = enter_sudo(client_for(red_fleet.team.owner), red_fleet.team.viewer)

    assert client.get(delete_url(red_fleet.device)).status_code == 302


def test_an_authentication_in_the_future_does_not_count(client_for, red_fleet: Fleet):
    owner = red_fleet.team.owner
    client = enter_sudo(client_for(owner), owner, seconds_ago=-60)

    assert client.get(delete_url(red_fleet.device)).status_code == 302


def test_the_password_opens_it_and_the_trail_knows(client_for, red_fleet: Fleet):
    client = client_for(red_fleet.team.owner)
    url = delete_url(red_fleet.device)

    asked = client.get(url).url
    wrong = client.post(asked, {"password": "wrong", "next": url})
    assert wrong.status_code == 200
    assert client.get(url).status_code == 302
    right = client.post(asked, {"password": PASSWORD, "next": url})

    assert right.url == url
    assert client.get(url).status_code == 200
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not exists(Device, red_fleet.device, red_fleet)
    [event] = AuditEvent.objects.filter(action="sudo.entered")
    assert event.actor_id == red_fleet.team.owner.pk
    assert event.tenant_id == red_fleet.team.tenant.pk


def test_who_may_not_delete_is_not_asked(client_for, red_fleet: Fleet):
    assert "login" in client_for(red_fleet.team.viewer).get(delete_url(red_fleet.site)).url


def test_making_an_administrator_asks(client_for, red_fleet: Fleet):
    member = Membership.objects.get(user=red_fleet.team.viewer)
    url = reverse("admin:accounts_membership_change", args=[member.pk])
    client = client_for(red_fleet.team.owner)

    assert_asks(client.post(url, {"role": "admin", "custom_role": ""}), url)
    assert client.post(url, {"role": "operator", "custom_role": ""}).status_code == 302
    member.refresh_from_db()
    assert member.role == "operator"


def test_what_machines_wrote_goes_with_its_device(sudo_client_for, red_fleet: Fleet):
    client: Client = sudo_client_for(red_fleet.team.owner)
    empty = SiteFactory(tenant=red_fleet.team.tenant, name="empty")

    for model, obj in ((Device, red_fleet.device), (Gateway, red_fleet.gateway), (Site, empty)):
        page = client.get(delete_url(obj)).content.decode()
        assert 'name="post"' in page, model
