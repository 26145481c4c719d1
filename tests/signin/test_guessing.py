"""S13, S14: passwords cannot be guessed, accounts not found out, links not bent."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import hashers
from django.core import mail
from django.test import Client

from accounts.models import AuditEvent
from tests.conftest import Team
from tests.factories import PASSWORD
from tests.signin.conftest import App


def try_password(email: str, password: str, address: str = "192.0.2.1") -> Any:
    """Post the page's form."""
    return Client(REMOTE_ADDR=address).post(
        "/accounts/login/", {"login": email, "password": password}
    )


@pytest.mark.parametrize("many", [False, True], ids=["one address", "fifty addresses"])
def test_ten_tries_for_an_account(red: Team, many: bool) -> None:
    statuses = [
        try_password(red.viewer.email, "wrong", f"192.0.2.{n if many else 1}").status_code
        for n in range(1, 51)
    ]
    assert statuses.count(200) <= 10
    assert set(statuses[10:]) == {429}
    late = try_password(red.viewer.email, PASSWORD, "192.0.2.60" if many else "192.0.2.1")
    assert (late.status_code, late["Retry-After"]) == (429, late["Retry-After"])
    assert int(late["Retry-After"]) >= 60
    other = try_password(red.operator.email, PASSWORD, "192.0.2.61")
    assert other.status_code == 302, "others are not locked out"


def test_apps_share_the_count(app: App, red: Team) -> None:
    for n in range(10):
        try_password(red.viewer.email, "wrong", f"192.0.2.{n}")
    answer = app.sign_in(red.viewer)
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert answer.json()["code"] == "too_many_tries"


def test_host_header_opens_no_second_count(red: Team, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    browser = Client(REMOTE_ADDR="192.0.2.1")
    fields = {"login": red.viewer.email, "password": "wrong"}
    statuses = [
        browser.post("/accounts/login/", fields, headers={"Host": f"h{n}.example"}).status_code
        for n in range(15)
    ]
    assert statuses.count(200) <= 10


def test_unknown_accounts_answer_alike(
    red: Team, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode

    def count(self: Any, password: str, *args: Any, **kwargs: Any) -> str:
        work.append(password)
        return encode(self, password, *args, **kwargs)

    monkeypatch.setattr(hasher, "encode", count)
    found = []
    for email in (red.viewer.email, "nobody@red.example"):
        work.clear()
        page = try_password(email, "wrong").content.decode().replace(email, "")
        answer = app.post("/api/v1/auth/login", {"email": email, "password": "wrong"})
        body = {**answer.json(), "request_id": ""}
        found.append((len(work), answer.status_code, body, "not correct" in page))
    assert found[0] == found[1]
    assert found[0][1] == 401


def test_disabled_accounts_answer_like_wrong_passwords(red: Team, app: App) -> None:
    red.viewer.is_active = False
    red.viewer.save()
    right, wrong = app.sign_in(red.viewer), app.sign_in(red.viewer, "wrong")
    assert right.status_code == wrong.status_code == 401


def test_failed_tries_are_recorded(red: Team) -> None:
    try_password(red.viewer.email, "wrong")
    try_password("nobody@red.example", "wrong")
    events = AuditEvent.objects.filter(action="sign_in.failed")
    assert {event.object_label for event in events} == {red.viewer.email, "nobody@red.example"}
    assert "wrong" not in str(list(events.values()))


def ask_reset(email: str, **headers: str) -> Any:
    """Ask for a link by mail."""
    return Client().post("/accounts/password/reset/", {"email": email}, headers=headers)


def test_reset_answers_alike(red: Team) -> None:
    known, unknown = ask_reset(red.viewer.email), ask_reset("nobody@red.example")
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert [m.to for m in mail.outbox] == [[red.viewer.email]]


def test_reset_link_names_our_host(red: Team, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    ask_reset(red.viewer.email, Host="evil.example", **{"X-Forwarded-Host": "evil.example"})
    (message,) = mail.outbox
    assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in message.body
    assert "evil" not in message.body + message.subject


def test_reset_ends_what_was_signed_in(signed_in: App, red: Team, settings: Any) -> None:
    ask_reset(red.operator.email)
    text = mail.outbox[-1].body
    path = text[text.index("/accounts/password/reset/key/") :].split()[0]
    browser = Client()
    form = browser.get(path, follow=True)
    new = "a new horse 77"
    browser.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    assert (signed_in.me().status_code, signed_in.renew().status_code) == (401, 401)
    assert App().sign_in(red.operator, new).status_code == 200
