"""The inbox of alarms in a real browser: it fits, it is live, and keys are enough."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import expect

from accounts.actor import Actor, acting_as
from alarms.models import Alarm, Suppression
from alarms.services.life import Chosen, acknowledge_alarms, assign_alarms, comment_alarms
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_live import reactor  # noqa: F401 (a fixture)
from tests.factories import AlarmFactory, AlarmRuleFactory, AlarmRuleVersionFactory, ChannelFactory

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@pytest.fixture
def trouble(fleet):
    """A site on a bad day: an incident, a rule's alarm with its values, and some that ended."""
    team, now = fleet.team, timezone.now()
    channel = ChannelFactory(device=fleet.meter, name="air_temp", unit="Cel", decimals=1)
    rule = AlarmRuleFactory(channel=channel, name="Cold store too warm")
    version = AlarmRuleVersionFactory(
        rule=rule,
        definition={
            "when": {"kind": "threshold", "above": 6.0, "clear_above": 5.0}, "for_seconds": 600,
        },
    )  # fmt: skip
    common = {
        "rule": rule, "version": version, "channel": channel, "title": "Cold store too warm",
        "subject": "Cold store 1, air temperature", "value": 7.4, "limit": 6.0, "unit": "Cel",
        "text": "Air temperature 7.4 °C, limit 6 °C, since ten minutes.", "key": "rule:cold",
        "advice": "Close the door.\nCall the cooling service if it stays above 8 °C.",
    }  # fmt: skip
    for days in (1, 3, 8):
        start = now - dt.timedelta(days=days)
        AlarmFactory(
            **common, raised_at=start, cleared_at=start + 25 * MINUTE, ending="cleared",
            rating="false" if days == 8 else "useful",
        )  # fmt: skip
    hot = AlarmFactory(**common, severity="critical", raised_at=now - 40 * MINUTE)
    _measure(channel.id, now)
    root = AlarmFactory(
        tenant=team.tenant, device=None, gateway=fleet.meter.gateway, severity="error",
        title="Gateway does not report", subject="Gateway 1, İzmir plant",
        code="GATEWAY_OFFLINE", raised_at=now - 2 * HOUR, source="system",
    )  # fmt: skip
    for number in range(14):
        AlarmFactory(
            device=fleet.silent, parent=root, suppressed_because=Suppression.PARENT,
            title="Device does not report", subject=f"Meter of line {number}",
        )  # fmt: skip
    for number, severity in enumerate(("warning", "info", "warning")):
        AlarmFactory(
            device=fleet.silent, severity=severity, raised_at=now - number * 7 * HOUR,
            title=("Voltage low on L2", "Filter is due", "Door open")[number],
            suppressed_because=Suppression.FLAPPING if number == 2 else "", repeats=number,
        )  # fmt: skip
    AlarmFactory(device=fleet.silent, snoozed_until=now + HOUR, title="Asleep")
    operator = Actor("user", team.operator.pk, team.operator.email)
    with team.scope(), acting_as(operator):
        seen = Alarm.objects.get(title="Filter is due")
        acknowledge_alarms(Chosen([seen.id]), by=team.operator, now=now, comment="ordered")
        assign_alarms(Chosen([seen.id]), assignee=team.viewer, by=team.operator, now=now)
        comment_alarms(Chosen([hot.id]), text="The door was open.", by=team.operator, now=now)
    return team, hot, root


def _measure(channel_id, now):
    """Store a sample every half minute: above six for ten minutes when the alarm is raised."""
    raised = now - 40 * MINUTE
    rows = []
    for number in range(200):
        minutes = number / 2 - 60
        value = 4.2 + max(0.0, minutes + 24) * 0.1333 + 0.08 * math.sin(number / 3)
        rows.append((channel_id, raised + minutes * MINUTE, min(value, 8.1), 0))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_sample (channel_id, time, value, quality)"
            " VALUES (%s, %s, %s, %s)",
            rows,
        )


