"""TOTP for apps and browsers, and tenants that require it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from accounts.models import AuditEvent, User
from tests.conftest import Team
from tests.factories import PASSWORD
from tests.signin.conftest import App

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FLOWS = "/_allauth/app/v1/"


def code_at(step: int = 0, secret: str = SECRET) -> str:
    """Return what an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


@pytest.fixture
def guarded(red: Team) -> User:
    """A person with TOTP."""
    TOTP.activate(red.operator, SECRET)
    return red.operator


def test_no_token_before_the_second_factor(app: App, guarded: User) -> None:
    first = app.sign_in(guarded)
    assert (first.status_code, first.json()["code"]) == (401, "mfa_authenticate")
    assert "totp" in first.json()["types"]
    step = first.json()["session_token"]
    assert app.me(step).status_code == 401, "the token of the step is no access token"
    wrong = app.post("/api/v1/auth/mfa", {"code": "000000"}, **{"X-Session-Token": step})
    assert wrong.status_code == 401
    right = app.post("/api/v1/auth/mfa", {"code": code_at()}, **{"X-Session-Token": step})
    assert right.status_code == 200, right.content
    app.keep(right)
    assert app.me().json()["user"]["email"] == guarded.email
    assert AuditEvent.objects.filter(action="session.signed_in").count() == 1


def test_a_code_is_good_once(app: App, guarded: User) -> None:
    code = code_at()
    for expected in (200, 401):
        step = app.sign_in(guarded).json()["session_token"]
        answer = app.post("/api/v1/auth/mfa", {"code": code}, **{"X-Session-Token": step})
        assert answer.status_code == expected


def test_codes_cannot_be_guessed(app: App, guarded: User) -> None:
    step = app.sign_in(guarded).json()["session_token"]
    for _try in range(10):
        app.post("/api/v1/auth/mfa", {"code": "000000"}, **{"X-Session-Token": step})
    late = app.post("/api/v1/auth/mfa", {"code": code_at()}, **{"X-Session-Token": step})
    assert late.status_code in {401, 429}, "not even the right one any more"


def test_secrets_are_sealed_at_rest(guarded: User) -> None:
    data = Authenticator.objects.get(user=guarded, type="totp").data
    assert SECRET not in str(data)
    assert data["secret"].startswith("v1.")


@pytest.mark.django_db(transaction=True)
def test_an_app_sets_up_its_second_factor(app: App, red: Team) -> None:
    red.tenant.requires_mfa = True
    red.tenant.save()
    assert app.sign_in(red.viewer).status_code == 200
    refused = app.me()
    assert (refused.status_code, refused.json()["code"]) == (403, "mfa_required")
    bearer = {"Authorization": f"Bearer {app.access}"}
    again = app.post(f"{FLOWS}auth/reauthenticate", {"password": PASSWORD}, **bearer)
    assert again.status_code == 200
    offer = Client().get(f"{FLOWS}account/authenticators/totp", headers=bearer)
    secret = offer.json()["meta"]["secret"]
    done = app.post(
        f"{FLOWS}account/authenticators/totp", {"code": code_at(secret=secret)}, **bearer
    )
    assert done.status_code == 200
    assert app.me().status_code == 200
    assert AuditEvent.objects.filter(action="mfa.added").exists()


def test_browser_is_sent_to_the_set_up(red: Team, client_for: Callable[[User], Any]) -> None:
    red.tenant.requires_mfa = True
    red.tenant.save()
    browser = client_for(red.viewer)
    assert browser.get("/").url == "/accounts/2fa/"
    assert browser.get("/api/v1/devices").json()["code"] == "mfa_required"
    assert browser.get("/accounts/2fa/").status_code == 200
    assert browser.post("/accounts/logout/").status_code == 302
    TOTP.activate(red.viewer, SECRET)
    assert client_for(red.viewer).get("/").status_code == 200


def test_the_last_required_factor_stays(red: Team) -> None:
    red.tenant.requires_mfa = True
    red.tenant.save()
    TOTP.activate(red.operator, SECRET)
    browser = Client()
    browser.post("/accounts/login/", {"login": red.operator.email, "password": PASSWORD})
    assert browser.post("/accounts/2fa/authenticate/", {"code": code_at()}).status_code == 302
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    answer = browser.post("/accounts/2fa/totp/deactivate/")
    assert b"requires a second factor" in answer.content
    assert Authenticator.objects.filter(user=red.operator, type="totp").exists()
