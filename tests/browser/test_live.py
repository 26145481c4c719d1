"""A value that is stored appears on open pages by itself."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from redis import Redis

from devices.models import Channel, Device
from devices.services.device_events import record_device_event
from devices.services.presence_batch import StatusSaid, Thing, apply_status_reports
from energy.lib.redis import key
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch, encode_stored, to_microseconds
from telemetry.ingest.publish import FIELD, STREAM
from telemetry.models import LatestValue
from tests.browser.conftest import Fleet, Visit, server_environment

TRIES = 240
NEW_VALUE = re.compile(r"7,0\d\d\.00")


@pytest.fixture
def reactor(server: str, redis: Redis, transactional_db: None) -> Iterator[None]:
    """Run the process that hands stored values to the web process."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_reactor", "live"],
        cwd=settings.BASE_DIR,
        env=server_environment(server),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    process.terminate()
    process.wait(15)


def publish(redis: Redis, channel_id: int, value: float) -> None:
    """Do what the ingest worker does after a commit."""
    now = to_microseconds(timezone.now())
    rows = np.array([(channel_id, now, value, 0)], dtype=SAMPLE_DTYPE)
    batch = StoredBatch(rows.tobytes(), b"\x01", now)
    redis.xadd(key(STREAM), {FIELD: encode_stored(batch)})


def publish_until_seen(redis: Redis, channel_id: int, page: Page, selector: str) -> None:
    """Publish rising values until the page shows one: the reactor needs time to start."""
    for number in range(TRIES):
        publish(redis, channel_id, 7000.0 + number)
        page.wait_for_timeout(500)
        if NEW_VALUE.search(page.locator(selector).first.inner_text()):
            return
    raise AssertionError("no value arrived on the page")


@pytest.mark.parametrize(
    ("path", "selector"), [("/", ".device__values"), ("/devices/{id}", ".tile")]
)
def test_a_stored_value_appears_by_itself(
    visit: Callable[..., Visit],
    fleet: Fleet,
    reactor: None,
    redis: Redis,
    path: str,
    selector: str,
) -> None:
    with fleet.team.scope():
        power = Channel.objects.get(device=fleet.meter, name="active_power_net")
        long_ago = timezone.now() - dt.timedelta(hours=3)
        Device.objects.update(last_seen_at=long_ago)
        LatestValue.objects.update(time=long_ago)  # the snapshot of the socket counts as heard
    page = visit(fleet.team.viewer).open(path.format(id=fleet.meter.id))
    holder = page.locator(f'[data-presence="{fleet.meter.id}"]')
    expect(holder.locator(".badge")).to_have_text("Offline")
    expect(page.locator("[data-live-state]")).to_have_text("Live")

    publish_until_seen(redis, power.id, page, selector)

    expect(holder.locator(".badge")).to_have_text("Online")
    expect(holder.locator(".age")).to_have_text(re.compile("just now|s ago"))


def say_until_seen(page: Page, badge: Locator, device: Device, status: str, text: str) -> None:
    """Report a status again and again until the page shows it: the reactor needs time to start."""
    for _ in range(TRIES):
        other = "online" if status == "offline" else "offline"
        for word in (other, status):
            said = StatusSaid(Thing(device.id, False), word, timezone.now())
            apply_status_reports(reports=[said])
        page.wait_for_timeout(500)
        if badge.inner_text() == text:
            return
    raise AssertionError(f"{text} did not come; the page shows {badge.inner_text()}")


@pytest.mark.parametrize("path", ["/", "/devices/{id}", "/fleet"])
def test_a_status_changes_by_itself(
    visit: Callable[..., Visit], fleet: Fleet, reactor: None, path: str
) -> None:
    now = timezone.now()
    with fleet.team.scope():
        Device.objects.update(last_seen_at=now, offline_since=None)
    page = visit(fleet.team.viewer).open(path.format(id=fleet.meter.id))
    badge = page.locator(f'[data-presence="{fleet.meter.id}"] .badge').first
    expect(badge).to_have_text("Online")
    offline = page.locator(".counts").first.get_by_role("link", name="Offline")
    before = offline.inner_text() if path == "/fleet" else ""

    say_until_seen(page, badge, fleet.meter, "offline", "Offline")

    if before:
        expect(offline).not_to_have_text(before)
    say_until_seen(page, badge, fleet.meter, "online", "Online")


def test_events_are_listed_by_themselves(
    visit: Callable[..., Visit], fleet: Fleet, reactor: None
) -> None:
    page = visit(fleet.team.viewer).open(f"/devices/{fleet.meter.id}?part=events")
    for number in range(TRIES):
        with fleet.team.scope():
            record_device_event(
                device=fleet.meter, kind="alarm", code=f"OVERHEATED_{number}", at=timezone.now()
            )
        page.wait_for_timeout(500)
        if page.get_by_text("OVERHEATED_").count():
            return
    raise AssertionError("no event came")
