"""S12: no session can be made to write from a page that is not ours."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.middleware.csrf import CsrfViewMiddleware, _get_new_csrf_string
from django.test import Client

from accounts.models import SystemRole
from tests.factories import MembershipFactory
from tests.security.surfaces import Surface, all_surfaces

METHODS = ("POST", "PUT", "PATCH", "DELETE")
# Views that a session's cookie cannot move, and why.
EXEMPT = {
    "accounts.api.handlers.unknown_endpoint": "answers 404 and does nothing",
    "accounts.api.sign_in.SignIn": "answers tokens in the body; no session begins or is read",
    "accounts.api.sign_in.SecondStep": "needs the token of the first step in a header",
    "accounts.api.sign_in.Refresh": "needs a refresh token in the body",
    "accounts.api.sign_in.SignOut": "needs an access token in a header",
    "reports.pages.consent.report_unsubscribe": "mail programs post to the signed link (RFC 8058)",
}
PREFIXES_WITHOUT_COOKIE = (
    "/_allauth/app/",  # tokens in a header; a browser sends none by itself
    "/api/v1/bootstrap/",  # boxes, known by what is in the body; no session is read
    "/hooks/automation/",  # the address is the secret; no session is read
    *("/compat/", "/api/v2/", "/write"),  # programs with a key; no session is read (tests/doors)
)


@pytest.fixture
def rejected(monkeypatch) -> list[str]:
    """Record the requests that the CSRF check refused, of Django and of REST framework."""
    refused: list[str] = []
    check = CsrfViewMiddleware.process_view

    def process_view(self, request, *args):
        answer = check(self, request, *args)
        if answer is not None:
            refused.append(request.path)
        return answer

    monkeypatch.setattr(CsrfViewMiddleware, "process_view", process_view)
    return refused


@pytest.fixture
def browser(red, staff) -> Client:
    """Return somebody who may do everything, so that nothing else is in the way."""
    MembershipFactory(user=staff, tenant=red.tenant, role=SystemRole.ADMIN)
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


def name_of(surface: Surface) -> str:
    view = getattr(surface.view, "cls", surface.view)
    return f"{view.__module__}.{getattr(view, '__qualname__', '')}"


def is_exempt(surface: Surface) -> bool:
    return name_of(surface) in EXEMPT or surface.path.startswith(PREFIXES_WITHOUT_COOKIE)


def accepted_writes(browser: Client, rejected: list[str], **headers: str) -> list[str]:
    """Return the writes that passed the check."""
    passed = []
    for surface in all_surfaces():
        if is_exempt(surface):
            continue
        for method in METHODS:
            rejected.clear()
            answer = browser.generic(method, surface.path, b"{}", headers=headers)
            if not rejected:
                passed.append(f"{method} {surface.path} {answer.status_code}")
    return passed


@pytest.mark.django_db
def test_every_write_needs_the_token(browser, rejected):
    assert len(all_surfaces()) > 60
    assert accepted_writes(browser, rejected) == []


@pytest.mark.django_db
def test_a_token_does_not_help_a_page_of_another_origin(browser, rejected):
    token = _get_new_csrf_string()
    browser.cookies[settings.CSRF_COOKIE_NAME] = token

    passed = accepted_writes(
        browser, rejected, **{"X-CSRFToken": token, "Origin": "https://evil.example"}
    )

    assert passed == []


@pytest.mark.django_db
def test_with_token_and_origin_a_write_passes(browser, rejected):
    token = _get_new_csrf_string()
    browser.cookies[settings.CSRF_COOKIE_NAME] = token

    browser.post("/i18n/setlang/", {"language": "tr"},
                 headers={"X-CSRFToken": token, "Origin": "http://testserver"})  # fmt: skip

    assert rejected == []


def test_exempt_views_exist():
    assert set(EXEMPT) <= {name_of(surface) for surface in all_surfaces()}


@pytest.mark.django_db
def test_a_cookie_alone_moves_no_exempt_view(red, client_for):
    client = client_for(red.owner)
    client.raise_request_exception = False
    before = client.session.session_key

    for surface in all_surfaces():
        if is_exempt(surface):
            for method in METHODS:
                answer = client.generic(method, surface.path, b"{}", "application/json")
                assert answer.status_code in {400, 401, 403, 404, 405, 409, 410}, surface.path
                assert settings.SESSION_COOKIE_NAME not in answer.cookies, surface.path

    assert client.session.session_key == before
    assert client.get("/api/v1/devices").status_code == 200
