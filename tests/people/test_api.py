"""People, roles and shares in the API."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, Membership, Role
from tests.factories import DeviceFactory

JSON = "application/json"


def member_of(team, user):
    return Membership.objects.get(tenant=team.tenant, user=user)


def test_me_tells_who_and_what(red, blue, client_for):
    Membership.objects.create(user=red.viewer, tenant=blue.tenant, role="operator")
    me = client_for(red.viewer).get("/api/v1/me").json()

    assert me["user"]["email"] == red.viewer.email
    assert {o["slug"]: o["role"] for o in me["organisations"]} == {
        "blue": "Operator",
        "red": "Viewer",
    }
    assert len(me["permissions"]) == 26  # Blue Energy comes first
    assert me["acting"]["kind"] == "member"


def test_me_of_a_member_of_nothing(stranger, client_for):
    me = client_for(stranger).get("/api/v1/me").json()

    assert (me["acting"], me["permissions"], me["organisations"]) == (None, [], [])


@pytest.mark.parametrize("path", ["me", "members", "invitations", "roles", "shares"])
def test_nobody_gets_401(db, path):
    answer = Client().get(f"/api/v1/{path}")

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["members", "invitations", "roles", "shares"])
def test_a_viewer_gets_403(red, client_for, path):
    assert client_for(red.viewer).get(f"/api/v1/{path}").status_code == 403


def test_members_are_listed_page_by_page(red, blue, client_for):
    browser = client_for(red.owner)
    first = browser.get("/api/v1/members?limit=2").json()
    second = browser.get(first["next"]).json()

    emails = [row["email"] for row in first["results"] + second["results"]]
    assert emails == ["operator@red.example", "owner@red.example", "viewer@red.example"]
    assert first["results"][0]["role"] == {"id": "operator", "name": "Operator"}


def test_a_role_is_changed(red, client_for):
    member = member_of(red, red.viewer)
    answer = client_for(red.owner).patch(
        f"/api/v1/members/{member.id}", {"role": "operator"}, content_type=JSON
    )

    assert (answer.status_code, answer.json()["role"]["id"]) == (200, "operator")


def test_refusals_have_codes(red, client_for):
    browser = client_for(red.owner)
    last = member_of(red, red.owner)

    demoted = browser.patch(f"/api/v1/members/{last.id}", {"role": "viewer"}, content_type=JSON)
    removed = browser.delete(f"/api/v1/members/{last.id}")
    unknown = browser.patch(f"/api/v1/members/{last.id}", {"role": "king"}, content_type=JSON)

    assert (demoted.status_code, demoted.json()["code"]) == (400, "last_administrator")
    assert (removed.status_code, removed.json()["code"]) == (400, "last_administrator")
    assert unknown.json()["code"] == "unknown_role"


@pytest.mark.parametrize("field", ["tenant", "owner", "is_staff", "is_superuser", "id", "codes"])
def test_other_fields_are_refused(red, client_for, field):
    member = member_of(red, red.viewer)
    answer = client_for(red.owner).patch(
        f"/api/v1/members/{member.id}", {"role": "operator", field: "x"}, content_type=JSON
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    assert member_of(red, red.viewer).role == "viewer"


def test_invitations_are_made_sent_again_and_withdrawn(red, client_for, mailoutbox):
    browser = client_for(red.owner)
    body = {"email": "New@New.example", "role": "operator"}
    made = browser.post("/api/v1/invitations", body, content_type=JSON)
    path = f"/api/v1/invitations/{made.json()['id']}"
    too_soon = browser.post(f"{path}/resend", {}, content_type=JSON)
    listed = browser.get("/api/v1/invitations").json()["results"]
    gone = browser.delete(path)
    again = browser.delete(path)

    assert (made.status_code, made.json()["email"]) == (201, "new@new.example")
    assert "token" not in made.content.decode()
    assert too_soon.json()["code"] == "sent_just_now"
    assert [row["email"] for row in listed] == ["new@new.example"]
    assert (gone.status_code, again.status_code) == (204, 404)
    assert len(mailoutbox) == 1


def test_roles_are_made_changed_and_deleted(red, client_for):
    browser = client_for(red.owner)
    body = {"name": "Night", "permissions": ["read:site"]}
    made = browser.post("/api/v1/roles", body, content_type=JSON)
    path = f"/api/v1/roles/{made.json()['id']}"
    changed = browser.patch(path, {"permissions": ["read:alarm"]}, content_type=JSON)
    bad = browser.patch(path, {"permissions": ["fly:device"]}, content_type=JSON)
    roles = browser.get("/api/v1/roles").json()["results"]

    assert made.status_code == 201
    assert (changed.json()["name"], changed.json()["permissions"]) == ("Night", ["read:alarm"])
    assert bad.json()["code"] == "unknown_permission"
    assert [len(role["permissions"]) for role in roles] == [56, 26, 14, 1]
    assert browser.delete(path).status_code == 204
    assert browser.get(path).status_code == 404


def test_shares_are_made_moved_and_ended(red, blue, client_for):
    device = DeviceFactory(tenant=red.tenant)
    browser = client_for(red.owner)
    end = timezone.now() + dt.timedelta(days=5)
    body = {
        "device": str(device.id),
        "organisation": "blue",
        "permissions": ["read:telemetry"],
        "expires_at": end.isoformat(),
    }
    made = browser.post("/api/v1/shares", body, content_type=JSON)
    path = f"/api/v1/shares/{made.json()['id']}"
    later = {"expires_at": (end + dt.timedelta(days=1)).isoformat()}
    moved = browser.patch(path, later, content_type=JSON)

    assert made.status_code == 201, made.content
    assert made.json()["permissions"] == ["read:device", "read:telemetry"]
    assert moved.json()["expires_at"] > made.json()["expires_at"]
    assert len(browser.get("/api/v1/shares").json()["results"]) == 1
    assert client_for(blue.owner).get(path).status_code == 404
    assert client_for(blue.owner).delete(path).status_code == 404
    assert browser.delete(path).status_code == 204


def test_a_share_names_one_thing_and_one_other(red, client_for):
    body = {"expires_at": timezone.now().isoformat(), "email": "a@b.example"}
    answer = client_for(red.owner).post("/api/v1/shares", body, content_type=JSON)

    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["errors"][0]["pointer"] == "#/site"


def test_another_tenants_objects_do_not_exist(red, blue, client_for):
    browser = client_for(red.owner)
    member = member_of(blue, blue.viewer)
    device = DeviceFactory(tenant=blue.tenant)
    with blue.scope():
        role = Role.objects.create(tenant=blue.tenant, name="Theirs", codes=["read:site"])
        invitation = Invitation.objects.create(
            tenant=blue.tenant, email="x@y.example", token_hash="x", expires_at=timezone.now()
        )
    end = (timezone.now() + dt.timedelta(days=5)).isoformat()
    share = {"device": str(device.id), "email": "a@b.example", "expires_at": end}

    answers = [
        browser.get(f"/api/v1/members/{member.id}"),
        browser.patch(f"/api/v1/members/{member.id}", {"role": "admin"}, content_type=JSON),
        browser.delete(f"/api/v1/members/{member.id}"),
        browser.get(f"/api/v1/roles/{role.id}"),
        browser.patch(f"/api/v1/roles/{role.id}", {"name": "Mine"}, content_type=JSON),
        browser.delete(f"/api/v1/roles/{role.id}"),
        browser.delete(f"/api/v1/invitations/{invitation.id}"),
        browser.post(f"/api/v1/invitations/{invitation.id}/resend", {}, content_type=JSON),
        browser.post("/api/v1/shares", share, content_type=JSON),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_a_name_that_another_tenant_uses_is_free(red, blue, client_for):
    """S05: uniqueness tells nothing about other tenants."""
    body = {"name": "Night", "permissions": ["read:site"]}
    for team in (blue, red):
        answer = client_for(team.owner).post("/api/v1/roles", body, content_type=JSON)
        assert answer.status_code == 201
        assert answer.json()["members"] == 0


def test_another_tenants_role_cannot_be_given_by_id(red, blue, client_for):
    with blue.scope():
        role = Role.objects.create(tenant=blue.tenant, name="Theirs", codes=["read:site"])
    member = member_of(red, red.viewer)
    answer = client_for(red.owner).patch(
        f"/api/v1/members/{member.id}", {"role": str(role.id)}, content_type=JSON
    )

    assert answer.json()["code"] == "unknown_role"


def test_the_endpoints_are_documented(client_for, red):
    answer = client_for(red.owner).get("/api/schema?format=json").json()

    for path in ("me", "members", "members/{member_id}", "invitations", "roles", "shares"):
        assert f"/api/v1/{path}" in answer["paths"]
    assert "Role" in answer["components"]["schemas"]
    listed = answer["paths"]["/api/v1/members"]["get"]["responses"]["200"]["content"]
    assert listed["application/json"]["schema"]["$ref"].endswith("PaginatedMemberList")


def test_a_mail_server_that_fails_is_told_and_the_invitation_stands(red, client_for, monkeypatch):
    def fail(self, fail_silently=False):
        raise OSError

    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", fail)
    body = {"email": "new@new.example", "role": "viewer"}
    answer = client_for(red.owner).post("/api/v1/invitations", body, content_type=JSON)

    assert (answer.status_code, answer.json()["code"]) == (503, "mail_not_sent")
    with red.scope():
        assert Invitation.objects.count() == 1
