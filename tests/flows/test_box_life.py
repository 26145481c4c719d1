"""The life of a box: carton, claim, readings, settings, commands, renewal, theft."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import (
    ActuatorState,
    Claim,
    Command,
    DeviceCertificate,
    DeviceConfiguration,
    DeviceEvent,
    Gateway,
)
from devices.services.command_wire import renew_command_secret
from devices.services.commanders import Robot
from devices.services.commands import queue_command
from devices.services.configuration import set_configuration
from devices.services.revocation import revoke_replaced
from tests.flows.boxes import claim, first_reading_at, own, readings
from tests.flows.conftest import wait_until
from tests.pace import assert_within

pytestmark = [
    pytest.mark.skipif(not django_settings.HAS_BROKER, reason="MQTT_HOST is not set: no broker"),
    pytest.mark.xdist_group("boxes"),
]
ROBOT = Robot("test")


def order(team, device, name, **params):
    with team.scope():
        return queue_command(
            actor=ROBOT, device=device, name=name, params=params,
            idempotency_key=uuid.uuid4().hex, now=timezone.now(), expires_in=10,
        ).command  # fmt: skip


def state_of(command):
    with all_tenants():
        return Command.objects.get(id=command.id).state


def valid_certificates(device):
    with all_tenants():
        return list(
            DeviceCertificate.objects.filter(device=device, revoked_at=None).order_by("created_at")
        )


class TestClaim:
    def test_shows_its_first_reading_within_ten_seconds(self, red, make_box, record_property):
        box = make_box()

        device = own(red, box)
        wait_until(lambda: readings(device) > 0, "first reading")

        with all_tenants():
            seconds = (first_reading_at(device) - Claim.objects.get().claimed_at).total_seconds()
        assert seconds <= 10
        with all_tenants():
            assert {row.name for row in device.channels.all()} >= {"rssi", "uptime"}
        record_property("first_reading_seconds", round(seconds, 2))
        wait_until(lambda: valid_certificates(device)[0].first_seen_at is not None, "its serial")
        assert not (box.folder / "claim.txt").exists()
        assert [oct(path.stat().st_mode)[-3:] for path in box.folder.glob("box.*")] == ["600"] * 3

    def test_works_over_http(self, red, make_box, live_server, settings):
        settings.PUBLIC_URL = live_server.url
        box = make_box(door=live_server.url)

        device = own(red, box)

        wait_until(lambda: readings(device) > 0, "first reading")

    def test_a_gateway_reports_on_its_own_topics(self, red, make_box):
        box = make_box("--model", "gateway-health")

        device = own(red, box, profile="gateway-health")

        wait_until(lambda: readings(device) > 0, "first reading")
        with red.scope():
            gateway = Gateway.objects.get()
        assert device.gateway == gateway
        assert gateway.reported_status == "online"

    @pytest.mark.parametrize("stage", ["hello", "claim-ready", "delivered", "connected", "owned"])
    def test_survives_a_power_cut_at_any_stage(self, red, make_box, stage):
        box = make_box("--die-at", stage)
        if stage != "hello":
            claim(red, box)
        wait_until(box.died, "the power cut")

        box.start()
        device = own(red, box) if stage == "hello" else None

        with all_tenants():
            wait_until(lambda: Claim.objects.get().state == "owned", "ownership")
            device = Claim.objects.get().device
        wait_until(lambda: readings(device) > 0, "first reading")


class TestRevocation:
    def test_is_cut_within_two_seconds_and_stays_out(self, red, make_box, client_for,
                                                     record_property):  # fmt: skip
        stolen, other = make_box("--give-up", "4"), make_box()
        device, _ = own(red, stolen), own(red, other)
        [certificate] = valid_certificates(device)
        path = f"/api/v1/devices/{device.id}/certificates/{certificate.serial}/revoke"

        began = time.time()
        answer = client_for(red.owner).post(
            path, {"reason": "key_compromise"}, content_type="application/json"
        )

        assert answer.status_code == 204
        wait_until(lambda: stolen.said("lost its connection"), "the cut")
        seconds = stolen.when("lost its connection") - began
        assert_within(seconds, 2)
        record_property("cut_seconds", round(seconds, 3))
        assert stolen.process.wait(120) == 3  # refused until it gave up
        assert stolen.log.read_text().count("is connected") == 1
        assert not other.said("lost its connection")


class TestWork:
    def test_does_what_it_is_told_and_stops_by_itself(self, red, make_box):
        box = make_box()
        device = own(red, box)

        command = order(red, device, "switch_on", channel="relay1", runtime_s=1)

        wait_until(lambda: state_of(command) == "done", "done")
        with all_tenants():
            assert ActuatorState.objects.get(actuator="relay1").is_on
            wait_until(
                lambda: DeviceEvent.objects.filter(code="RUNTIME_PROTECTION").exists(), "its alarm"
            )
            assert not ActuatorState.objects.get(actuator="relay1").is_on

    def test_obeys_only_who_knows_the_secret(self, red, make_box, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("not the right one")
        box = make_box()
        device = own(red, box)
        box.stop()
        with red.scope():
            right = renew_command_secret(device=device, now=timezone.now())
        box.start("--secret-file", str(secret))
        refused = order(red, device, "report_state")
        wait_until(lambda: state_of(refused) == "invalid", "refusal")
        box.stop()
        secret.write_text(right)

        box.start("--secret-file", str(secret))
        command = order(red, device, "report_state")

        wait_until(lambda: state_of(command) == "done", "done")

    def test_tells_of_a_command_that_a_power_cut_interrupted(self, red, make_box):
        box = make_box("--die-at", "command-begun")
        device = own(red, box)
        command = order(red, device, "switch_on", channel="relay1", runtime_s=5)
        wait_until(box.died, "the power cut")

        box.start()

        wait_until(lambda: state_of(command) == "error", "the answer")

    def test_lost_answers_end_as_timeout_and_late_ones_change_nothing(self, red, make_box):
        box = make_box("--lose-acks", "2")
        device = own(red, box)

        lost = order(red, device, "report_state")

        wait_until(lambda: state_of(lost) == "timeout", "timeout")

    def test_applies_and_reports_its_settings(self, red, make_box):
        box = make_box()
        device = own(red, box)

        with red.scope():
            set_configuration(
                device=device, body={"report_interval_s": 1, "link_loss_timeout_s": 5},
                reason="test", author=None, now=timezone.now(),
            )  # fmt: skip

        def is_applied():
            with all_tenants():
                return DeviceConfiguration.objects.get().state == "applied"

        wait_until(is_applied, "applied")

    def test_renews_its_certificate_with_overlap(self, red, make_box):
        box = make_box("--renew-before", "400")
        device = own(red, box)

        wait_until(lambda: len(valid_certificates(device)) == 2, "a successor")
        older, newer = valid_certificates(device)
        wait_until(lambda: valid_certificates(device)[1].first_seen_at is not None, "its use")
        with all_tenants():
            revoke_replaced(now=timezone.now())

        assert newer.replaces == older
        assert [row.serial for row in valid_certificates(device)] == [newer.serial]
        command = order(red, device, "report_state")
        wait_until(lambda: state_of(command) == "done", "still at work")


def test_nothing_of_it_touches_django():
    """The boxes are programs of their own: only MQTT and HTTP connect them with us."""
    code = (
        "import sys, devices.simulators.__main__ as m;"
        "sys.exit(any(n.partition('.')[0] in ('django', 'psycopg', 'redis') for n in sys.modules))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
