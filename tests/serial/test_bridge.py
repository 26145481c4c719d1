"""What a bridge hears reaches the services; what is ordered reaches the controller, in time."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
import uuid
from typing import Any

import pytest
from django.db import OperationalError

from charging.bridge import bridge as bridge_module
from charging.bridge.bridge import Bridge
from charging.bridge.inbox import Inbox
from charging.bridge.lines import NoSuchLine, find_line
from charging.bridge.readings import MOST_WAITING, Readings, values_of
from charging.esp32.facts import Look, Result, Verdict
from charging.models import ChargePoint
from devices.command_states import State
from devices.models import ActuatorState, Command, DeviceEvent, PortLease, SerialLine, WireState
from devices.services import outbox
from devices.wires.serial import lease
from devices.wires.serial.lease import PortHeld, port_key
from devices.wires.serial.link import LinkState
from energy.lib.redis import durable
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.envelope import unpack
from tests.serial.conftest import Station
from tests.serial.rig import now

pytestmark = pytest.mark.django_db

LOOK = Look(state=5, pilot=2, current_limit_a=16.0, is_relay_on=True)


def test_charging_from_the_plug_to_the_end(bridged: Station) -> None:
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)
    started = bridged.finish(bridged.order("charge_start"))
    bridged.wait_for_state(5)
    assert started.state == State.DONE
    assert bridged.evse.hardware.is_relay_on
    stopped = bridged.finish(bridged.order("charge_stop"))
    bridged.wait_for_state(7)
    assert stopped.state == State.DONE
    bridged.evse.tell("unplug")
    bridged.wait_for_state(1)
    kinds = bridged.kinds()
    for kind in ("bridge_connected", "charge_started", "charge_stopped"):
        assert kind in kinds, kinds
    with bridged.red.scope():
        row = SerialLine.objects.get(id=bridged.row.id)
        assert not ActuatorState.objects.get(device=bridged.device, actuator="charging").is_on
    assert row.state == WireState.ONLINE


def test_a_limit_is_set_and_refused_while_charging(bridged: Station) -> None:
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)
    assert bridged.finish(bridged.order("set_current_limit", amps=16)).state == State.DONE
    bridged.wait(lambda: bridged.fresh(bridged.connector).current_limit_a == 16, "16 A")
    bridged.finish(bridged.order("charge_start"))
    bridged.wait_for_state(5)
    refused = bridged.finish(bridged.order("set_current_limit", amps=10))
    assert (refused.state, refused.code) == (State.INVALID, "limit_while_charging")
    assert "command_rejected" in bridged.kinds()


def test_more_than_the_charge_point_bears_is_refused_by_the_last_who_sees_it(
    bridged: Station,
) -> None:
    bridge = bridged.bridge
    assert bridge is not None
    with bridged.red.scope():
        ChargePoint.objects.filter(device=bridged.device).update(max_current_a=16)
    bridge._reload_at = 0
    bridge.run_round()
    bridged.wait_for_state(1)
    refused = bridged.finish(bridged.order("set_current_limit", amps=17))
    assert (refused.state, refused.code) == (State.INVALID, "bad_limit")
    assert refused.detail == "17 A is more than the 16 A of the charge point."
    assert "command_rejected" in bridged.kinds()
    assert bridged.finish(bridged.order("set_current_limit", amps=16)).state == State.DONE
    assert bridge.link.opens == 1  # who changes that keeps the port
    assert bridge.link.is_idle


def test_nothing_is_taken_while_the_controller_is_not_heard(bridged: Station) -> None:
    """Bug 4: a permission that was asked for meanwhile expires, and is never sent."""
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)
    bridged.evse.tell("cut 30")
    bridged.wait(lambda: bridged.fresh(bridged.row).state == WireState.OFFLINE, "offline")
    command = bridged.order("charge_start", expires_in=1)
    assert bridged.fresh(command).state == State.QUEUED
    time.sleep(1.1)
    bridged.wait(lambda: bridged.fresh(bridged.row).state == WireState.ONLINE, "online")
    for _ in range(10):
        bridged.bridge.run_round(is_told=True)
        time.sleep(0.05)
    assert bridged.fresh(command).state == State.QUEUED  # the sweep will end it
    assert not bridged.evse.hardware.is_relay_on


def test_a_permission_is_too_late_after_five_seconds_whatever_was_asked(
    bridged: Station,
) -> None:
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)
    command = bridged.order("charge_start", expires_in=600)
    with bridged.red.scope():
        old = outbox.database_now() - dt.timedelta(seconds=6)
        Command.objects.filter(id=command.id).update(requested_at=old)
    ended = bridged.finish(command)
    assert (ended.state, ended.code) == (State.INVALID, "too_late")
    assert bridged.fresh(bridged.connector).state == 3


def test_the_line_tells_how_it_is(bridged: Station) -> None:
    bridged.wait(lambda: bridged.fresh(bridged.row).state == WireState.ONLINE, "online")
    bridged.evse.tell("cut 5")
    gone = bridged.wait(lambda: bridged.fresh(bridged.row).state == WireState.OFFLINE, "offline")
    row = bridged.fresh(bridged.row)
    assert gone < 10
    assert row.state_code in {"disconnected", "port_missing"}
    assert row.state_at is not None
    bridged.wait(lambda: bridged.fresh(bridged.row).state == WireState.ONLINE, "online again")
    kinds = bridged.kinds()
    assert kinds.count("bridge_lost") == 1
    assert kinds.count("bridge_connected") == 2


def test_a_reboot_a_version_and_a_warning_are_kept(bridged: Station) -> None:
    bridged.wait_for_state(1)
    bridged.evse.tell("reset")
    bridged.wait(lambda: bridged.fresh(bridged.row).firmware == "4.8.0", "its version")
    bridged.evse.tell("fault earth")
    bridged.wait_for_state(8)
    assert "device_rebooted" in bridged.kinds()
    with bridged.red.scope():
        assert DeviceEvent.objects.filter(device=bridged.device, code="GF_CONFIRMED").exists()


def test_readings_go_into_the_pipeline(bridged: Station, redis: Any) -> None:
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)

    def found() -> list[Any]:
        entries: Any = durable().xrange(IngestBuffer().stream)
        told = [one for _, fields in entries for one in unpack(fields[b"m"])]
        return [one for one in told if str(bridged.device.id) in one.topic]

    bridged.wait(found, "a reading")
    assert {one.transport for one in found()} == {"serial"}
    assert b"ev_connector_state" in found()[0].payload


def test_while_the_database_is_away_the_link_stays_up_and_the_newest_is_told_later(
    bridged: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridged.wait_for_state(1)
    assert bridged.bridge is not None
    really = bridge_module.Report.tell

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(bridge_module.Report, "tell", away)
    bridged.evse.tell("plug; wait 20; unplug; wait 20; plug")
    until = time.monotonic() + 6
    while time.monotonic() < until:
        with contextlib.suppress(OperationalError):
            bridged.bridge.tell()
        time.sleep(0.2)
    assert bridged.bridge.link.state == LinkState.ONLINE
    monkeypatch.setattr(bridge_module.Report, "tell", really)
    bridged.wait_for_state(3)
    kinds = bridged.kinds()
    assert kinds.count("cable_connected") >= 2  # what happened meanwhile, too


def test_what_cannot_be_kept_does_not_keep_the_rest(
    bridged: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = bridge_module.Report.tell
    failed: list[object] = []

    def fail_once(self: Any, heard: object, **times: Any) -> None:
        if isinstance(heard, Look) and not failed:
            failed.append(heard)
            raise ValueError("broken")
        really(self, heard, **times)

    monkeypatch.setattr(bridge_module.Report, "tell", fail_once)
    bridged.wait_for_state(1)
    assert failed


def test_a_lost_lease_closes_the_port_at_once(
    bridged: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridged.wait_for_state(1)
    assert bridged.bridge is not None
    PortLease.objects.filter(port=port_key(bridged.row.port)).update(
        holder="edge-2 pid 7 run_serial_bridge (edge-2/pid:[1]/7-1)", fence=9
    )
    bridged.bridge._renew_at = 0
    with pytest.raises(PortHeld, match="edge-2 pid 7 run_serial_bridge"):
        bridged.bridge.run_round()
    assert bridged.bridge.link.state == LinkState.CLOSED
    assert PortLease.objects.get(port=port_key(bridged.row.port)).fence == 9


def test_another_bridge_of_another_process_is_refused(
    bridged: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "own_identity", lambda: "elsewhere/pid:[1]/77-5")
    with pytest.raises(PortHeld, match="run_serial_bridge"):
        Bridge(bridged.line, clock=now).start()


def test_follows_what_staff_change(bridged: Station) -> None:
    bridged.wait_for_state(1)
    assert bridged.bridge is not None
    with bridged.red.scope():
        SerialLine.objects.filter(id=bridged.row.id).update(is_enabled=False)
    bridged.bridge._reload_at = 0
    bridged.bridge.run_round()
    row = bridged.fresh(bridged.row)
    assert (row.state, row.state_code) == (WireState.OFFLINE, "disabled")
    assert not bridged.bridge.is_open
    with bridged.red.scope():
        SerialLine.objects.filter(id=bridged.row.id).update(is_enabled=True)
    bridged.bridge._reload_at = 0
    bridged.wait(lambda: bridged.fresh(bridged.row).state == WireState.ONLINE, "online")


@pytest.mark.parametrize("when", ["hold", "release"])
def test_a_hiccup_of_the_database_during_a_change_leaves_it_with_a_link(
    bridged: Station, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    bridged.wait_for_state(1)
    bridge = bridged.bridge
    assert bridge is not None
    with bridged.red.scope():
        SerialLine.objects.filter(id=bridged.row.id).update(baudrate=57_600)
    really = getattr(lease.PortClaim, when)

    def fail_once(claim: lease.PortClaim) -> None:
        monkeypatch.setattr(lease.PortClaim, when, really)
        raise OperationalError("away")

    monkeypatch.setattr(lease.PortClaim, when, fail_once)
    bridge._reload_at, bridge._renew_at = 0, time.monotonic() + 60
    with pytest.raises(OperationalError):
        bridge.run_round()
    bridged.wait(lambda: bridge.link.state == LinkState.ONLINE, "online")
    assert bridge.line.baudrate == 57_600
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)
    assert PortLease.objects.get(port=port_key(bridged.row.port)).holder


def test_a_bridge_that_was_stopped_stays_so(bridged: Station) -> None:
    bridge = bridged.bridge
    assert bridge is not None
    bridge.stop()
    bridge.run_round()
    assert bridge.link.state == LinkState.CLOSED
    assert PortLease.objects.get(port=port_key(bridged.row.port)).holder == ""


def test_a_stop_ends_the_order_under_way(bridged: Station) -> None:
    bridged.evse.tell("plug")
    bridged.wait_for_state(3)
    bridged.evse.tell("block 300")
    time.sleep(0.1)
    command = bridged.order("charge_start")
    bridge = bridged.bridge
    assert bridge is not None
    bridged.wait(lambda: bridged.fresh(command).state == State.SENT, "taken")
    bridge.stop()
    ended = bridged.fresh(command)
    assert ended.state in {State.INVALID, State.ERROR}
    assert ended.code in {"stopped", "too_late"}
    assert PortLease.objects.get(port=port_key(bridged.row.port)).holder == ""


def test_lines_are_found_by_id_port_and_charge_point(station: Station) -> None:
    with station.red.scope():
        point = station.fresh(station.connector).charge_point
    for given in (
        {"line": str(station.row.id)}, {"line": station.row.port},
        {"charger": point.name}, {"charger": str(point.id)},
    ):  # fmt: skip
        assert find_line(**given).id == station.row.id
    assert station.line.connector_id == station.connector.id
    with pytest.raises(NoSuchLine, match="There is no line 'nothing'"):
        find_line(line="nothing")


def test_the_inbox_keeps_the_newest_and_every_result() -> None:
    inbox = Inbox(most=10)
    key = uuid.uuid4()
    inbox.put(Result(key, Verdict.DONE), now())
    for state in [1, 2] * 50:
        inbox.put(Look(state=state), now())
        inbox.put(Look(state=state, raw={"CPV": 7}), now())  # nothing new
    items = []
    while (item := inbox.take()) is not None:
        items.append(item.heard)
    assert items[0] == Result(key, Verdict.DONE)
    assert len(items) == 10
    assert items[-1] == Look(state=2)
    assert inbox.dropped == 91


def test_readings_wait_for_the_pipeline_within_bounds(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = Readings(
        tenant_id=station.red.tenant.id, device_id=station.device.id, redis_url="redis://127.0.0.1:1/0"
    )  # fmt: skip
    began = now()
    for second in range(MOST_WAITING + 50):
        readings.add(Look(state=second % 2), began + dt.timedelta(seconds=second))
        readings.add(Look(state=2), began + dt.timedelta(seconds=second, milliseconds=100))
    assert readings.dropped == 50  # one a second at most
    readings.flush()
    assert len(readings._waiting) == MOST_WAITING
    taken: list[Any] = []
    monkeypatch.setattr(readings._buffer, "append", taken.extend)
    readings._try_at = 0
    for _ in range(10):
        readings.flush()
    assert len(taken) == MOST_WAITING
    assert values_of(LOOK) == {
        "ev_connector_state": 5.0, "pilot_state": 2.0, "current_limit": 16.0, "relay": 1.0,
    }  # fmt: skip
