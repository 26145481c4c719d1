"""Who is told of alarms, in a real browser: pages that fit, and pushes that are shown."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from alarms.delivery.notifier import Notifier
from alarms.models import (
    EscalationStep,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
)
from alarms.services.people import make_personal
from energy.lib.sealing import Purpose, seal
from tests.alarms.making import open_alarm
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings

PAGES = ("", "targets/new", "routes/new", "rotas/new", "log", "mine", "notes")


@pytest.fixture
def told(fleet):
    """Targets, a ladder, a rota, and an alarm of which some have heard."""
    team = fleet.team
    with team.scope():
        hook = NotificationTarget.objects.create(
            name="Control room", kind="webhook", address="https://10.0.0.1/a/very/long/address",
            secret=seal("s", purpose=Purpose.NOTIFICATION_TARGET),
        )  # fmt: skip
        bell = make_personal(team.owner, "in_app")
        rota = OnCallRota.objects.create(name="Electricians", first_date=dt.date(2026, 1, 5))
        OnCallMember.objects.create(rota=rota, person=team.operator, position=0)
        route = NotificationRoute.objects.create(name="Cooling", tag="cooling", is_active=True)
        for after, who in ((0, {"target": hook}), (900, {"rota": rota}), (3600, {"target": hook})):
            EscalationStep.objects.create(route=route, after_seconds=after, **who)
        everything = NotificationRoute.objects.create(name="Everything", position=1)
        for who in (hook, bell):
            EscalationStep.objects.create(route=everything, target=who)
    open_alarm(team, "a", title="Supply voltage too high", subject="Pump 3", text="253 V",
               severity="critical", at=timezone.now())  # fmt: skip
    notifier = Notifier()
    while notifier.round(now=timezone.now(), wait_seconds=5) or notifier.is_sending:
        pass
    notifier.close(seconds=0)
    return fleet


def test_pages_fit_and_can_be_used_by_everybody(visit, told):
    window = visit(told.team.owner)
    pictures = os.environ.get("PICTURES")
    for path in PAGES:
        for size in (WIDE, NARROW):
            window.page.set_viewport_size(size)
            page = window.open(f"/alarms/notify/{path}")
            page.wait_for_load_state("networkidle")
            assert window.overflow() <= 0, (path, size)
            assert severe_findings(page) == [], (path, size)
            if pictures:
                name = f"notify-{path.replace('/', '-') or 'all'}-{size['width']}.png"
                page.screenshot(path=str(Path(pictures) / name), full_page=True)


def test_a_route_is_made_and_changed(visit, told):
    page = visit(told.team.owner).open("/alarms/notify/routes/new")
    page.get_by_label("Name").fill("Night")
    page.get_by_label("After minutes").nth(1).fill("15")
    page.get_by_label("Tell", exact=True).nth(0).select_option(label="Control room")
    page.get_by_label("Tell", exact=True).nth(1).select_option(label="On call: Electricians")
    page.get_by_label("After minutes").nth(2).fill("60")
    page.get_by_label("Tell", exact=True).nth(2).select_option(
        label=told.team.viewer.get_full_name()
    )
    page.get_by_role("button", name="Save").click()

    ladder = page.locator(".notify__route").filter(has_text="Night")
    expect(ladder).to_contain_text("at once Control room")
    expect(ladder).to_contain_text("after 15 min whoever is on call: Electricians")
    for kind in ("E-mail", "In the app"):
        expect(ladder).to_contain_text(f"after 60 min {told.team.viewer.get_full_name()} · {kind}")
    ladder.get_by_role("link", name="Night").click()
    expect(page.get_by_label("After minutes").nth(1)).to_have_value("15")


def test_the_bell_counts_and_the_log_tells_what_was_given_up(visit, told):
    page = visit(told.team.owner).open("/")
    expect(page.locator(".bell__count")).to_contain_text("2")  # and that a message was given up

    page.locator(".bell").click()
    expect(page.get_by_role("link", name="Supply voltage too high")).to_be_visible()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator(".bell__count")).to_have_count(0)
    page.goto(f"{visit_address(page)}/alarms/notify/log?state=dead")
    expect(page.get_by_text("10.0.0.1 is not a public address").last).to_be_visible()
    page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_text("It is tried again.")).to_be_visible()


def visit_address(page):
    return page.url.split("/alarms")[0]


def test_a_push_is_shown_as_a_notification(visit, told):
    window = visit(told.team.owner)
    page = window.page
    page.context.grant_permissions(["notifications"], origin=window.address)
    devtools = page.context.new_cdp_session(page)
    registrations: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(r["registrationId"] for r in event["registrations"]),
    )
    window.open("/alarms/notify/mine")
    devtools.send("ServiceWorker.enable")
    # without Google's push service the subscription itself is refused; the worker stays
    page.get_by_role("button", name="Push to this browser").click()
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")

    data = {"id": "one", "title": "Critical: Too hot – Pump 3", "body": "253 V", "severity":
            "critical", "url": f"{window.address}/alarms/", "lang": "en"}  # fmt: skip
    for _ in range(2):  # a repetition takes the place of the first
        devtools.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": window.address, "registrationId": registrations[-1],
             "data": json.dumps(data)},
        )  # fmt: skip

    shown = """async () => {
        const registration = await navigator.serviceWorker.ready;
        const found = await registration.getNotifications();
        return found.map((one) => [one.title, one.body, one.tag, one.data.url]);
    }"""
    page.wait_for_function(f"async () => (await ({shown})()).length > 0")
    window.complaints[:] = [text for text in window.complaints if "incognito" not in text]
    assert page.evaluate(shown) == [[data["title"], "253 V", "one", data["url"]]]
