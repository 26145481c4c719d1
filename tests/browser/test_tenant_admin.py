"""The admin of a tenant's administrator, and acting as a customer, in a real browser."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher

from accounts.models import User
from tests.browser.conftest import NARROW, WIDE, Fleet
from tests.factories import PASSWORD, UserFactory

PAGES = (
    "/admin/", "/admin/devices/device/", "/admin/devices/device/add/",
    "/admin/devices/site/", "/admin/accounts/membership/", "/admin/accounts/role/add/",
)  # fmt: skip


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_administrators_of_a_tenant_find_their_fleet(visit, fleet: Fleet, size):
    window = visit(fleet.team.owner, viewport=size)

    for path in PAGES:
        page = window.open(path)
        assert page.locator("#main, main, #content-main, #page").first.is_visible(), path
        assert window.overflow() <= 0, path


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_staff_act_as_a_customer_and_end_it(visit, fleet: Fleet, size):
    staff = UserFactory(email="staff@example.com", is_staff=True, is_superuser=True)
    # the server knows no hasher of tests
    User.objects.filter(pk=staff.pk).update(password=ScryptPasswordHasher().encode(PASSWORD, "s"))
    staff.refresh_from_db()
    window = visit(staff, viewport=size)

    page = window.open(f"/admin/accounts/user/{fleet.team.owner.pk}/change/")
    page.get_by_role("link", name="Act as this person").click()
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("form:has(input[type=password]) button.button--primary").first.click()
    page.get_by_label("Reason").fill("case 4711, wrong totals")
    page.get_by_role("button", name="Act as this person").click()

    for path in ("/", f"/devices/{fleet.meter.pk}", "/admin/", "/admin/devices/device/"):
        window.open(path)
        banner = page.get_by_role("complementary", name="Impersonation")
        assert banner.is_visible()
        box = banner.bounding_box()
        assert box is not None
        assert box["width"] >= size["width"] - 20, path
        assert box["y"] + box["height"] <= size["height"] + 1, path
        assert window.overflow() <= 0, path
    window.open(f"/admin/devices/device/{fleet.meter.pk}/change/")
    page.get_by_role("button", name="Save", exact=True).click(trial=True)
    page.get_by_role("button", name="End", exact=True).click()
    page.wait_for_url(f"**/admin/accounts/user/{fleet.team.owner.pk}/change/")
    assert page.get_by_role("complementary", name="Impersonation").count() == 0
