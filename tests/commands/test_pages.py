"""The console, batches and stops, as people see them."""

from __future__ import annotations

import re
import uuid

import pytest
from django.urls import reverse

from accounts.tenancy import all_tenants
from devices.models import Command, CommandBatch, EmergencyStop
from devices.services.batches import advance_batches
from tests.commands.conftest import NOW
from tests.factories import DeviceFactory


def key_of(page):
    """Return the key of the first form of a page."""
    return re.search(rb'name="key" value="([0-9a-f]+)"', page.content)[1].decode()


@pytest.fixture
def operator(client_for, red):
    """The operator's browser."""
    return client_for(red.operator)


@pytest.fixture
def console(device):
    """The address of the console."""
    return reverse("device-commands", args=[device.id])


class TestConsole:
    def test_offers_what_the_type_takes(self, operator, console):
        page = operator.get(console)

        assert page.status_code == 200
        text = page.content.decode()
        assert "pump_on" in text
        assert 'name="p_duration_s"' in text
        assert "Emergency stop" in text

    def test_sends_once_however_often_it_is_clicked(self, operator, console, red):
        key = key_of(operator.get(console))
        form = {"name": "pump_on", "key": key, "p_duration_s": "10", "expires_in": "30"}

        answers = [operator.post(console, form) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [302, 302]
        with red.scope():
            command = Command.objects.get()
        assert command.params == {"duration_s": 10.0}
        assert "on its way" in operator.get(console).content.decode()

    def test_says_why_safety_refuses(self, operator, console):
        form = {"name": "dose", "key": uuid.uuid4().hex, "p_ml": "501", "expires_in": "30"}

        page = operator.post(console, form, follow=True).content.decode()

        assert "501 ml asked, at most 500 ml are allowed at once." in page

    def test_puts_problems_to_their_fields(self, operator, console, red):
        form = {"name": "dose", "key": uuid.uuid4().hex, "p_ml": "", "expires_in": "30"}

        page = operator.post(console, form)

        assert page.status_code == 200
        assert "This field is required." in page.content.decode()
        with red.scope():
            assert not Command.objects.exists()

    def test_a_viewer_reads_only(self, client_for, red, console):
        viewer = client_for(red.viewer)

        page = viewer.get(console)

        assert b'name="p_' not in page.content
        assert viewer.post(console, {"name": "pump_off"}).status_code in {403, 404}

    def test_does_not_exist_for_others(self, client_for, blue, console):
        assert client_for(blue.owner).get(console).status_code == 404

    def test_the_part_that_is_fetched_again(self, operator, console, order):
        order("pump_on")

        part = operator.get(f"{console}/recent").content.decode()

        assert part.strip().startswith("<div data-refresh=")
        assert "pump_on" in part
        assert "<html" not in part


def test_the_course_of_a_command(operator, order):
    command = order("dose", {"ml": 900}).command

    page = operator.get(reverse("command-detail", args=[command.id])).content.decode()

    assert "900 ml asked" in page
    assert "dose_too_large" in page


def test_cancelling(operator, order):
    command = order("pump_on").command

    page = operator.post(reverse("command-cancel", args=[command.id]), follow=True)

    assert "The command is cancelled." in page.content.decode()


def test_all_commands_by_state(operator, order):
    order("dose", {"ml": 900})
    order("pump_off")

    page = operator.get(reverse("commands") + "?state=rejected").content.decode()

    assert "dose" in page
    assert "pump_off" not in page


class TestStops:
    def test_press_and_release(self, operator, device, console, red):
        pressed = operator.post(
            reverse("stop-press"), {"target": f"device:{device.id}", "next": console}, follow=True
        )
        assert "switch off" in pressed.content.decode()
        with red.scope():
            stop = EmergencyStop.objects.get()
        release = reverse("stop-release", args=[stop.id])

        operator.post(release, {"reason": ""})
        stop.refresh_from_db()
        assert stop.released_at is None
        operator.post(release, {"reason": "Checked the pump"})

        stop.refresh_from_db()
        assert stop.release_reason == "Checked the pump"

    @pytest.mark.parametrize("target", ["tenant:", "site", "zone"])
    def test_for_larger_places(self, operator, device, zone, target, red):
        place = {"site": f"site:{device.site_id}", "zone": f"zone:{zone.id}"}.get(target, target)

        assert operator.post(reverse("stop-press"), {"target": place}).status_code == 302

        with red.scope():
            assert EmergencyStop.objects.get().scope == target.rstrip(":")
        assert "Nothing is stopped" not in operator.get(reverse("stops")).content.decode()

    @pytest.mark.parametrize("target", ["moon:1", "site:", "site:x", f"site:{uuid.UUID(int=1)}"])
    def test_nonsense_is_not_found(self, operator, target, red):
        assert operator.post(reverse("stop-press"), {"target": target}).status_code == 404

    def test_never_leads_elsewhere(self, operator, red):
        answer = operator.post(
            reverse("stop-press"), {"target": "tenant:", "next": "https://evil.example/"}
        )

        assert answer["Location"] == reverse("stops")

    def test_is_not_for_viewers(self, client_for, red):
        answer = client_for(red.viewer).post(reverse("stop-press"), {"target": "tenant:"})

        assert answer.status_code == 403


def test_a_batch_from_form_to_result(operator, device, profile, red):
    DeviceFactory(site=device.site, gateway=None, profile=profile, lifecycle="maintenance")
    form = {
        "profile": profile.key, "command": "pump_on", "params": "{}", "stage_size": "10",
        "stage_seconds": "0", "halt_percent": "20", "key": "k",
    }  # fmt: skip

    preview = operator.post(reverse("batch-new"), {**form, "preview": "1"}).content.decode()
    assert "Send to 1 device" in preview
    assert "The device is under maintenance." in preview
    sent = operator.post(reverse("batch-new"), {**form, "send": "1"})

    with red.scope():
        batch = CommandBatch.objects.get()
    assert sent["Location"] == reverse("batch", args=[batch.id])
    with all_tenants():
        advance_batches(now=NOW.replace(year=2030))
    page = operator.get(sent["Location"]).content.decode()
    assert device.name in page
    assert operator.get(reverse("batches")).status_code == 200
    assert operator.get(reverse("batch-progress", args=[batch.id])).status_code == 200
    assert operator.post(reverse("batch-cancel", args=[batch.id])).status_code == 302
    assert operator.post(reverse("batch-retry", args=[batch.id]), {"key": "r"}).status_code == 302
