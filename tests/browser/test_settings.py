"""The pages about access in a real browser: they fit, and they work without inline script."""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from accounts.queries.roles import RoleChoice
from accounts.rbac.registry import CODES
from accounts.services.invitations import invite
from accounts.services.roles import create_role
from devices.services.shares import share_with_tenant, share_with_user
from tests.browser.conftest import NARROW, WIDE
from tests.conftest import make_team
from tests.people.test_pages import hire, offer
from tests.signin.conftest import BACKEND
from tests.signin.test_sessions import FIREFOX, SAFARI

PAGES = (
    "people", "people/invite", "roles", "roles/new", "shares", "shares/new", "why", "leave",
    "keys", "audit", "../accounts/sessions/", "../accounts/2fa/",
)  # fmt: skip


@pytest.fixture
def busy(fleet):
    """An organisation with an own role, an invitation and shares."""
    now = timezone.now()
    team, other = fleet.team, make_team("nordhafen-werke")
    with team.scope():
        create_role(
            tenant_id=team.tenant.id, name="Maintenance, night shift", now=now,
            codes=["read:site", "read:device", "control:device"], editor_codes=CODES,
        )  # fmt: skip
        invite(
            tenant=team.tenant, email="ayse.yilmaz@a-rather-long-company-name.example",
            choice=RoleChoice("operator"), invited_by=team.owner, editor_codes=CODES, now=now,
        )  # fmt: skip
        common = {
            "codes": ["read:telemetry"], "valid_from": now, "shared_by": team.owner,
            "expires_at": now + dt.timedelta(days=9), "editor_codes": CODES, "now": now,
        }  # fmt: skip
        share_with_user(target=fleet.meter, email="installer@example.com", **common)
        share_with_tenant(target=fleet.meter.site, slug=other.tenant.slug, **common)
    return fleet


@pytest.fixture
def crowded(busy):
    """The same with many members and invitations, and two browsers of the owner."""
    hire(busy.team, 60)
    offer(busy.team, 60)
    for user_agent in (FIREFOX, SAFARI):
        browser = Client()
        browser.force_login(busy.team.owner, backend=BACKEND)
        key = browser.session.session_key
        UserSession.objects.create(
            user=busy.team.owner, session_key=key, ip="2001:db8:aaaa:bbbb::7f",
            user_agent=user_agent, data={},
        )  # fmt: skip
    return busy


def photograph(page, name):
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_every_page_fits_the_window(busy, visit, viewport, scheme):
    window = visit(busy.team.owner, viewport=viewport, color_scheme=scheme)
    query = f"?person={busy.team.viewer.email}&permission=control:device&object=Main+meter"

    for path in (*PAGES, f"why{query}", "roles?role=operator"):
        page = window.open(f"/settings/{path}")
        photograph(page, f"{re.sub('[^a-z]+', '-', path)[:20]}-{viewport['width']}-{scheme}")
        assert page.locator("h1").count() == 1
        assert window.overflow() <= 0, path


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_long_lists_fit_the_window(crowded, visit, viewport):
    window = visit(crowded.team.owner, viewport=viewport)
    page = window.open("/settings/people?page=2")
    assert page.get_by_role("link", name="Previous").first.is_visible()
    photograph(page, f"people-many-{viewport['width']}-light")
    assert window.overflow() <= 0
    page.get_by_role("searchbox").fill("Person 0042")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("p0042@many.example").wait_for()
    assert page.locator(".people__role").count() == 1

    page = window.open("/accounts/sessions/")
    photograph(page, f"sessions-many-{viewport['width']}-light")
    assert window.overflow() <= 0
    page.get_by_role("button", name="End Safari").click()
    page.get_by_text("The sign-in is ended.").wait_for()
    assert page.get_by_text("Safari on iPhone").count() == 0


def test_on_a_phone_the_matrix_shows_one_role(busy, visit):
    page = visit(busy.team.owner, viewport=NARROW).open("/settings/roles?role=viewer")

    assert page.locator("thead .matrix__role:visible").inner_text().startswith("Viewer")
    page.get_by_role("link", name="Operator").first.click()
    assert page.locator("thead .matrix__role:visible").inner_text().startswith("Operator")


def test_the_menu_leads_to_the_pages(busy, visit):
    page = visit(busy.team.owner).open("/")

    page.locator("[data-menu] summary").click()
    photograph(page, "menu-1280-light")
    page.get_by_role("link", name="Settings and access").click()
    page.get_by_role("link", name="Roles", exact=True).click()

    assert page.locator("[aria-current=page]", has_text="Roles").is_visible()


def test_removing_somebody_asks_first(busy, visit):
    page = visit(busy.team.owner).open("/settings/people")
    row = page.locator("tr", has_text=busy.team.viewer.email)

    row.locator("summary").click()
    photograph(page, "remove-1280-light")
    row.get_by_role("button", name="Remove").click()

    page.wait_for_load_state()
    assert not Membership.objects.filter(user=busy.team.viewer).exists()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_a_new_person_comes_in_by_the_link(busy, visit, viewport):
    path = re.search(r"(/invitations/\S+)", mail.outbox[0].body)[1]
    window = visit(viewport=viewport)
    page = window.open(path)
    photograph(page, f"invitation-{viewport['width']}-light")
    assert window.overflow() <= 0

    page.get_by_label("Your name").fill("Ayşe Yılmaz")
    page.get_by_label("Password").fill("a sentence is easy to keep")
    page.get_by_role("button", name="Create the account and join").click()

    page.wait_for_url("**/")
    assert page.get_by_text("Main meter").first.is_visible()
