"""The only door to hardware: who passes, what is kept, and what leaves."""

from __future__ import annotations

import json
import uuid

import pytest

from accounts.models import AuditEvent
from devices.command_states import State
from devices.models import (
    ActuatorState,
    Command,
    EmergencyStop,
    Interlock,
    OutboundMessage,
    ShutOut,
)
from devices.services.command_moves import move
from devices.services.command_refusals import (
    BadKey,
    BadParams,
    BadTimes,
    KeyReused,
    MayNotControl,
    TooLate,
    UnknownCommand,
    ZoneHeld,
)
from devices.services.command_safety import end_lease, take_lease
from devices.services.commanders import Robot
from devices.services.commands import cancel_command, queue_command
from tests.commands.conftest import NOW, after, fresh
from tests.factories import DeviceFactory, GatewayFactory


class TestWhoMay:
    def test_an_operator_commands(self, order, red, device):
        command = order("pump_on", {"duration_s": 10}).command

        assert (command.state, command.effect, command.actuator) == ("queued", "on", "pump")
        assert command.principal == f"user:{red.operator.pk}"
        message = OutboundMessage.objects.get()
        assert (message.command_id, message.qos, message.is_retained) == (command.id, 1, False)
        assert message.topic == f"devices/{device.id}/commands/pump_on"
        assert message.expires_at == after(30)
        assert json.loads(message.payload)["params"] == {"duration_s": 10}
        assert AuditEvent.objects.get().action == "command.queued"

    @pytest.mark.parametrize("person", ["viewer", "stranger", "foreign"])
    def test_nobody_else(self, order, red, blue, stranger, person):
        actor = {"viewer": red.viewer, "stranger": stranger, "foreign": blue.owner}[person]

        with pytest.raises(MayNotControl):
            order("pump_off", actor=actor)

        assert not OutboundMessage.objects.exists()

    def test_a_part_of_the_product_commands(self, order):
        command = order("pump_off", actor=Robot("rule-7", "Night mode")).command

        assert (command.principal, command.principal_label) == ("system:rule-7", "Night mode")


class TestWhatIsRefusedBeforeItIsKept:
    @pytest.mark.parametrize(
        ("name", "params", "options", "error"),
        [
            ("explode", {}, {}, UnknownCommand),
            ("pump_on", {"speed": 1}, {}, BadParams),
            ("set_valve", {}, {}, BadParams),
            ("pump_off", {}, {"expires_in": 0}, BadTimes),
            ("pump_off", {}, {"expires_in": float("nan")}, BadTimes),
            ("pump_off", {}, {"not_before": after(86_401)}, BadTimes),
            ("pump_off", {}, {"idempotency_key": ""}, BadKey),
        ],
    )
    def test_with_its_own_error(self, order, red, name, params, options, error):
        with pytest.raises(error):
            order(name, params, **options)

        with red.scope():
            assert not Command.objects.exists()


class TestWhatSafetyRefuses:
    def test_is_kept_with_the_reason_and_does_not_leave(self, order):
        command = order("dose", {"ml": 501}).command

        assert (command.state, command.code) == ("invalid", "dose_too_large")
        assert command.detail == "501 ml asked, at most 500 ml are allowed at once."
        assert command.public_state == "rejected"
        assert not OutboundMessage.objects.exists()

    def test_interlocks_count_what_was_only_told(self, order, red, device):
        with red.scope():
            Interlock.objects.create(
                name="Dry", device=device, actuator="pump", other_device=device,
                other_actuator="heater",
            )  # fmt: skip
        order("heater_on")

        assert order("pump_on").command.code == "interlock"
        assert order("heater_on").command.state == "queued"

    def test_interlocks_reach_other_devices(self, order, red, device, profile):
        other = DeviceFactory(site=device.site, gateway=None, profile=profile)
        with red.scope():
            Interlock.objects.create(
                name="Pump first", kind=Interlock.Kind.REQUIRES, device=device, actuator="heater",
                other_device=other, other_actuator="pump",
            )  # fmt: skip
            assert order("heater_on").command.code == "interlock_requires"
            ActuatorState.objects.filter(device=other).update(is_on=True)

        assert order("heater_on").command.state == "queued"

    def test_a_zone_lease_holds_foreign_starts_only(self, order, red, zone):
        with red.scope():
            take_lease(zone=zone, holder="system:recipe", until=after(60), now=NOW)
            with pytest.raises(ZoneHeld):
                take_lease(zone=zone, holder="system:other", until=after(60), now=NOW)

        assert order("pump_on").command.code == "zone_leased"
        assert order("pump_off").command.state == "queued"
        assert order("state").command.state == "queued"
        assert order("pump_on", actor=Robot("recipe")).command.state == "queued"
        with red.scope():
            assert end_lease(zone=zone, holder="system:recipe")
        assert order("heater_on").command.state == "queued"

    @pytest.mark.parametrize("scope", ["device", "zone", "site", "tenant"])
    def test_an_emergency_stop_over_it(self, order, red, device, zone, scope):
        target = {
            "device": device.id, "zone": zone.id, "site": device.site_id, "tenant": red.tenant.id
        }[scope]  # fmt: skip
        with red.scope():
            EmergencyStop.objects.create(
                scope=scope, target_id=target, target_label="here", pressed_at=NOW
            )

        assert order("pump_on").command.code == "emergency_stop"
        assert order("pump_off").command.state == "queued"

    def test_a_device_whose_gateway_lost_its_access(self, order, red, device, profile):
        gateway = GatewayFactory(site=device.site, uid="gw-red")
        box = DeviceFactory(gateway=gateway, uid="gw-red", profile=profile)
        behind = DeviceFactory(gateway=gateway, profile=profile)
        with red.scope():
            ShutOut.objects.create(device=box, at=NOW, reason="stolen")

        assert order("pump_off", device=behind).command.code == "revoked"
        assert order("pump_off").command.state == "queued"


