"""From a sensor over a rule to an actuator and back, over a real broker, and with kill -9."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from django.db import connection
from django.utils import timezone

from accounts.tenancy import all_tenants
from automation.models import Execution
from automation.services.recipes import create_recipe
from automation.services.rules import Wish, create_rule
from automation.services.zone_recipes import start_recipe
from devices.models import Channel, Command, Device
from devices.services.commanders import Robot
from energy.lib.redis import ephemeral
from tests.automation.zoning import make_bench
from tests.commands.conftest import Broker, wait_until
from tests.commands.doubles import DeviceDouble
from tests.commands.test_crashes import PREFIX, OwnTimer, Programs, programs
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory
from tests.pace import assert_within

__all__ = ["programs"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
KILLS = 20


class Sensor:
    """A direct device that sends its level over the broker."""

    def __init__(self, broker: Broker, channel: Channel) -> None:
        self._topic = f"devices/{channel.device_id}/{channel.source}"
        self._address = broker.for_devices
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"sensor-{uuid.uuid4().hex[:12]}"
        )
        self._client.username_pw_set(self._address["username"], self._address["password"])

    def __enter__(self) -> Sensor:
        self._client.connect(self._address["host"], self._address["port"])
        self._client.loop_start()
        wait_until(self._client.is_connected, "a connection of the sensor")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, value: float) -> None:
        body = {"value": value, "ts": int(time.time() * 1000)}
        self._client.publish(self._topic, json.dumps(body), qos=1).wait_for_publish(30)


@pytest.fixture
def level(red: Team) -> Channel:
    """A level of a direct device of red, without a unit that is converted."""
    sensor = DeviceFactory(tenant=red.tenant, gateway=None, lifecycle="active")
    found: Channel = ChannelFactory(device=sensor, name="level", unit="", source_unit="")
    return found


@pytest.fixture
def plant(programs: Programs, level: Channel, broker: Broker) -> Iterator[Programs]:
    """All programs from the broker to the command, at work."""
    programs.listener()
    programs.worker()
    programs.manage("run_reactor", "automation")
    # a broker keeps nothing for a listener that it has never met
    wait_until(lambda: beats("listener"), "the listener")
    yield programs
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample, telemetry_dirty_mark")


def beats(process: str, *, since: float = 0.0) -> bool:
    """Tell whether a process finished a round since then."""
    found = ephemeral().hgetall(f"{PREFIX}heartbeats")
    return any(
        float(at) > since for name, at in found.items() if name.decode().startswith(f"{process}:")
    )


def act(plant: Programs, **env: str) -> Any:
    """Start the process that acts; wait for its first round."""
    since = time.time()
    program = plant.manage("run_automation", **env)
    wait_until(lambda: beats("automation", since=since), "run_automation")
    return program


def make_rule(red: Team, level: Channel, device: Device, **command: Any) -> None:
    """Let a rule command a device when the level falls below 20; it ends above 25."""
    definition = {
        "when": [{"kind": "samples",
                  "that": {"kind": "value", "channel": level.id, "below": 20, "clear": 25}}],
        "then": [{"kind": "command", "device": str(device.id), "wait": True, **command}],
    }  # fmt: skip
    with red.scope():
        create_rule(
            Wish(name="Water", is_enabled=True, definition=definition),
            actor=Robot("test"), now=timezone.now(),
        )  # fmt: skip


def executions(**fields: Any) -> list[Execution]:
    with all_tenants():
        return list(Execution.objects.filter(**fields).order_by("triggered_at", "id"))


def commands() -> list[Command]:
    with all_tenants():
        return list(Command.objects.order_by("requested_at", "id"))


def has_begun(level: Channel) -> bool:
    """Tell whether a sample of the sensor is stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_sample WHERE channel_id = %s", [level.id])
        return bool(cursor.fetchone()[0])


def test_a_value_leads_to_a_command_and_its_answer_ends_the_execution(
    plant: Programs, broker: Broker, red: Team, level: Channel, device: Device
) -> None:
    """S3: sensor → rule → actuator command → response."""
    make_rule(red, level, device, name="pump_on", params={"duration_s": 60})
    act(plant)
    with DeviceDouble(broker.for_devices, device.id) as double, Sensor(broker, level) as sensor:
        wait_until(lambda: beats("reactor_automation"), "the reactor")
        sensor.send(30.0)
        wait_until(lambda: has_begun(level), "the first value")
        began = time.monotonic()
        sensor.send(15.0)
        double.wait_for(1)
        arrived = time.monotonic() - began
        wait_until(lambda: bool(executions(state="done")), "the end of the execution")
        took = time.monotonic() - began

        [execution], [command] = executions(), commands()
        assert (execution.seen[0]["value"], execution.seen[0]["holds"]) == (15.0, True)
        assert double.effects == {str(command.id): 1}
        assert double.arrivals[0][1]["params"] == {"duration_s": 60}
        assert command.state == "done"
        with all_tenants():
            assert execution.steps.get().command_id == command.id
        assert_within(arrived, 5.0)
        assert_within(took, 6.0)


