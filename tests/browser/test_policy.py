"""The policies let every page work, and no text of customers run."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from devices.models import Device, Site
from tests.browser.conftest import Fleet, Visit

CANARY = '"><img src=x onerror="window.canary=1"><script>window.canary=1</script>'


def test_the_admin_needs_no_inline_script(
    fleet: Fleet, staff: User, visit: Callable[..., Visit]
) -> None:
    window = visit(staff)
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
        if model._meta.app_label in {"devices", "telemetry", "accounts"}
    ]

    window.open("/admin/")
    for path in lists:
        window.open(path)
    page = window.open(reverse("admin:devices_device_change", args=[fleet.meter.pk]))

    # Alpine and htmx work: the theme is there
    assert page.evaluate("typeof window.Alpine") == "object"
    assert page.evaluate("typeof window.htmx") == "object"


def test_the_page_of_the_api_works(fleet: Fleet, visit: Callable[..., Visit]) -> None:
    page = visit(fleet.team.owner).open("/api/docs")

    page.wait_for_selector(".opblock")


def test_a_hostile_name_runs_nowhere(
    fleet: Fleet, staff: User, visit: Callable[..., Visit]
) -> None:
    with fleet.team.scope():
        Device.objects.update(name=CANARY[:100])
        Site.objects.update(name=CANARY[:100])
    window, back = visit(fleet.team.owner), visit(staff)

    for one, path in (
        (window, "/"),
        (window, f"/devices/{fleet.meter.pk}"),
        (back, reverse("admin:devices_device_changelist")),
        (back, reverse("admin:devices_device_change", args=[fleet.meter.pk])),
    ):
        page = one.open(path)
        page.wait_for_load_state(
            "networkidle"
        ) if "devices/" not in path else page.wait_for_timeout(500)
        assert page.evaluate("window.canary") is None
        assert "onerror" in page.content()
