"""Emergency stops and run time limits: what is stopped, what passes, what is told again."""

from __future__ import annotations

import json

import pytest

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from devices.command_schema import read_commands
from devices.command_states import State
from devices.models import ActuatorState, Command, DeviceEvent, EmergencyStop, OutboundMessage
from devices.services.command_moves import move, note_sent_at
from devices.services.command_refusals import MayNotControl, NoReason, StopGone
from devices.services.command_sweep import sweep_commands
from devices.services.commanders import Robot
from devices.services.emergency_stop import (
    off_orders,
    press_emergency_stop,
    release_emergency_stop,
)
from devices.services.outbox import URGENT
from devices.services.sent import note_sent, prepare
from tests.commands.conftest import NOW, after, fresh
from tests.factories import DeviceFactory, DeviceProfileFactory, SiteFactory


@pytest.fixture
def press(red):
    """Return a function that presses as the operator."""

    def pressed(target, **options):
        with red.scope():
            return press_emergency_stop(
                **{"actor": red.operator, "target": target, "reason": "smoke", "now": NOW,
                   **options}
            )  # fmt: skip

    return pressed


def offs():
    """Return what waits to be sent, by device and command."""
    with all_tenants():
        ids = OutboundMessage.objects.filter(priority=URGENT).values_list("command_id", flat=True)
        return sorted(Command.objects.filter(id__in=ids).values_list("name", flat=True))


class TestPressing:
    def test_switches_everything_off_and_cancels_what_waits(self, order, press, device, red):
        waiting = order("pump_on").command
        reading = order("state").command

        pressed = press(device)

        assert fresh(waiting).state == "cancelled"
        assert waiting.code == "emergency_stop"
        assert fresh(reading).state == "queued"
        assert pressed.cancelled == 1
        assert pressed.off_commands == 3
        assert offs() == ["heater_off", "pump_off", "set_valve"]
        actions = list(AuditEvent.objects.values_list("action", flat=True))
        assert "emergency_stop.pressed" in actions

    def test_knows_the_actuators_a_device_told_of(self, press, device, red):
        with red.scope():
            ActuatorState.objects.create(device=device, actuator="r1", is_on=True)

        press(device)

        assert "relay_off" in offs()

    @pytest.mark.parametrize("scope", ["zone", "site", "tenant"])
    def test_reaches_all_devices_of_a_place_and_no_other(
        self, press, red, blue, device, zone, profile, scope
    ):
        other_site = SiteFactory(tenant=red.tenant)
        far = DeviceFactory(site=other_site, gateway=None, profile=profile)
        near = DeviceFactory(site=device.site, gateway=None, profile=profile)
        foreign = DeviceFactory(tenant=blue.tenant, gateway=None, profile=profile)

        press({"zone": zone, "site": device.site, "tenant": red.tenant}[scope])

        reached = {
            device.id for device in (device, far, near, foreign)
            if OutboundMessage.objects.filter(topic__startswith=f"devices/{device.id}/").exists()
        }  # fmt: skip
        assert reached == {
            "zone": {device.id}, "site": {device.id, near.id},
            "tenant": {device.id, near.id, far.id},
        }[scope]  # fmt: skip

    def test_again_switches_off_again_under_the_same_stop(self, press, device):
        first, second = press(device), press(device)

        assert first.stop == second.stop
        assert OutboundMessage.objects.count() == 6

    def test_says_what_it_cannot_switch_off(self, press, device, red):
        mute = DeviceProfileFactory(
            commands=[{"name": "go", "effect": "on", "actuator": "a"}], name="No off"
        )
        stubborn = DeviceFactory(site=device.site, gateway=None, profile=mute, name="Stubborn")

        assert press(stubborn).without_off == ("Stubborn",)

    def test_is_for_those_who_may_control(self, press, device, red, blue):
        for actor in (red.viewer, blue.owner):
            with pytest.raises(MayNotControl):
                press(device, actor=actor)

    def test_takes_few_queries_however_many_devices(
        self, press, device, profile, django_assert_max_num_queries
    ):
        for _ in range(30):
            DeviceFactory(site=device.site, gateway=None, profile=profile)

        with django_assert_max_num_queries(40):
            press(device.site)


class TestReleasing:
    def test_needs_a_person_and_a_reason(self, press, order, red, device):
        stop = press(device).stop

        with red.scope():
            for actor, reason, error in (
                (red.viewer, "fine", MayNotControl),
                (Robot("rule"), "fine", MayNotControl),
                (red.operator, "  ", NoReason),
            ):
                with pytest.raises(error):
                    release_emergency_stop(actor=actor, stop=stop, reason=reason, now=after(1))
            assert order("pump_on").command.code == "emergency_stop"
            release_emergency_stop(actor=red.operator, stop=stop, reason="aired", now=after(2))
            with pytest.raises(StopGone):
                release_emergency_stop(actor=red.operator, stop=stop, reason="x", now=after(3))

        assert order("pump_on").command.state == "queued"
        assert stop.released_by == "operator@red.example"

    def test_one_of_two_is_not_enough(self, press, order, red, device):
        inner = press(device).stop
        press(red.tenant)

        with red.scope():
            release_emergency_stop(actor=red.operator, stop=inner, reason="ok", now=after(1))

        assert order("pump_on").command.code == "emergency_stop"


