"""Deciding what others may do needs an authentication of the last ten minutes."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Invitation, Membership, Role
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.keys import create_key
from tests.admin.conftest import enter_sudo
from tests.factories import PASSWORD
from tests.signin import conftest as signin
from tests.signin.conftest import App

pytestmark = pytest.mark.usefixtures("redis")

app, no_counts = signin.app, signin.no_counts  # fixtures
JSON = "application/json"
ASKS = "/accounts/reauthenticate/"
REAUTHENTICATE = "/_allauth/app/v1/auth/reauthenticate"


@pytest.fixture
def chief(red):
    """A role that the tenant made for those who change members."""
    with red.scope():
        return Role.objects.create(name="Chief", codes=["read:member", "write:member"])


def member_of(team, user) -> Membership:
    return Membership.objects.get(tenant=team.tenant, user=user)


def role_of(team, user) -> str:
    return member_of(team, user).role_name


def is_asked(answer) -> bool:
    return answer.status_code == 302 and answer.url.startswith(ASKS)


class TestPages:
    def test_making_somebody_an_administrator(self, red, client_for):
        url = f"/settings/people/{member_of(red, red.viewer).id}/role"
        browser = client_for(red.owner)

        asked = browser.post(url, {"role": "admin"})
        assert is_asked(asked) and asked.url.endswith("next=%2Fsettings%2Fpeople")
        assert role_of(red, red.viewer) == "Viewer"
        enter_sudo(browser, red.owner)
        assert browser.post(url, {"role": "admin"}).url == "/settings/people"
        assert role_of(red, red.viewer) == "Administrator"

    def test_an_own_role_that_changes_members(self, red, chief, client_for):
        url = f"/settings/people/{member_of(red, red.viewer).id}/role"

        assert is_asked(client_for(red.owner).post(url, {"role": str(chief.id)}))

    def test_other_roles_do_not_ask(self, red, client_for):
        url = f"/settings/people/{member_of(red, red.viewer).id}/role"
        client_for(red.owner).post(url, {"role": "operator"})

        assert role_of(red, red.viewer) == "Operator"

    def test_an_invitation_keeps_what_was_entered(self, red, client_for):
        browser = client_for(red.owner)
        sent = {"email": "boss@new.example", "role": "admin"}
        asked = browser.post("/settings/people/invite", sent)
        assert is_asked(asked)
        answer = browser.post(asked.url, {"password": PASSWORD})
        assert answer.url == "/settings/people/invite"

        page = browser.get(answer.url)
        assert page.context["form"].initial == sent
        assert "save it once more" in page.content.decode()
        assert "save it once more" not in browser.get(answer.url).content.decode()
        browser.post("/settings/people/invite", sent)
        with red.scope():
            assert Invitation.objects.get().email == "boss@new.example"

    def test_what_was_kept_is_gone_without_the_password(self, red, client_for):
        browser = client_for(red.owner)
        browser.post("/settings/people/invite", {"email": "a@new.example", "role": "admin"})

        assert "a@new.example" not in browser.get("/settings/people/invite").content.decode()

    def test_a_new_role_that_changes_members(self, red, client_for):
        browser = client_for(red.owner)
        sent = {"name": "Chief", "description": "", "codes": ["read:member", "write:role"]}
        asked = browser.post("/settings/roles/new", sent)
        assert is_asked(asked)
        browser.post(asked.url, {"password": PASSWORD})
        page = browser.get("/settings/roles/new")

        assert page.context["form"].chosen() == {"read:member", "write:role"}
        assert browser.post("/settings/roles/new", sent).url == "/settings/roles"

    def test_a_role_that_gains_or_has_it(self, red, chief, client_for):
        browser, url = client_for(red.owner), f"/settings/roles/{chief.id}"

        kept = {"name": "Chief 2", "description": "", "codes": ["write:member"]}
        assert browser.post(url, kept).url == "/settings/roles", "nothing is given"
        more = {"name": "Chief 2", "description": "", "codes": ["write:member", "write:role"]}
        assert is_asked(browser.post(url, more))

    def test_whoever_acts_as_somebody_else_is_refused(self, red, staff, client_for):
        browser = client_for(red.owner)
        enter_sudo(browser, red.owner)
        session = browser.session
        session["impersonator_id"] = str(staff.pk)
        session["hijack_history"] = [str(staff.pk)]
        session["impersonation_until"] = time.time() + 600
        session.save()
        url = f"/settings/people/{member_of(red, red.viewer).id}/role"
        browser.post(url, {"role": "admin"})

        assert role_of(red, red.viewer) == "Viewer"


class TestAdmin:
    def test_an_own_role_and_its_permissions(self, red, chief, client_for):
        browser = client_for(red.owner)
        member = member_of(red, red.viewer)
        url = f"/admin/accounts/membership/{member.id}/change/"
        assert is_asked(browser.post(url, {"role": "", "custom_role": str(chief.id)}))
        url = f"/admin/accounts/role/{chief.id}/change/"
        assert is_asked(browser.post(url, {"name": "x", "codes": ["write:role"]}))


def calls(red, chief: Role) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every call that gives what needs sudo mode."""
    member = member_of(red, red.viewer).id
    return [
        ("PATCH", f"members/{member}", {"role": "admin"}),
        ("PATCH", f"members/{member}", {"role": str(chief.id)}),
        ("POST", "invitations", {"email": "boss@new.example", "role": "admin"}),
        ("POST", "roles", {"name": "Other", "permissions": ["write:role"]}),
        ("PATCH", f"roles/{chief.id}", {"permissions": ["write:member", "write:role"]}),
        ("POST", "keys", {"name": "x", "permissions": ["read:site"]}),
    ]