def test_a_phase_of_a_recipe_waters_its_zone_and_hears_of_it(
    plant: Programs, broker: Broker, red: Team
) -> None:
    """S4: recipe phase → schedule → irrigation command → ACK."""
    bench = make_bench(red)
    bench.configure(timezone.now())
    window = {"name": "Water", "role": "irrigation", "params": {"runtime_s": 30},
              "times": {"when": {"kind": "window", "from": "00:00", "to": "23:59"}}}  # fmt: skip
    with red.scope():
        recipe = create_recipe(
            document={"name": "Basil", "phases": [{"name": "Growth", "schedules": [window]}]},
            now=timezone.now(),
        )
    act(plant)
    with DeviceDouble(broker.for_devices, bench.device.id) as double:
        began = time.monotonic()
        with red.scope():
            start_recipe(
                actor=red.operator, zone=bench.zone, recipe=recipe, now=timezone.now()
            )  # fmt: skip
        double.wait_for(1)
        wait_until(lambda: bool(executions(state="done")), "the end of the execution")
        took = time.monotonic() - began

    # windows of days before are kept as missed
    [execution], [command] = executions(state="done"), commands()
    assert (execution.zone_id, execution.origin) == (bench.zone.id, "schedule")
    assert (command.name, command.state) == ("pump_on", "done")
    assert double.effects == {str(command.id): 1}
    assert_within(took, 6.0)


def test_each_crossing_has_one_command_wherever_the_process_dies(
    plant: Programs, broker: Broker, red: Team, level: Channel, device: Device
) -> None:
    """kill -9 of run_automation at random points of the way from a value to its answer."""
    make_rule(red, level, device, name="set_valve", params={"percent": 40}, expires_in=600)
    chance = random.Random(5)
    actor = act(plant)
    with DeviceDouble(broker.for_devices, device.id) as double, Sensor(broker, level) as sensor:
        wait_until(lambda: beats("reactor_automation"), "the reactor")
        for _ in range(KILLS):
            sensor.send(30.0)
            time.sleep(0.02)
            sensor.send(15.0)
            time.sleep(chance.uniform(0.0, 0.8))
            actor.kill()
            actor.wait()
            actor = act(plant)
        wait_until(lambda: len(executions(state="done")) == KILLS, f"{KILLS} ends", seconds=180)

        kept = commands()
        assert len(executions()) == len(kept) == KILLS
        assert {one.state for one in kept} == {"done"}
        assert double.effects == {str(one.id): 1 for one in kept}


def test_an_output_of_a_rule_ends_in_time_when_everybody_dies(
    plant: Programs, broker: Broker, red: Team, level: Channel, device: Device
) -> None:
    """F49: kill -9 of all that act; the run time went to the device with the command."""
    make_rule(red, level, device, name="pump_on", params={"duration_s": 3})
    act(plant)
    with OwnTimer(broker.for_devices, device.id) as pump, Sensor(broker, level) as sensor:
        wait_until(lambda: beats("reactor_automation"), "the reactor")
        sensor.send(30.0)
        wait_until(lambda: has_begun(level), "the first value")
        sensor.send(15.0)
        wait_until(lambda: pump.is_on, "running")
        for program in plant.running:
            program.kill()
        wait_until(lambda: not pump.is_on, "the end")
        ran = time.monotonic() - (pump.ends_at - 3.0)

    order = pump.arrivals[0][1]
    assert (order["cmd"], order["max_runtime_ms"]) == ("pump_on", 3000)
    assert_within(ran, 4.0)


def test_an_output_of_a_rule_is_switched_off_without_redis_and_the_process_that_switched_it_on(
    plant: Programs, broker: Broker, red: Team, level: Channel, device: Device
) -> None:
    """F49: a device that minds no run time is switched off by whoever owns the wire."""
    make_rule(red, level, device, name="pump_on", params={"duration_s": 3})
    actor = act(plant)
    with (
        DeviceDouble(broker.for_devices, device.id, mute=True) as double,
        Sensor(broker, level) as sensor,
    ):
        wait_until(lambda: beats("reactor_automation"), "the reactor")
        sensor.send(30.0)
        wait_until(lambda: has_begun(level), "the first value")
        sensor.send(15.0)
        double.wait_for(1)
        for program in plant.running:  # the process that acts is among them
            program.kill()
        actor.wait()
        nobody = "redis://127.0.0.1:1/0"
        plant.listener(REDIS_DURABLE_URL=nobody, REDIS_EPHEMERAL_URL=nobody)
        wait_until(lambda: "pump_off" in double.names(), "that it is switched off")

    (_on, _order, on_at) = double.arrivals[0]
    off_at = next(at for _topic, message, at in double.arrivals if message["cmd"] == "pump_off")
    assert set(double.names()[:-1]) == {"pump_on"}  # perhaps twice: nobody knew that it had left
    # the listener that takes over starts meanwhile
    assert_within(off_at - on_at, 8.0)