class TestTheKey:
    def test_the_same_request_again_is_the_same_command(self, order):
        first = order("pump_off", idempotency_key="k")
        second = order("pump_off", idempotency_key="k")

        assert second.command == first.command
        assert (first.is_replay, second.is_replay) == (False, True)
        assert OutboundMessage.objects.count() == 1

    @pytest.mark.parametrize(
        "change", [{"name": "heater_off"}, {"expires_in": 60}, {"not_before": after(5)}]
    )
    def test_another_request_is_refused(self, order, change):
        order("pump_off", idempotency_key="k")

        with pytest.raises(KeyReused):
            order(**{"name": "pump_off", "idempotency_key": "k", **change})

    def test_people_have_keys_of_their_own(self, order, red):
        order("pump_off", idempotency_key="k")

        assert not order("pump_off", idempotency_key="k", actor=red.owner).is_replay


class TestCancelling:
    def test_takes_back_what_has_not_left(self, order, red):
        command = order("pump_on").command

        with red.scope():
            cancel_command(actor=red.operator, command=command, now=after(1))
            state = ActuatorState.objects.get()

        assert command.state == "cancelled"
        assert not OutboundMessage.objects.exists()
        assert not state.is_commanded_on, "it never ran"

    def test_is_too_late_for_what_has_left(self, order, red):
        command = order("pump_on").command
        with red.scope():
            move(ids=[command.id], to=State.SENT, at=after(1), by="broker")
            with pytest.raises(TooLate):
                cancel_command(actor=red.operator, command=fresh(command), now=after(2))

        assert fresh(command).state == "sent"

    def test_is_for_those_who_may_control(self, order, red):
        command = order("pump_on").command

        with red.scope(), pytest.raises(MayNotControl):
            cancel_command(actor=red.viewer, command=command, now=after(1))


def test_a_broken_profile_takes_no_command(order, red, profile):
    profile.commands = [{"nonsense": True}]
    profile.save()

    with pytest.raises(UnknownCommand):
        order("pump_off")


def test_a_name_that_no_topic_can_carry_ends_the_command(order, red, device, profile):
    gateway = GatewayFactory(site=device.site)
    profile.dialect = "kaiser"
    profile.save()
    odd = DeviceFactory(gateway=gateway, profile=profile, uid="a..b")

    command = order("pump_off", device=odd).command

    assert (command.state, command.code) == ("send_failed", "unusable_topic")


@pytest.mark.django_db(transaction=True)
def test_fifty_racers_with_one_key_make_one_command(red, device, connections_of):
    key = uuid.uuid4().hex

    def ask() -> tuple[uuid.UUID, bool]:
        with red.scope():
            found = queue_command(
                actor=Robot("racer"), device=device, name="pump_on", params={},
                idempotency_key=key, now=NOW,
            )  # fmt: skip
        return found.command.id, found.is_replay

    answers = connections_of(ask, 50)

    assert len({id_ for id_, _replay in answers}) == 1
    assert [replay for _id, replay in answers].count(False) == 1
    assert OutboundMessage.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_that_exclude_each_other_never_both_start(red, device, connections_of):
    with red.scope():
        Interlock.objects.create(
            name="x", device=device, actuator="pump", other_device=device,
            other_actuator="heater",
        )  # fmt: skip
    names = iter(["pump_on", "heater_on"] * 10)

    def ask() -> str:
        with red.scope():
            found = queue_command(
                actor=Robot("racer"), device=device, name=next(names), params={},
                idempotency_key=uuid.uuid4().hex, now=NOW,
            )  # fmt: skip
        return found.command.state

    connections_of(ask, 20)

    with red.scope():
        started = Command.objects.filter(state="queued").values_list("name", flat=True)
        assert len(set(started)) == 1