def photograph(page, name):
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def addresses(hot, root):
    yield "alarms", "/alarms/"
    yield "alarms-ended", "/alarms/?view=ended&q=nothing"
    yield "alarms-history", "/alarms/history/"
    yield "alarm", f"/alarms/{hot.id}/"
    yield "alarm-incident", f"/alarms/{root.id}/"
    yield "alarm-device", f"/devices/{hot.device_id}"
    yield "alarm-home", "/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_pages_fit_and_nothing_serious_is_wrong(visit, trouble, viewport, scheme):
    team, hot, root = trouble
    for person, name in ((team.operator, ""), (team.viewer, "-viewer")):
        window = visit(person, viewport=viewport, color_scheme=scheme)
        for title, path in addresses(hot, root):
            page = window.open(path)
            if page.locator("[data-live-state]").count():
                expect(page.locator("[data-live-state]")).to_have_text("Live")
            photograph(page, f"{title}{name}-{viewport['width']}-{scheme}")

            assert window.overflow() <= 0, title
            assert severe_findings(page) == [], title


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_longer_words_fit_too(visit, trouble, viewport):
    team, hot, root = trouble
    window = visit(team.operator, viewport=viewport, locale="tr-TR")
    for title, path in addresses(hot, root):
        page = window.open(path)
        expect(page.locator("html")).to_have_attribute("lang", "tr")
        for more in page.locator(".acts__more summary, .alarms__narrow summary").all():
            if more.is_visible():
                more.click()
        photograph(page, f"{title}-tr-{viewport['width']}")

        assert window.overflow() <= 0, title


def opened(visit, person, path="/alarms/", **options):
    page = visit(person, **options).open(path)
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    return page


def test_keys_are_enough(visit, trouble):
    team, hot, _root = trouble
    page = opened(visit, team.operator)

    page.keyboard.press("j")
    expect(page.locator(".alarm.is-current")).to_have_attribute("data-alarm", str(hot.id))
    page.keyboard.press("j")
    expect(page.locator(".alarm.is-current")).to_contain_text("Gateway does not report")
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator(".alarm__pick input:checked")).to_have_count(1)
    page.keyboard.press("a")

    expect(page.get_by_text("1 alarm changed.")).to_be_visible()
    expect(page.locator(f"[data-alarm='{hot.id}']")).to_contain_text("Acknowledged by operator@red")
    expect(page.locator(".alarm.is-current")).to_have_attribute("data-alarm", str(hot.id))
    page.keyboard.press("c")
    page.keyboard.type("jax knows")
    page.keyboard.press("Enter")
    expect(page.locator("#act-text")).to_have_value("")
    with team.scope():
        expect_text(lambda: hot.events.filter(kind="commented", text="jax knows").count() == 1)
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.locator("#act-snooze")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"[data-fresh='list'] [data-alarm='{hot.id}']")).to_have_count(0)
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    photograph(page, "alarms-keys")


def expect_text(is_so):
    assert is_so()


def test_single_keys_can_be_switched_off(visit, trouble):
    page = opened(visit, trouble[0].operator)
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Single keys do something in this browser").uncheck()
    page.get_by_role("button", name="Close").click()

    page.keyboard.press("j")

    expect(page.locator(".alarm.is-current")).to_have_count(0)


@pytest.mark.usefixtures("reactor")
def test_new_alarms_appear_and_what_is_chosen_stays(visit, trouble):
    team, hot, _root = trouble
    page = opened(visit, team.operator)
    page.locator(f"[data-alarm='{hot.id}'] .alarm__pick input").check()
    page.locator("[data-keep] summary").click()

    AlarmFactory(device=hot.device, severity="critical", title="Leak in the cellar")

    expect(page.get_by_role("link", name="Leak in the cellar")).to_be_visible()
    expect(page.locator(".alarm__pick input:checked")).to_have_value(str(hot.id))
    expect(page.locator("[data-keep][open]")).to_have_count(1)
    expect(page.locator("[data-said]")).to_contain_text("New: Leak in the cellar")
    expect(page.locator(".band__count")).to_have_text("5")


def test_sound_is_off_until_somebody_wants_it(visit, trouble):
    page = opened(visit, trouble[0].operator)
    button = page.get_by_role("button", name="Sound")
    expect(button).to_have_attribute("aria-pressed", "false")

    button.click()
    page.reload()

    expect(button).to_have_attribute("aria-pressed", "true")


def test_views_are_kept_as_links(visit, trouble):
    page = opened(visit, trouble[0].viewer, "/alarms/?view=fresh&severity=critical")

    page.get_by_role("button", name="Keep this view").click()
    page.goto(page.url.partition("?")[0])
    page.get_by_text("Filter and order").click()
    page.get_by_role("link", name=re.compile("Not acknowledged · Critical")).click()

    expect(page).to_have_url(re.compile(r"view=fresh&severity=critical"))


def test_everything_works_without_scripts(visit, trouble):
    team, hot, _root = trouble
    page = visit(team.operator, java_script_enabled=False).open("/alarms/")

    page.get_by_label("Choose Cold store too warm").check()
    page.get_by_role("button", name="Acknowledge", exact=True).click()

    expect(page.get_by_text("1 alarm changed.")).to_be_visible()
    with team.scope():
        hot.refresh_from_db()
        assert hot.acknowledged_by == team.operator
