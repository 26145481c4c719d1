"""Nobody sends mails through us in heaps: twenty within an hour for each person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.limits import middleware
from accounts.limits.counting import call_counter
from accounts.limits.window import Limit, decide
from tests.conftest import Team
from tests.factories import SiteFactory

START = 1_800_000_000.0 // 3600 * 3600  # an hour begins here


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any, redis: Any) -> Any:
    """Hold the clock of the limits still, and only count the mails of an hour."""
    now = [START]
    monkeypatch.setattr(middleware.time, "time", lambda: now[0])
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS) | {"mail_hour": 20}
    call_counter.cache_clear()
    yield now
    call_counter.cache_clear()


def invite(browser: Client, number: int) -> Any:
    """Send the form of an invitation."""
    return browser.post(
        "/settings/people/invite", {"email": f"guest{number}@example.com", "role": "viewer"}
    )


def share(browser: Client, number: int, site: Any) -> Any:
    """Send the form of a share."""
    return browser.post(
        "/settings/shares/new", {"email": f"friend{number}@example.com", "site": str(site.pk)}
    )


def test_twenty_in_an_hour_shares_and_invitations_together(
    red: Team, client_for: Callable[..., Client], clock: list[float], mailoutbox: list[Any]
) -> None:
    browser, site = client_for(red.owner), SiteFactory(tenant=red.tenant)
    statuses = []
    for number in range(13):
        statuses.append(invite(browser, number).status_code)
        statuses.append(share(browser, number, site).status_code)

    assert [s == 429 for s in statuses] == [False] * 20 + [True] * 6
    assert len(mailoutbox) <= 20
    refused = invite(browser, 99)
    assert int(refused["Retry-After"]) > 60, "an hour, not a minute"
    assert refused["RateLimit-Policy"] == "20;w=3600"

    clock[0] = START + int(refused["Retry-After"]) + 1
    assert invite(browser, 100).status_code != 429
    assert browser.get("/settings/people").status_code == 200


def test_others_are_not_held_up(red: Team, blue: Team, client_for: Callable[..., Client]) -> None:
    browser = client_for(red.owner)
    for number in range(21):
        invite(browser, number)
    assert invite(browser, 22).status_code == 429
    assert invite(client_for(blue.owner), 1).status_code != 429


def test_the_api_says_so_too(red: Team, client_for: Callable[..., Client]) -> None:
    browser = client_for(red.owner)
    answers = [
        browser.post("/api/v1/shares", {}, content_type="application/json") for _ in range(21)
    ]
    assert {a.status_code for a in answers[:20]} == {400}
    assert (answers[20].status_code, answers[20].json()["code"]) == (429, "rate_limited")
    assert answers[20].json()["limit"] == 20


def test_a_window_of_an_hour_slides() -> None:
    limit = Limit("mail-hour", "x", 20, seconds=3600)
    assert decide([limit], [(20, 0)], 0.0).is_allowed is False
    assert decide([limit], [(20, 0)], 180.0).is_allowed is True
    assert decide([limit], [(20, 0)], 0.0).wait_seconds == pytest.approx(180.0)
