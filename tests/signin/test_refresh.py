"""Refresh tokens: one after the other, once each."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.signin.refreshing import refresh_tokens
from tests.conftest import Team
from tests.signin.conftest import App


def test_each_refresh_brings_a_new_pair(signed_in: App) -> None:
    first = signed_in.refresh
    for _round in range(3):
        before = signed_in.refresh
        answer = signed_in.renew()
        signed_in.keep(answer)
        assert answer.json()["expires_in"] == 1800
        assert signed_in.refresh != before
        assert signed_in.me().status_code == 200
    assert first != signed_in.refresh


def test_same_answer_for_thirty_seconds(signed_in: App) -> None:
    now = timezone.now()
    pair = refresh_tokens(signed_in.refresh, now=now)
    assert pair is not None
    assert refresh_tokens(signed_in.refresh, now=now + dt.timedelta(seconds=29)) == pair
    assert signed_in.me(pair[0]).status_code == 200


def test_used_again_later_ends_the_family(signed_in: App, red: Team) -> None:
    now = timezone.now()
    pair = refresh_tokens(signed_in.refresh, now=now)
    assert pair is not None
    assert refresh_tokens(signed_in.refresh, now=now + dt.timedelta(seconds=31)) is None
    assert refresh_tokens(pair[1], now=now + dt.timedelta(seconds=32)) is None
    assert signed_in.me(pair[0]).status_code == 401
    assert not UserSession.objects.filter(user=red.operator).exists()
    assert AuditEvent.objects.filter(action="session.revoked").count() == 1


def test_older_than_the_one_before_ends_the_family(signed_in: App) -> None:
    now = timezone.now()
    second = refresh_tokens(signed_in.refresh, now=now)
    assert second is not None
    assert refresh_tokens(second[1], now=now) is not None
    assert refresh_tokens(signed_in.refresh, now=now) is None, "no grace for what is two steps old"
    assert signed_in.me().status_code == 401


def test_another_session_is_not_touched(app: App, red: Team) -> None:
    other = App()
    assert (app.sign_in(red.viewer).status_code, other.sign_in(red.viewer).status_code) == (
        200,
        200,
    )
    now = timezone.now()
    assert refresh_tokens(app.refresh, now=now) is not None
    assert refresh_tokens(app.refresh, now=now + dt.timedelta(minutes=1)) is None
    assert (app.me().status_code, other.me().status_code) == (401, 200)


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_get_one_answer(app: App, red: Team) -> None:
    app.sign_in(red.operator)

    def refresh(_n: int) -> tuple[str, str] | None:
        try:
            return refresh_tokens(app.refresh, now=timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(refresh, range(8)))
    assert len(answers) == 1
    (pair,) = answers
    assert pair is not None
    assert app.me(pair[0]).status_code == 200
    assert UserSession.objects.filter(user=red.operator).count() == 1