def send(browser: Client, call: tuple[str, str, dict[str, Any]], **headers: str):
    method, path, body = call
    return browser.generic(method, f"/api/v1/{path}", json.dumps(body), JSON, headers=headers)


class TestApi:
    @pytest.mark.parametrize("number", range(6))
    def test_with_a_cookie(self, red, chief, client_for, number):
        browser, call = client_for(red.owner), calls(red, chief)[number]
        refused = send(browser, call)
        assert (refused.status_code, refused.json()["code"]) == (403, "sudo_required")

        enter_sudo(browser, red.owner)
        assert send(browser, call).status_code in {200, 201}

    @pytest.mark.parametrize("number", range(6))
    def test_with_a_token(self, red, chief, app: App, monkeypatch, number):
        assert app.sign_in(red.owner).status_code == 200
        bearer = {"Authorization": f"Bearer {app.access}"}
        call = calls(red, chief)[number]
        with monkeypatch.context() as patch:  # eleven minutes later
            later = timezone.now() + dt.timedelta(minutes=11)
            patch.setattr("accounts.api.write.timezone.now", lambda: later)
            refused = send(Client(), call, **bearer)
        assert (refused.status_code, refused.json()["code"]) == (403, "sudo_required")

        assert send(Client(), call, **bearer).status_code in {200, 201}, "it signed in just now"

    def test_an_app_authenticates_again(self, red, chief, app: App):
        app.sign_in(red.owner)
        bearer = {"Authorization": f"Bearer {app.access}"}
        call = calls(red, chief)[0]
        _make_old(app)
        assert send(Client(), call, **bearer).json()["code"] == "sudo_required"
        again = app.post(REAUTHENTICATE, {"password": PASSWORD}, **bearer)

        assert again.status_code == 200
        assert send(Client(), call, **bearer).status_code == 200

    def test_a_wrong_password_is_none(self, red, chief, app: App):
        app.sign_in(red.owner)
        bearer = {"Authorization": f"Bearer {app.access}"}
        _make_old(app)
        assert app.post(REAUTHENTICATE, {"password": "wrong"}, **bearer).status_code == 400
        assert send(Client(), calls(red, chief)[0], **bearer).status_code == 403

    def test_programs_appoint_nobody_but_make_keys(self, red, chief):
        with red.scope():
            key = create_key(
                name="x", codes=SYSTEM_ROLES["admin"], expires_at=None, created_by=red.owner,
                editor_codes=SYSTEM_ROLES["admin"], now=timezone.now(),
            )  # fmt: skip
        header = {"X-API-Key": key.secret.text}
        *appoint, make_key = calls(red, chief)
        for call in appoint:
            assert send(Client(), call, **header).json()["code"] == "sudo_required"
        assert send(Client(), make_key, **header).status_code == 201
        with red.scope():
            assert ApiKey.objects.count() == 2
        assert role_of(red, red.viewer) == "Viewer"

    def test_other_changes_do_not_ask(self, red, client_for):
        call = ("PATCH", f"members/{member_of(red, red.viewer).id}", {"role": "operator"})

        assert send(client_for(red.owner), call).status_code == 200


def _make_old(app: App) -> None:
    """Move the sign-in of an app into the past."""
    session = SessionStore(UserSession.objects.get().session_key)
    for record in session["account_authentication_methods"]:
        record["at"] -= 660
    session.save()
