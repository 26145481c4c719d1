"""A new person's first ten minutes: mail, name and password, second factor, dashboard."""

from __future__ import annotations

import email
import re
import time
from collections.abc import Callable
from email.policy import default
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.conftest import NARROW, WIDE, Fleet, Visit
from tests.browser.test_settings import photograph

ADDRESS = "ayse.yilmaz@new.example"
SENTENCE = "a sentence is easy to keep"


def newest_link(mails: Path, to: str) -> str:
    """Return the path of the link in the newest mail to somebody."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in sorted(mails.iterdir(), key=lambda found: found.stat().st_mtime, reverse=True):
            content = email.message_from_bytes(file.read_bytes(), policy=default)
            body = content.get_body(("plain",))
            if to in str(content["To"]) and body is not None:
                return re.search(r"(/invitations/\S+)", body.get_content())[1]  # type: ignore[index]
        time.sleep(0.1)
    raise AssertionError(f"no mail to {to}")


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return the code that the person's app shows, now or some half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time() // 30) + steps))


def invite(page: Page) -> None:
    """Invite somebody as an administrator does."""
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_label("Role").select_option("operator")
    page.get_by_role("button", name="Send the invitation").click()
    page.get_by_text(f"The invitation to {ADDRESS} is sent.").wait_for()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_from_the_mail_to_the_dashboard(
    fleet: Fleet, visit: Callable[..., Visit], mails: Path, viewport: dict[str, int]
) -> None:
    type(fleet.team.tenant).objects.filter(pk=fleet.team.tenant.pk).update(requires_mfa=True)
    owner = fleet.team.owner
    Authenticator.objects.create(user=owner, type=Authenticator.Type.TOTP, data={"secret": "x"})
    invite(visit(owner, viewport=viewport).open("/settings/people/invite"))

    window = visit(viewport=viewport)
    page = window.open(newest_link(mails, ADDRESS))
    assert "/invitations/accept" in page.url, "the secret is out of the address"
    assert window.overflow() <= 0
    page.get_by_label("Your name").fill("Ayşe Yılmaz")
    page.get_by_label("Password").fill(SENTENCE)
    page.get_by_role("button", name="Create the account and join").click()

    page.get_by_text("requires a second factor").first.wait_for()
    set_up_totp(window, viewport)
    page = window.open("/")
    assert page.get_by_text("Main meter").first.is_visible()
    page.locator("[data-live-state]", has_text="Live").first.wait_for()
    assert window.overflow() <= 0
    photograph(page, f"newcomer-home-{viewport['width']}")
    assert User.objects.get(email=ADDRESS).name == "Ayşe Yılmaz"
    assert window.complaints == []


def set_up_totp(window: Visit, viewport: dict[str, int]) -> None:
    """Follow the page of the second factor until it is on."""
    page = window.page
    assert window.overflow() <= 0
    page.locator("a[href*='totp/activate']").first.click()
    page.wait_for_load_state()
    photograph(page, f"newcomer-totp-{viewport['width']}")
    found = re.search(r"\b([A-Z2-7]{32})\b", page.locator("main").inner_html())
    assert found, page.url
    assert window.overflow() <= 0
    page.get_by_label("code").fill(code_of(found[1]))
    page.locator("main button.button--primary").click()
    page.wait_for_load_state()
    photograph(page, f"newcomer-codes-{viewport['width']}")
    assert Authenticator.objects.filter(user__email=ADDRESS, type="totp").exists()
    assert window.overflow() <= 0