class TestTheLastLook:
    """What was queued before a stop does not leave after it."""

    def messages(self):
        return list(OutboundMessage.objects.order_by("id"))

    def stop(self, device):
        EmergencyStop.objects.create(
            scope="device", target_id=device.id, target_label="x", pressed_at=NOW
        )

    def test_a_start_is_held_back(self, order, device, red):
        start, off = order("pump_on").command, order("pump_off").command
        with red.scope():
            self.stop(device)

        ready = prepare(messages=self.messages(), now=after(1))

        assert [message.command_id for message in ready] == [off.id]
        assert (fresh(start).state, start.code) == ("cancelled", "emergency_stop")

    def test_one_that_slipped_through_is_followed_by_off(self, order, device, red):
        start = order("pump_on").command
        messages = prepare(messages=self.messages(), now=after(1))
        with red.scope():
            self.stop(device)

        note_sent(messages=messages, now=after(1))

        assert fresh(start).state == "sent"
        assert "pump_off" in offs()

    def test_what_has_ended_is_not_sent_again(self, order):
        command = order("pump_on").command
        with all_tenants():
            move(ids=[command.id], to=State.DONE, at=after(1), by="device")

        assert prepare(messages=self.messages(), now=after(1)) == []

    def test_time_and_signature_are_those_of_leaving(self, order, device, red):
        from devices.services.command_wire import renew_command_secret
        from devices.signature import verify

        with red.scope():
            secret = renew_command_secret(device=device, now=NOW)
        order("pump_on", not_before=after(20))

        [message] = prepare(messages=self.messages(), now=after(25))

        verify(json.loads(message.payload), secret=secret, now=after(25).timestamp())


class TestTime:
    def test_what_never_left_expires(self, order):
        command = order("pump_on").command

        sweep_commands(now=after(29.9))
        assert fresh(command).state == "queued"
        sweep_commands(now=after(30))

        assert (fresh(command).state, command.finished_at) == ("expired", after(30))
        assert not OutboundMessage.objects.exists()

    def sent(self, command, at=NOW):
        with all_tenants():
            move(ids=[command.id], to=State.SENT, at=at, by="broker")
            note_sent_at(ids=[command.id], at=at)

    def test_what_is_not_answered_times_out_within_a_minute(self, order):
        command = order("pump_off").command
        self.sent(command, at=after(25))

        sweep_commands(now=after(34.9))
        assert fresh(command).state == "sent"
        sweep_commands(now=after(35))

        assert fresh(command).state == "timeout"

    def test_what_was_accepted_and_never_done_times_out(self, order):
        command = order("state").command
        self.sent(command)
        with all_tenants():
            move(ids=[command.id], to=State.ACK, at=after(5), by="device")

        sweep_commands(now=after(35))

        assert fresh(command).state == "timeout"

    def test_a_run_ends_by_the_server_too(self, order, red, device):
        command = order("pump_on", {"duration_s": 60}).command
        self.sent(command)
        OutboundMessage.objects.all().delete()

        sweep_commands(now=after(60.2))
        assert offs() == []
        sweep_commands(now=after(60.4))

        assert offs() == ["pump_off"]
        with red.scope():
            event = DeviceEvent.objects.get()
            assert (event.code, event.severity) == ("RUNTIME_EXCEEDED", "error")
            pump = ActuatorState.objects.get(actuator="pump")
        assert pump.deadline > after(65)

    def test_what_does_not_stop_is_told_ever_less_often(self, order):
        self.sent(order("pump_on", {"duration_s": 10}).command)
        OutboundMessage.objects.all().delete()
        told = []
        for second in range(0, 4 * 3600, 5):
            before = len(offs())
            sweep_commands(now=after(second))
            told += [second] * (len(offs()) > before)
            OutboundMessage.objects.all().delete()
            if len(told) > 30:
                break

        assert 5 < len(told) < 20, told

    def test_a_late_answer_does_not_revive(self, order):
        command = order("pump_on").command
        sweep_commands(now=after(31))

        with all_tenants():
            assert move(ids=[command.id], to=State.DONE, at=after(32), by="device") == []

        assert fresh(command).state == "expired"


def test_what_a_parameter_offers_is_switched_off_too():
    """Nobody knows what was switched on at the device itself."""
    relays = {"name": "channel", "type": "string", "choices": ["r1", "r2"], "required": True}
    specs = read_commands(
        [{"name": "off", "effect": "off", "actuator": "{channel}", "params": [relays]}]
    ).values()

    assert [actuator for _spec, _params, actuator in off_orders(specs, {"r9"})] == ["r1", "r2"]


def test_each_actuator_is_switched_off_once():
    specs = read_commands(
        [
            {"name": "off", "effect": "off", "actuator": "a"},
            {"name": "set", "effect": "set", "actuator": "a", "params": [{"name": "value"}]},
            {"name": "dim", "effect": "set", "actuator": "b", "params": [{"name": "percent"}]},
            {
                "name": "heat", "effect": "set", "actuator": "c",
                "params": [{"name": "value", "min": 5}],
            },
        ]
    ).values()  # fmt: skip

    found = [(spec.name, params) for spec, params, _actuator in off_orders(specs, set())]

    assert found == [("off", {}), ("dim", {"percent": 0})]
