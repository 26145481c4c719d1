"""Where somebody is signed in: seen, and ended one by one or all at once."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.queries.sessions import list_sign_ins
from accounts.services.keys import create_key
from accounts.signin import activity
from accounts.signin.programs import name_program
from tests.conftest import Team
from tests.factories import PASSWORD
from tests.signin.conftest import App

pytestmark = pytest.mark.usefixtures("redis")

PAGE = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, ("Firefox", "Linux")),
        (CHROME, ("Chrome", "Android")),
        (SAFARI, ("Safari", "iPhone")),
        (EDGE, ("Edge", "Windows")),
        ("curl/8.5.0", ("curl", "")),
        ("okhttp/4.12", ("okhttp", "")),
        ("<script>alert(1)</script>", ("", "")),
        ("", ("", "")),
    ],
)
def test_programs_have_names(user_agent: str, name: tuple[str, str]) -> None:
    assert name_program(user_agent) == name


def sign_in(user: User, user_agent: str, ip: str = "192.0.2.7") -> Client:
    """Sign a browser in with a password."""
    browser = Client(headers={"User-Agent": user_agent}, REMOTE_ADDR=ip)
    fields = {"login": user.email, "password": PASSWORD}
    assert browser.post("/accounts/login/", fields).status_code == 302
    return browser


@pytest.fixture
def here(red: Team) -> Client:
    """The browser that looks."""
    return sign_in(red.operator, FIREFOX)


@pytest.fixture
def there(red: Team, here: Client) -> Client:
    """Another one."""
    return sign_in(red.operator, CHROME, ip="198.51.100.4")


def row_of(browser: Client) -> UserSession:
    return UserSession.objects.get(session_key=browser.session.session_key)


def is_signed_in(browser: Client) -> bool:
    return browser.get("/").status_code == 200


def test_the_page_lists_browsers_and_apps(here, there, red: Team, app: App) -> None:
    assert app.sign_in(red.operator).status_code == 200
    page = here.get(PAGE).content.decode()

    assert "Firefox on Linux" in page and "Chrome on Android" in page
    assert "198.51.100.4" in page
    assert page.count("this one") == 1
    assert page.index("Firefox on Linux") < page.index("Chrome on Android"), "this one is first"
    assert page.count("/end") == 2
    assert here.session.session_key not in page


def test_one_is_ended(here, there, red: Team, app: App) -> None:
    app.sign_in(red.operator)
    assert here.post(f"{PAGE}{row_of(there).pk}/end").status_code == 302

    assert not is_signed_in(there)
    assert is_signed_in(here)
    assert app.me().status_code == 200
    event = AuditEvent.objects.get(action="session.revoked")
    assert (event.tenant_id, event.actor_label) == (red.tenant.id, red.operator.email)


def test_an_app_is_ended_with_both_tokens(here, red: Team, app: App) -> None:
    app.sign_in(red.operator)
    row = UserSession.objects.exclude(session_key=here.session.session_key).get()
    here.post(f"{PAGE}{row.pk}/end")

    assert (app.me().status_code, app.renew().status_code) == (401, 401)
    assert is_signed_in(here)


def test_all_others(here, there, red: Team, app: App) -> None:
    app.sign_in(red.operator)
    stranger = sign_in(red.viewer, FIREFOX)
    assert here.post(PAGE).status_code == 302

    assert (is_signed_in(here), is_signed_in(there), is_signed_in(stranger)) == (True, False, True)
    assert app.me().status_code == 401
    assert AuditEvent.objects.get(action="session.revoked").detail == {"sessions": 2}


def test_this_one_is_ended_by_signing_out(here) -> None:
    answer = here.post(f"{PAGE}{row_of(here).pk}/end")

    assert answer.url == "/accounts/logout/"
    assert is_signed_in(here)


def test_others_sign_ins_are_not_there(here, red: Team, blue: Team) -> None:
    for person in (red.owner, blue.owner):
        other = sign_in(person, CHROME)
        assert here.post(f"{PAGE}{row_of(other).pk}/end").status_code == 404
        assert here.delete(f"/api/v1/sessions/{row_of(other).pk}").status_code == 404
        assert is_signed_in(other)


def test_what_is_over_is_not_listed(here, there, red: Team) -> None:
    past = timezone.now() - dt.timedelta(seconds=1)
    Session.objects.filter(session_key=there.session.session_key).update(expire_date=past)
    assert "Chrome" not in here.get(PAGE).content.decode()

    User.objects.filter(pk=red.operator.pk).update(token_version=7)
    red.operator.refresh_from_db()
    assert list_sign_ins(red.operator, current_key="", now=timezone.now()) == []


def test_the_last_use_is_noted_every_five_minutes(here) -> None:
    old = timezone.now() - dt.timedelta(hours=3)
    UserSession.objects.update(last_seen_at=old)
    here.get("/")
    assert row_of(here).last_seen_at == old, "it signed in just now"

    cache.clear()
    here.get("/", REMOTE_ADDR="203.0.113.9")
    seen = row_of(here)
    assert timezone.now() - seen.last_seen_at < dt.timedelta(minutes=1)
    assert seen.ip == "203.0.113.9"
    assert not activity.begin_interval(here.session.session_key)


def test_questions_do_not_grow(here, red: Team) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert here.get(PAGE).status_code == 200
        return len(queries)

    few = count()
    for _ in range(5):
        sign_in(red.operator, CHROME)
    assert count() == few


def test_nobody_and_guests_of_the_page(db, stranger: User) -> None:
    assert Client().get(PAGE).status_code == 302
    assert Client().get("/api/v1/sessions").status_code == 401
    assert "Firefox" in sign_in(stranger, FIREFOX).get(PAGE).content.decode()


class TestApi:
    """The same for apps."""

    @staticmethod
    def call(app: App, method: str, path: str = ""):
        bearer = {"Authorization": f"Bearer {app.access}"}
        return Client().generic(method, f"/api/v1/sessions{path}", headers=bearer)

    def test_it_lists_and_ends(self, here, red: Team, app: App) -> None:
        app.sign_in(red.operator)
        mine, other = self.call(app, "GET").json()["results"]
        assert (mine["is_current"], mine["is_app"]) == (True, True)
        assert (other["program"], other["system"], other["is_app"]) == ("Firefox", "Linux", False)

        assert self.call(app, "DELETE", f"/{other['id']}").status_code == 204
        assert self.call(app, "DELETE", f"/{other['id']}").status_code == 404
        assert not is_signed_in(here)
        assert app.me().status_code == 200

    def test_all_others(self, here, there, red: Team, app: App) -> None:
        app.sign_in(red.operator)
        assert self.call(app, "DELETE").json() == {"ended": 2}
        assert (is_signed_in(here), is_signed_in(there)) == (False, False)
        assert app.me().status_code == 200

    def test_its_own(self, red: Team, app: App) -> None:
        app.sign_in(red.operator)
        mine = self.call(app, "GET").json()["results"][0]
        assert self.call(app, "DELETE", f"/{mine['id']}").status_code == 204
        assert (app.me().status_code, app.renew().status_code) == (401, 401)

    def test_a_program_has_none(self, red: Team) -> None:
        with red.scope():
            key = create_key(
                name="x", codes=["read:device"], expires_at=None, created_by=red.owner,
                editor_codes=frozenset({"read:device"}), now=timezone.now(),
            )  # fmt: skip
        answer = Client().get("/api/v1/sessions", headers={"X-API-Key": key.secret.text})
        assert answer.status_code == 403

    def test_through_allauth_too(self, here, red: Team, app: App) -> None:
        app.sign_in(red.operator)
        answer = Client().delete(
            "/_allauth/app/v1/auth/sessions",
            {"sessions": [row_of(here).pk]},
            content_type="application/json",
            headers={"Authorization": f"Bearer {app.access}"},
        )
        assert answer.status_code == 200
        assert not is_signed_in(here)
        assert uuid.UUID(app.me().json()["user"]["id"]) == red.operator.pk


def test_a_session_that_nobody_listed_is_added(red: Team, client_for) -> None:
    """Such as staff's after they acted as somebody."""
    browser = client_for(red.operator)
    assert not UserSession.objects.exists()
    cache.clear()
    browser.get("/", headers={"User-Agent": FIREFOX})

    assert row_of(browser).user == red.operator
    assert "this one" in browser.get(PAGE).content.decode()
