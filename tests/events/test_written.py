"""Live events are written by the database, in the transaction of what they tell."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from devices.command_states import State
from devices.models import (
    Claim,
    ClaimState,
    Command,
    Device,
    DeviceConfiguration,
    DeviceEvent,
    LiveEvent,
    PendingDevice,
    Severity,
)
from devices.services.command_answers import note_actuator
from devices.services.command_moves import move
from devices.services.device_events import record_device_event
from devices.services.emergency_stop import press_emergency_stop, release_emergency_stop
from devices.services.presence_batch import StatusSaid, Thing, apply_status_reports
from devices.services.reported import note_answer
from tests.factories import NOW, DeviceFactory, GatewayFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture
def device(red) -> Device:
    with red.scope():
        return DeviceFactory(tenant=red.tenant, gateway=None)


def told(red, **wanted):
    with red.scope():
        return list(LiveEvent.objects.filter(**wanted).order_by("id"))


def order(device: Device, **values) -> Command:
    return Command.objects.create(
        device=device, principal="user:1", principal_label="ann@red.example",
        idempotency_key=uuid.uuid4().hex, body_hash="x", requested_at=NOW, not_before=NOW,
        expires_at=NOW, **{"name": "restart"} | values,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "severity", "event_type"),
    [
        ("actuator_alert", Severity.CRITICAL, "actuator_alert"),
        ("actuator", Severity.CRITICAL, "actuator_alert"),
        ("alarm", Severity.INFO, "alarm"),
        ("device_error", Severity.ERROR, "esp_health"),
        ("certificate", Severity.WARNING, "alarm"),
        ("campaign", Severity.INFO, "device_event"),
    ],
)
def test_what_a_device_says_is_told_by_its_kind(red, device, kind, severity, event_type):
    with red.scope():
        event = record_device_event(
            device=device, kind=kind, code="OVER_TEMPERATURE", at=NOW, severity=severity,
            message="81 °C", detail={"limit": 80},
        )  # fmt: skip

    (found,) = told(red)
    assert (found.type, found.severity, found.occurred_at) == (event_type, severity, NOW)
    assert (found.device_id, found.site_id) == (device.id, device.site_id)
    assert found.payload == {
        "id": str(event.id), "kind": kind, "code": "OVER_TEMPERATURE", "message": "81 °C",
        "detail": {"limit": 80},
    }  # fmt: skip
    assert found.seq is None


def test_a_long_detail_stays_with_the_device_event(red, device):
    with red.scope():
        record_device_event(
            device=device, kind="alarm", code="A", at=NOW, message="m" * 900,
            detail={"dump": "x" * 5000},
        )  # fmt: skip

    (found,) = told(red)
    assert "detail" not in found.payload
    assert found.payload["message"] == "m" * 300


def test_what_comes_twice_is_told_once(red, device):
    with red.scope():
        for _ in range(2):
            record_device_event(device=device, kind="alarm", code="A", at=NOW)

    assert len(told(red)) == 1


def test_nothing_is_told_of_what_was_rolled_back(red, device):
    with pytest.raises(RuntimeError), red.scope(), transaction.atomic():
        record_device_event(device=device, kind="alarm", code="A", at=NOW)
        raise RuntimeError

    assert told(red) == []


def test_a_herd_is_told_by_as_many_statements_as_before(red):
    with red.scope():
        gateways = [GatewayFactory(tenant=red.tenant) for _ in range(4)]
        for gateway in gateways:
            DeviceFactory(gateway=gateway, uid=gateway.uid)
        device = DeviceFactory(tenant=red.tenant, gateway=None)
    said = [StatusSaid(Thing(gateway.id, True), "offline", NOW) for gateway in gateways]
    said.append(StatusSaid(Thing(device.id, False), "offline", NOW))

    with CaptureQueriesContext(connection) as queries:
        apply_status_reports(reports=said)

    found = told(red)
    assert sorted(event.type for event in found) == ["device_status"] + ["gateway_status"] * 4
    assert {event.payload["status"] for event in found} == {"offline"}
    assert {e.gateway_id for e in found if e.gateway_id} == {g.id for g in gateways}
    assert len(queries) < 10


def test_a_command_is_told_from_its_order_to_its_end(red, device):
    with red.scope():
        command = order(device)
        for state, by in ((State.SENT, "broker"), (State.ACK, "device"), (State.DONE, "device")):
            move(ids=[command.id], to=state, at=NOW + dt.timedelta(seconds=1), by=by)
        Command.objects.filter(id=command.id).update(detail="the state stays")

    found = told(red)
    assert [event.type for event in found] == ["command"] * 4
    states = [event.payload["state"] for event in found]
    assert states == ["queued", "sent", "acked", "succeeded"]
    assert {event.payload["command"] for event in found} == {str(command.id)}
    assert found[0].payload["by"] == "ann@red.example"
    assert found[0].occurred_at == NOW


def test_an_actuators_answer_is_told_as_such(red, device):
    with red.scope():
        command = order(device, name="pump_on", actuator="pump")
        move(ids=[command.id], to=State.SENT, at=NOW, by="broker")
        move(
            ids=[command.id], to=State.ERROR, at=NOW, by="device", code="dry",
            answer={"status": "error"},
        )  # fmt: skip

    (answer,) = told(red, type="actuator_response")
    assert answer.severity == "warning"
    assert answer.payload["state"] == "failed"
    assert answer.payload["code"] == "dry"
    assert answer.payload["answer"] == {"status": "error"}
    assert [event.payload["state"] for event in told(red, type="command")][-1] == "failed"


def test_commands_made_in_bulk_are_told_one_by_one(red, device):
    with red.scope():
        made = [
            Command(
                device=device, tenant=red.tenant, name="restart", principal="p",
                principal_label="l", idempotency_key=str(number), body_hash="", requested_at=NOW,
                not_before=NOW, expires_at=NOW,
            )
            for number in range(50)
        ]  # fmt: skip
        Command.objects.bulk_create(made)

    assert {e.payload["command"] for e in told(red, type="command")} == {str(c.id) for c in made}


def test_an_actuator_is_told_when_it_changes(red, device):
    with red.scope():
        for second, is_on in ((0, True), (1, True), (2, False)):
            at = NOW + dt.timedelta(seconds=second)
            note_actuator(device=device, actuator="pump", is_on=is_on, at=at)

    found = told(red, type="actuator_status")
    assert [event.payload["is_on"] for event in found] == [True, False]
    assert found[1].occurred_at == NOW + dt.timedelta(seconds=2)


def test_an_emergency_stop_is_told_when_pressed_and_when_released(red, device):
    with red.scope():
        pressed = press_emergency_stop(actor=red.owner, target=device, reason="fire", now=NOW)
        release_emergency_stop(actor=red.owner, stop=pressed.stop, reason="out", now=NOW)
        press_emergency_stop(actor=red.owner, target=red.tenant, reason="all", now=NOW)

    first, second, third = told(red, type="emergency_stop")
    assert (first.severity, first.payload["state"]) == ("critical", "pressed")
    assert (first.device_id, first.site_id) == (device.id, device.site_id)
    assert first.payload["reason"] == "fire"
    assert (second.payload["state"], second.payload["reason"]) == ("released", "out")
    assert (third.site_id, third.device_id, third.payload["scope"]) == (None, None, "tenant")


def test_the_answer_to_a_configuration_is_told(red, device):
    with red.scope():
        for revision in (1, 2):
            DeviceConfiguration.objects.create(
                device=device, revision=revision, body={}, reason="test", state="pending"
            )
            note_answer(
                device=device, revision=revision, is_accepted=revision == 1,
                error_code="" if revision == 1 else "RANGE", error="", at=NOW,
            )  # fmt: skip

    applied, refused = told(red, type="config_response")
    assert applied.payload == {"revision": 1, "state": "applied"}
    assert refused.payload == {"revision": 2, "state": "refused", "code": "RANGE"}
    assert (applied.severity, refused.severity) == ("info", "error")


def test_a_claim_is_told_by_its_states(red, device):
    box = PendingDevice.objects.create(
        hardware_id="02aabbccddee", spelling="02AABBCCDDEE", first_heard_at=NOW, last_heard_at=NOW
    )
    with red.scope():
        claim = Claim.objects.create(
            pending=box, device=device, hardware_id=box.hardware_id, claimed_at=NOW,
            expires_at=NOW,
        )  # fmt: skip
        claim.csr = "no news"
        claim.save()
        claim.state, claim.owned_at = ClaimState.OWNED, NOW
        claim.save()

    found = told(red, type="claim")
    assert [event.payload["state"] for event in found] == ["claimed", "owned"]
    assert {event.device_id for event in found} == {device.id}


def test_an_event_of_a_device_that_is_gone_goes_on_naming_it(red, device):
    with red.scope():
        record_device_event(device=device, kind="alarm", code="A", at=NOW)
        DeviceEvent.objects.all().delete()
        key = device.id
        device.delete()

    (found,) = told(red)
    assert found.device_id == key
