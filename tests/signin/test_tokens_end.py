"""S08: tokens are dead at once after what must end them."""

from __future__ import annotations

import jwt
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership
from accounts.services.sessions import end_sign_ins
from tests.conftest import Team
from tests.factories import PASSWORD, MembershipFactory
from tests.signin.conftest import BACKEND, App


def test_tokens_claim_person_tenant_and_type(signed_in: App, red: Team) -> None:
    claims = jwt.decode(signed_in.access, options={"verify_signature": False})
    assert claims["sub"] == str(red.operator.pk)
    assert claims["tenant_id"] == str(red.tenant.pk)
    assert claims["type"] == "access"
    assert claims["exp"] - claims["iat"] == 1800
    refresh = jwt.decode(signed_in.refresh, options={"verify_signature": False})
    assert (refresh["type"], refresh["exp"] - refresh["iat"]) == ("refresh", 604_800)
    assert signed_in.me().json()["acting"]["id"] == str(red.tenant.pk)


def dead(app: App) -> bool:
    """Tell whether both tokens are refused."""
    return (app.me().status_code, app.renew().status_code) == (401, 401)


def test_logout(signed_in: App) -> None:
    answer = signed_in.post("/api/v1/auth/logout", Authorization=f"Bearer {signed_in.access}")
    assert answer.status_code == 204
    assert dead(signed_in)
    assert AuditEvent.objects.filter(action="session.signed_out").count() == 1


def test_logout_of_allauth(signed_in: App) -> None:
    Client().delete(
        "/_allauth/app/v1/auth/session", headers={"Authorization": f"Bearer {signed_in.access}"}
    )
    assert dead(signed_in)


def test_new_password_elsewhere(signed_in: App, red: Team) -> None:
    browser = Client()
    browser.force_login(red.operator, backend=BACKEND)
    fields = {
        "oldpassword": PASSWORD,
        "password1": "another horse 9",
        "password2": "another horse 9",
    }
    assert browser.post("/accounts/password/change/", fields).status_code == 302
    assert dead(signed_in)
    assert browser.get("/").status_code == 200, "the browser that did it stays signed in"


def test_change_of_role(signed_in: App, red: Team) -> None:
    end_sign_ins(user=red.operator, now=timezone.now())
    assert dead(signed_in)


def test_disabled(signed_in: App, red: Team) -> None:
    red.operator.is_active = False
    red.operator.save()
    assert dead(signed_in)


def test_removed_from_the_tenant(signed_in: App, red: Team, blue: Team) -> None:
    MembershipFactory(user=red.operator, tenant=blue.tenant)
    Membership.objects.filter(user=red.operator, tenant=red.tenant).delete()
    assert signed_in.me().status_code == 401, "another tenant does not take its place"


def test_suspended_tenant(signed_in: App, red: Team) -> None:
    red.tenant.is_active = False
    red.tenant.save()
    assert signed_in.me().status_code == 401


def test_revoked_in_the_list_of_sessions(signed_in: App, red: Team) -> None:
    for session in UserSession.objects.filter(user=red.operator):
        session.end()
    assert dead(signed_in)


def test_browser_sessions_end_too(red: Team) -> None:
    browser = Client()
    browser.force_login(red.viewer, backend=BACKEND)
    assert browser.get("/").status_code == 200
    end_sign_ins(user=red.viewer, now=timezone.now())
    assert browser.get("/").status_code == 302
