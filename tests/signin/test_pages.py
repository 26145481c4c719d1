"""The pages about one's own sign-in, in our look and under the strict policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from tests.conftest import Team
from tests.factories import PASSWORD
from tests.signin.test_second_factor import SECRET, code_at

PAGES = (
    "/accounts/2fa/", "/accounts/2fa/totp/deactivate/", "/accounts/2fa/recovery-codes/generate/",
    "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/", "/accounts/sessions/",
    "/accounts/password/change/", "/accounts/reauthenticate/", "/accounts/2fa/reauthenticate/",
)  # fmt: skip


def plain(html: str) -> bool:
    """Tell whether a page has no inline script, handler or style."""
    scripts = re.findall(r"<script([^>]*)>", html)
    runs = [s for s in scripts if "src=" not in s and "json" not in s and "nonce" not in s]
    return not runs and not re.search(r"\son\w+=|<style|\sstyle=", html)


@pytest.fixture
def browser(red: Team) -> Client:
    """A browser in which somebody has just given password and code."""
    TOTP.activate(red.operator, SECRET)
    client = Client()
    client.post("/accounts/login/", {"login": red.operator.email, "password": PASSWORD})
    step = client.get("/accounts/2fa/authenticate/")
    assert plain(step.content.decode())
    assert "Use a passkey" in step.content.decode()
    client.post("/accounts/2fa/authenticate/", {"code": code_at()})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


@pytest.mark.parametrize("page", PAGES)
def test_page(browser: Client, page: str) -> None:
    answer: Any = browser.get(page)
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "settings__nav" in html
    assert plain(html)


def test_recovery_codes_are_shown_and_work(browser: Client, red: Team) -> None:
    shown = browser.post("/accounts/2fa/recovery-codes/generate/", follow=True)
    codes = re.findall(r"<code>(\d+)</code>", shown.content.decode())
    assert len(codes) == 10
    other = Client()
    other.post("/accounts/login/", {"login": red.operator.email, "password": PASSWORD})
    assert other.post("/accounts/2fa/authenticate/", {"code": codes[0]}).status_code == 302
    assert other.get("/").status_code == 200


def test_end_all_others(browser: Client, red: Team) -> None:
    other = Client()
    other.post("/accounts/login/", {"login": red.operator.email, "password": PASSWORD})
    other.post("/accounts/2fa/authenticate/", {"code": code_at(1)})
    assert other.get("/").status_code == 200
    assert browser.post("/accounts/sessions/").status_code == 302
    assert (other.get("/").status_code, browser.get("/").status_code) == (302, 200)


def test_set_up_shows_secret_and_picture(red: Team) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": red.viewer.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    html = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert "data:image/svg+xml" in html
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", html)
    assert secret is not None
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_at(secret=secret[1])})
    assert done.status_code == 302


def test_login_page(db: None) -> None:
    html = Client().get("/accounts/login/").content.decode()
    assert plain(html)
    assert "passkey_login" in html
