"""Charging in a real browser: pages that fit, a start by keyboard, and what comes by itself."""

from __future__ import annotations

import datetime as dt
import math
import os
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from charging.models import ChargingEvent, Connector
from charging.observation import Observation
from charging.services.observing import observe
from devices.models import SerialLine
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.charging.places import COMMANDS, Place
from tests.charging.test_pages import ended, meter
from tests.factories import (
    ChargePointFactory,
    ChargingPriceFactory,
    ChargingSessionFactory,
    ConnectorFactory,
    DeviceFactory,
    DeviceProfileFactory,
    IdTagFactory,
    SiteFactory,
)
from tests.telemetry.samples import store_samples


def make_place(team, site, name, port):
    """Return a connector of a charge point with a line to its controller."""
    device = DeviceFactory(
        site=site, gateway=None, profile=DeviceProfileFactory(commands=COMMANDS),
        lifecycle="active", name=name,
    )  # fmt: skip
    point = ChargePointFactory(
        device=device, site=site, name=name,
        price=ChargingPriceFactory(tenant=team.tenant, name=f"{name} price"),
    )  # fmt: skip
    connector = ConnectorFactory(charge_point=point)
    with team.scope():
        SerialLine.objects.create(
            device=device, port=f"socket://127.0.0.1:{port}", state="online",
            state_at=timezone.now(),
        )  # fmt: skip
    return Place(team, connector)


@pytest.fixture
def yard(fleet):
    """Three places: one charges, one waits for the permission, one has a fault."""
    team, now = fleet.team, timezone.now()
    site = SiteFactory(tenant=team.tenant, name="Car park")
    busy, waiting, broken = (
        make_place(team, site, name, port)
        for port, name in enumerate(("Parking 1", "Parking 2", "Parking 3"), start=1)
    )
    meter(busy, kw=11.02, kwh=1240.5)
    begin = now - dt.timedelta(minutes=40)
    tag = IdTagFactory(tenant=team.tenant, uid="04A2B3C4D5E6", label="Pool car", kwh_quota=50)
    ChargingSessionFactory(
        connector=busy.connector, id_tag=tag, tag_uid=tag.uid, state="charging", since=begin,
        started_at=begin, charging_at=begin, register_start=Decimal("1233.2"), currency="TRY",
        price={
            "name": "Staff", "currency": "TRY", "energy_price": "7.5", "session_fee": "1",
            "idle_fee": "0", "idle_grace_minutes": 0, "vat_percent": "20",
        },
    )  # fmt: skip
    with team.scope():
        busy_now = Connector.objects.select_related("power_channel").get(id=busy.connector.id)
        rows = [
            (begin + dt.timedelta(seconds=20 * n), 11 - math.exp(-n / 4) * 8) for n in range(119)
        ]
        store_samples(busy_now.power_channel, rows)
        kinds = (("EV_CONNECTED", 2, 3), ("CHARGE_READY", 3, 4), ("CHARGE_STARTED", 4, 5))
        for kind, before, after in kinds:
            ChargingEvent.objects.create(
                connector=busy_now, kind=kind, at=begin, from_state=before, to_state=after
            )
        for place, state, fault in ((busy, 5, 0), (waiting, 3, 0), (broken, 8, 2)):
            Connector.objects.filter(id=place.connector.id).update(
                state=state, fault=fault, seen_at=now + dt.timedelta(minutes=10),
                state_since=begin, current_limit_a=16, is_locked=state == 5,
            )  # fmt: skip
    done = ended(busy, id_tag=tag, started_at=now - dt.timedelta(days=1))
    return busy, waiting, broken, done, tag


def test_pages_fit_and_can_be_used_by_everybody(visit, yard):
    busy, _waiting, broken, done, tag = yard
    window = visit(busy.red.owner)
    paths = {
        "overview": "", "busy": f"connectors/{busy.connector.id}",
        "broken": f"connectors/{broken.connector.id}", "sessions": "sessions",
        "session": f"sessions/{done.id}", "receipt": f"sessions/{done.id}/receipt",
        "tags": "tags", "tag": f"tags/{tag.id}",
        "learn": f"tags/learn?connector={busy.connector.id}", "prices": "prices",
        "events": f"points/{busy.connector.charge_point_id}/events",
        "point": f"points/{busy.connector.charge_point_id}/edit",
    }  # fmt: skip
    pictures = os.environ.get("PICTURES")
    for name, path in paths.items():
        for size in (WIDE, NARROW):
            window.page.set_viewport_size(size)
            page = window.open(f"/charging/{path}")
            expect(page.locator("h1")).to_be_visible()
            assert window.overflow() <= 0, name
            if pictures:
                target = Path(pictures) / f"{name}-{size['width']}.png"
                page.screenshot(path=target, full_page=True)
        assert severe_findings(page) == [], name
    dark = visit(busy.red.owner, color_scheme="dark")
    for name in ("overview", "busy", "broken", "session", "tags"):
        page = dark.open(f"/charging/{paths[name]}")
        expect(page.locator("h1")).to_be_visible()
        if pictures:
            page.screenshot(path=Path(pictures) / f"{name}-dark.png", full_page=True)
        assert severe_findings(page) == [], name


def test_charging_is_started_by_keyboard_and_followed(visit, yard):
    _busy, waiting, _broken, _done, _tag = yard
    window = visit(waiting.red.owner)
    page = window.open(f"/charging/connectors/{waiting.connector.id}")

    page.get_by_role("button", name="Start charging").focus()
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("The charge point is being told")
    expect(page.locator("[data-fresh='commands']")).to_contain_text("Queued")
    expect(page.get_by_role("button", name="Stop charging").or_(
        page.locator("summary", has_text="Stop charging")
    ).first).to_be_visible()  # fmt: skip
    with waiting.red.scope():
        observe(
            connector_id=waiting.connector.id,
            seen=Observation(at=timezone.now() + dt.timedelta(minutes=11), state=4),
            now=timezone.now() + dt.timedelta(minutes=11),
        )

    # nobody reloads: the page asks again while a command waits
    expect(page.locator("[data-fresh='state']")).to_contain_text("Ready to charge")
