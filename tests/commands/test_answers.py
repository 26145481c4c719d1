"""What devices say: documented payloads of every dialect, and what becomes of commands."""

from __future__ import annotations

import json
import uuid

import pytest

from accounts.tenancy import tenant_scope
from devices.command_states import State
from devices.inbound.message import BadMessage, Inbound
from devices.inbound.routes import handle
from devices.inbound.topics import match_message
from devices.models import ActuatorState, Command, DeviceEvent, OutboundMessage
from devices.services.command_answers import finish_by_state
from devices.services.command_moves import move, note_sent_at
from devices.services.device_events import normalise_code
from tests.commands.conftest import NOW, after, fresh
from tests.factories import DeviceFactory, GatewayFactory


def deliver(topic, payload, *, device=None, gateway=None, tenant=None, at=NOW):
    """Handle a message as the worker does after it has resolved the names."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    route = match_message(topic.split("/"))
    owner = device or gateway or tenant
    handle(
        Inbound(route, raw, at, getattr(owner, "tenant_id", None), gateway, device), now=at
    )  # fmt: skip


def say(device, payload, **options):
    """Let a direct device answer."""
    deliver(f"devices/{device.id}/status", payload, device=device, **options)


def sent(command, at=NOW):
    """Note that the broker took a command."""
    with tenant_scope(command.tenant_id):
        move(ids=[command.id], to=State.SENT, at=at, by="broker")
        note_sent_at(ids=[command.id], at=at)
    return command


class TestDialects:
    def test_a_direct_device(self, order, device):
        command = sent(order("pump_on").command)

        say(device, {"req_id": str(command.id), "status": "ok", "detail": "running"}, at=after(1))

        assert fresh(command).state == "done"
        assert command.delivered_at == command.finished_at == after(1)
        assert command.answer == {"status": "ok", "detail": "running"}

    def test_a_gateway(self, order, device, profile):
        gateway = GatewayFactory(site=device.site)
        behind = DeviceFactory(gateway=gateway, profile=profile)
        command = sent(order("pump_on", device=behind).command)

        deliver(
            f"tenant/{gateway.tenant_id}/gw/{gateway.uid}/evt/command",
            {"cmd_id": str(command.id), "status": "accepted"}, gateway=gateway,
        )  # fmt: skip

        assert fresh(command).state == "ack"

    @pytest.mark.parametrize(("success", "state"), [(True, "done"), (False, "error")])
    def test_kaiser_also_without_an_id(self, order, device, profile, success, state):
        gateway = GatewayFactory(site=device.site)
        esp = DeviceFactory(gateway=gateway, profile=profile, uid="ESP_AB12CD")
        command = sent(order("relay", {"channel": "5"}, device=esp).command)

        deliver(
            f"kaiser/{gateway.uid}/esp/ESP_AB12CD/actuator/5/response",
            {
                "ts": 1763640000, "esp_id": "ESP_AB12CD", "gpio": 5, "command": "ON",
                "success": success, "message": "GPIO said so",
            },
            gateway=gateway, device=esp,
        )  # fmt: skip

        assert fresh(command).state == state
        assert command.detail == ("" if success else "GPIO said so")

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("ACK", "ack"), ("DONE", "done"), ("NO_EFFECT", "no_effect"), ("ERROR", "error"),
            ("INVALID", "invalid"), ("BUSY", "busy"),
        ],
    )  # fmt: skip
    def test_hydro(self, order, device, profile, status, state):
        gateway = GatewayFactory(site=device.site)
        node = DeviceFactory(gateway=gateway, profile=profile, uid="nd-ph-1")
        command = sent(order("pump_on", device=node).command)

        deliver(
            f"hydro/{gateway.uid}/zn-1/nd-ph-1/pump/command_response",
            {"cmd_id": str(command.id), "status": status, "ts": 1763640000123},
            gateway=gateway, device=node,
        )  # fmt: skip

        assert fresh(command).state == state

    def test_a_refused_signature_keeps_its_code(self, order, device):
        command = sent(order("pump_on").command)

        say(device, {"req_id": str(command.id), "status": "timestamp_expired"})

        assert (fresh(command).state, command.code) == ("invalid", "timestamp_expired")

    def test_a_device_that_answers_with_its_state(self, order, red, device):
        command = sent(order("pump_on").command)

        with red.scope():
            finish_by_state(device=device, actuator="pump", is_on=True, at=after(1))

        assert fresh(command).state == "done"


class TestOrder:
    def test_an_early_ack_is_not_overwritten_by_sent(self, order, device, red):
        command = order("pump_on").command
        say(device, {"req_id": str(command.id), "status": "accepted"}, at=after(1))

        sent(command, at=after(2))

        assert fresh(command).state == "ack"
        assert command.sent_at == after(2)
        assert not OutboundMessage.objects.exists(), "no second copy after its answer"

    def test_received_is_delivered_and_accepted_is_acked(self, order, device):
        command = sent(order("pump_on").command)

        say(device, {"req_id": str(command.id), "status": "received"})
        delivered = fresh(command).public_state
        say(device, {"req_id": str(command.id), "status": "accepted"})

        assert (delivered, fresh(command).public_state) == ("delivered", "acked")

    def test_a_late_word_is_kept_and_changes_nothing(self, order, device, red):
        command = sent(order("pump_on").command)
        with red.scope():
            move(ids=[command.id], to=State.TIMEOUT, at=after(40), by="clock")

        for _ in range(2):
            say(device, {"req_id": str(command.id), "status": "done"}, at=after(41))

        assert fresh(command).state == "timeout"
        assert [entry["state"] for entry in command.history] == [
            "queued", "sent", "timeout", "done",
        ]  # fmt: skip
        assert command.history[-1]["late"] is True

    def test_an_answer_may_come_twice(self, order, device):
        command = sent(order("pump_on").command)

        for _ in range(3):
            say(device, {"req_id": str(command.id), "status": "done"})

        assert len(fresh(command).history) == 3


class TestWhoMayAnswer:
    def test_not_another_device(self, order, device, profile):
        command = sent(order("pump_on").command)
        other = DeviceFactory(site=device.site, gateway=None, profile=profile)

        with pytest.raises(BadMessage) as refused:
            say(other, {"req_id": str(command.id), "status": "done"})

        assert refused.value.code == "unknown_command"
        assert fresh(command).state == "sent"

    def test_not_another_tenant(self, order, blue, profile):
        command = sent(order("pump_on").command)
        foreign = DeviceFactory(tenant=blue.tenant, gateway=None, profile=profile)

        with pytest.raises(BadMessage):
            say(foreign, {"req_id": str(command.id), "status": "done"})

        assert fresh(command).state == "sent"

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            ({"req_id": "1", "status": "done"}, "unknown_command"),
            ({"req_id": str(uuid.UUID(int=5)), "status": "done"}, "unknown_command"),
            ({"req_id": str(uuid.UUID(int=5)), "status": "hm"}, "unknown_word"),
            ({"req_id": str(uuid.UUID(int=5))}, "bad_payload"),
            ({"status": "done"}, "unknown_command"),
            (b'{"req_id": ', "bad_payload"),
            (b"gibberish", "bad_status"),
        ],
    )
    def test_nonsense_is_kept_with_its_reason(self, device, payload, code):
        with pytest.raises(BadMessage) as refused:
            say(device, payload)

        assert refused.value.code == code

    def test_presence_on_the_same_topic_still_works(self, device):
        say(device, b"online")
        say(device, {"status": "offline"}, at=after(1))

        device.refresh_from_db()
        assert device.reported_status == "offline"


class TestActuators:
    def states(self, device):
        with tenant_scope(device.tenant_id):
            return {row.actuator: row for row in ActuatorState.objects.all()}

    def test_what_is_done_is_on_and_has_a_deadline(self, order, device):
        command = sent(order("pump_on", {"duration_s": 60}).command)
        say(device, {"req_id": str(command.id), "status": "done"}, at=after(1))

        pump = self.states(device)["pump"]

        assert (pump.is_on, pump.deadline) == (True, after(60.3))

    def test_done_after_the_run_means_off(self, order, device):
        command = sent(order("pump_on", {"duration_s": 5}).command)
        say(device, {"req_id": str(command.id), "status": "done"}, at=after(5))

        pump = self.states(device)["pump"]

        assert (pump.is_on, pump.is_commanded_on, pump.deadline) == (False, False, None)
        assert pump.off_since == after(5)

    def test_what_never_ran_is_forgotten(self, order, device):
        command = sent(order("pump_on", {"duration_s": 60}).command)
        say(device, {"req_id": str(command.id), "status": "busy"})

        pump = self.states(device)["pump"]

        assert (pump.may_be_on, pump.deadline) == (False, None)

    def test_without_an_answer_it_may_be_on(self, order, device, red):
        command = sent(order("pump_on").command)
        with red.scope():
            move(ids=[command.id], to=State.TIMEOUT, at=after(40), by="clock")

        assert self.states(device)["pump"].may_be_on

    def test_status_reports_tell_newer_states_only(self, device, profile):
        gateway = GatewayFactory(site=device.site)
        esp = DeviceFactory(gateway=gateway, profile=profile, uid="esp1")
        topic = f"kaiser/{gateway.uid}/esp/esp1/actuator/5/status"
        for seconds, state in ((10, True), (20, False), (15, True), (20, True)):
            deliver(
                topic, {"ts": 1, "gpio": 5, "state": state, "pwm": 128 if state else 0},
                gateway=gateway, device=esp, at=after(seconds),
            )  # fmt: skip

        state = self.states(esp)["5"]

        assert (state.is_on, state.value, state.off_since) == (False, 0, after(20))

    def test_a_snapshot_tells_all(self, order, device):
        command = sent(order("state").command)
        say(
            device,
            {"req_id": str(command.id), "status": "done", "actuators": {"pump": True, "valve": 40}},
            at=after(1),
        )

        states = self.states(device)

        assert states["pump"].is_on
        assert states["valve"].value == 40


class TestAlerts:
    def test_danger_switches_off(self, order, device, red):
        command = sent(order("pump_on").command)
        say(device, {"req_id": str(command.id), "status": "done"})

        for _ in range(2):
            deliver(
                f"devices/{device.id}/evt/alarm",
                {"ts": NOW.timestamp(), "alert_type": "over_current", "actuator": "pump",
                 "severity": "critical", "message": "9.3 A"},
                device=device, at=after(1),
            )  # fmt: skip

        with red.scope():
            event = DeviceEvent.objects.get(kind="actuator_alert")
            off = Command.objects.filter(name="pump_off").first()
        assert (event.code, event.severity, event.message) == ("OVER_CURRENT", "critical", "9.3 A")
        assert off.principal == "system:safety"
        assert OutboundMessage.objects.filter(command_id=off.id, priority=100).exists()

    def test_a_device_that_stopped_itself_is_off(self, order, device, profile, red):
        gateway = GatewayFactory(site=device.site)
        esp = DeviceFactory(gateway=gateway, profile=profile, uid="esp1")
        sent(order("relay", {"channel": "5"}, device=esp).command)
        topic = f"kaiser/{gateway.uid}/esp/esp1/actuator/5"
        deliver(f"{topic}/status", {"state": True}, gateway=gateway, device=esp, at=after(1))

        deliver(
            f"{topic}/alert",
            {"ts": 1763640001, "gpio": 5, "alert_type": "runtime_protection", "message": "60 s"},
            gateway=gateway, device=esp, at=after(2),
        )  # fmt: skip

        with red.scope():
            assert not ActuatorState.objects.get(device=esp).is_on

    def test_a_hydro_error(self, device, profile, red):
        gateway = GatewayFactory(site=device.site)
        node = DeviceFactory(gateway=gateway, profile=profile, uid="nd-1")

        deliver(
            f"hydro/{gateway.uid}/zn-1/nd-1/error",
            {
                "level": "ERROR", "component": "ph_sensor", "error_code": "ph-read fail",
                "message": "No answer", "ts": 1763639999123, "details": {"tries": 3},
            },
            gateway=gateway, device=node,
        )  # fmt: skip

        with red.scope():
            event = DeviceEvent.objects.get()
        assert (event.kind, event.code, event.severity) == (
            "device_error", "PH_READ_FAIL", "error",
        )  # fmt: skip
        assert event.detail["component"] == "ph_sensor"

    def test_long_codes_keep_a_mark_of_the_whole(self):
        first, second = (normalise_code("x" * 300 + end) for end in "ab")

        assert len(first) == 255
        assert first != second
