"""A request sees and changes the acting tenant's rows only."""

from __future__ import annotations

import pytest

from accounts.identity import SESSION_TENANT
from accounts.tenancy import TenantScopeMissing, all_tenants, current_tenant_id
from devices.models import Gateway
from tests.accounts.conftest import Fleet
from tests.factories import MembershipFactory

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]

LIST = "/api/v1/gateways/"


def uids(response) -> list[str]:
    return [gateway["uid"] for gateway in response.json()]


def test_a_view_imported_in_one_tenants_request_serves_each_tenant_its_own(
    client_for, red_fleet: Fleet, blue_fleet: Fleet
):
    assert uids(client_for(red_fleet.team.owner).get(LIST)) == ["red-gw"]
    assert uids(client_for(blue_fleet.team.owner).get(LIST)) == ["blue-gw"]


def test_a_foreign_object_does_not_exist(client_for, red_fleet: Fleet, blue_fleet: Fleet):
    client = client_for(red_fleet.team.owner)
    url = f"{LIST}{blue_fleet.gateway.pk}/"

    assert client.get(url).status_code == 404
    assert client.delete(url).status_code == 404
    assert client.patch(url, {"name": "x"}, "application/json").status_code == 404


def test_a_foreign_relation_is_refused_and_an_own_one_taken(
    client_for, red_fleet: Fleet, blue_fleet: Fleet
):
    client = client_for(red_fleet.team.owner)
    gateway = {"uid": "n", "name": "n"}

    foreign = client.post(LIST, gateway | {"site": str(blue_fleet.site.pk)}, "application/json")
    own = client.post(LIST, gateway | {"site": str(red_fleet.site.pk)}, "application/json")

    assert foreign.status_code == 400
    assert own.status_code == 201
    with all_tenants():
        assert Gateway.objects.get(uid="n").tenant == red_fleet.team.tenant


@pytest.mark.parametrize(("who", "status"), [("owner", 201), ("operator", 201), ("viewer", 403)])
def test_viewers_read_and_the_others_write(client_for, red_fleet: Fleet, who: str, status: int):
    client = client_for(getattr(red_fleet.team, who))
    gateway = {"uid": "n", "name": "n", "site": str(red_fleet.site.pk)}

    assert uids(client.get(LIST)) == ["red-gw"]
    assert client.post(LIST, gateway, "application/json").status_code == status


def test_strangers_and_nobody_get_nothing(client, client_for, stranger, red_fleet: Fleet):
    assert client_for(stranger).get(LIST).status_code == 403
    assert client.get(LIST).status_code == 401


def test_staff_without_membership_sees_nothing_outside_the_admin(client_for, staff):
    assert client_for(staff).get(LIST).status_code == 403


def test_members_of_an_inactive_tenant_are_out(client_for, red_fleet: Fleet):
    client = client_for(red_fleet.team.owner)
    red_fleet.team.tenant.is_active = False
    red_fleet.team.tenant.save()

    assert client.get(LIST).status_code == 403


def test_acts_for_the_tenant_chosen_in_the_session(
    client_for, stranger, red_fleet: Fleet, blue_fleet: Fleet
):
    for fleet in (red_fleet, blue_fleet):
        MembershipFactory(user=stranger, tenant=fleet.team.tenant)
    client = client_for(stranger)

    for fleet in (red_fleet, blue_fleet):
        session = client.session
        session[SESSION_TENANT] = str(fleet.team.tenant.id)
        session.save()
        assert uids(client.get(LIST)) == [fleet.gateway.uid]


def test_a_tenant_chosen_without_membership_is_ignored(
    client_for, red_fleet: Fleet, blue_fleet: Fleet
):
    client = client_for(red_fleet.team.viewer)
    session = client.session
    session[SESSION_TENANT] = str(blue_fleet.team.tenant.id)
    session.save()

    assert uids(client.get(LIST)) == ["red-gw"]


def test_the_end_of_a_membership_takes_effect_at_once(client_for, red_fleet: Fleet):
    client = client_for(red_fleet.team.viewer)
    assert client.get(LIST).status_code == 200

    red_fleet.team.viewer.memberships.all().delete()

    assert client.get(LIST).status_code == 403


def test_templates_are_rendered_inside_the_scope(client_for, red_fleet: Fleet, blue_fleet: Fleet):
    assert client_for(red_fleet.team.viewer).get("/page/").content == b"red-1;"


def test_an_answer_that_queries_while_it_is_sent_has_no_scope(client_for, red_fleet: Fleet):
    response = client_for(red_fleet.team.viewer).get("/stream/")

    with pytest.raises(TenantScopeMissing):
        b"".join(response)


def test_the_scope_ends_with_the_request(client_for, red_fleet: Fleet):
    client_for(red_fleet.team.owner).get(LIST)

    assert current_tenant_id() is None
