"""The command console in a real browser: it fits, works by keyboard, and keeps itself fresh."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.command_states import State
from devices.models import Command, CommandBatch
from devices.services.batches import Plan, create_batch
from devices.services.command_moves import move
from devices.services.commands import queue_command
from tests.browser.conftest import NARROW, WIDE
from tests.commands.conftest import COMMANDS
from tests.factories import DeviceFactory, DeviceProfileFactory


@pytest.fixture
def pump(fleet):
    """A device with commands, one of them refused, and a batch."""
    profile = DeviceProfileFactory(commands=COMMANDS, name="Pump station")
    device = DeviceFactory(site=fleet.meter.site, gateway=None, profile=profile, name="Pump 1")
    with fleet.team.scope():
        common = {"actor": fleet.team.operator, "device": device, "now": timezone.now()}
        for name, params in (("dose", {"ml": 900}), ("pump_on", {"duration_s": 60})):
            queue_command(name=name, params=params, idempotency_key=uuid.uuid4().hex, **common)
        create_batch(
            actor=fleet.team.operator, devices=[device], name="restart", params={}, plan=Plan(),
            idempotency_key="b", now=timezone.now(),
        )  # fmt: skip
    return device


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_every_page_fits_the_window(fleet, pump, visit, viewport, scheme):
    window = visit(fleet.team.operator, viewport=viewport, color_scheme=scheme)
    with fleet.team.scope():
        command = Command.objects.get(name="dose")
        batch = CommandBatch.objects.get()

    for path in (
        f"/devices/{pump.id}/commands", f"/commands/{command.id}", "/commands",
        "/emergency-stops", "/batches", f"/batches/{batch.id}", "/batches/new",
    ):  # fmt: skip
        page = window.open(path)
        assert page.locator("h1").count() == 1
        assert window.overflow() <= 0, path


def test_what_happens_is_shown_without_loading_the_page_again(fleet, pump, visit):
    page = visit(fleet.team.operator).open(f"/devices/{pump.id}/commands")
    assert page.locator(".orders__item", has_text="pump_on").get_by_text("Queued").count()

    with all_tenants():
        ids = list(Command.objects.filter(name="pump_on").values_list("id", flat=True))
        move(ids=ids, to=State.DONE, at=timezone.now(), by="device")

    done = page.locator(".orders__item", has_text="pump_on").locator(".badge--good")
    done.wait_for()


def test_the_emergency_stop_works_by_keyboard(fleet, pump, visit):
    page = visit(fleet.team.operator, viewport=NARROW).open(f"/devices/{pump.id}/commands")

    page.locator("summary", has_text="Emergency stop").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("smoke")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".notice--bad", has_text="Pump 1").wait_for()

    page.locator("summary", has_text="heater_on").click()
    page.locator("details[open] form button", has_text="Send").click()
    page.get_by_text("Release it before switching anything on.").first.wait_for()
