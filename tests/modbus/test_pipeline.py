"""What the poller hands on becomes samples in the units of the platform; a full stream refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from accounts.tenancy import tenant_scope
from devices.models import Channel
from devices.wires.modbus.outflow import NotTaken
from devices.wires.modbus.units import Unit
from energy.lib.redis import connect
from energy.management.commands.run_modbus_poller import Command
from telemetry.ingest.buffer import IngestBuffer
from telemetry.ingest.worker import IngestWorker
from telemetry.models import Sample
from telemetry.reactors.lease import Lease
from tests.conftest import Team
from tests.modbus.polling import a_unit
from tests.modbus.processes import Wired

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def command(redis: Redis) -> Iterator[Command]:
    made = Command()
    made.instance = "1"
    made.open()
    made._is_durable = True
    yield made
    made.close()


def a_reading(team: Team, values: dict[str, float]):
    wired = Wired(team)
    device = wired.add_meter(wired.add_bus(port=502))
    now = time.time()
    config = a_unit(tenant_id=team.tenant.id, device_id=device.id)
    return device, Unit(config, now=now).reading_of(values, now)


def test_watts_become_kilowatts_of_the_device(command: Command, red: Team) -> None:
    device, reading = a_reading(red, {"power_active_total": 2500.0, "energy_import": 12.5})
    command._deliver([reading])
    worker = IngestWorker(consumer="test")
    while worker.run_once():
        pass
    worker.close()

    with tenant_scope(red.tenant.id):
        channels = {channel.name: channel for channel in Channel.objects.filter(device=device)}
        stored = {
            name: Sample.objects.get(channel_id=channel.id).value
            for name, channel in channels.items()
        }
    assert stored == {"active_power_net": 2.5, "active_energy_import": 12.5}


def test_a_full_stream_takes_nothing_and_says_so(command: Command, red: Team) -> None:
    _device, reading = a_reading(red, {"power_active_total": 1.0})
    command._buffer = IngestBuffer(max_entries=1)
    command._deliver([reading])
    with pytest.raises(NotTaken):
        command._deliver([reading])


def test_nothing_is_handed_to_a_redis_that_nobody_looked_at(command: Command, red: Team) -> None:
    _device, reading = a_reading(red, {"power_active_total": 1.0})
    command._is_durable = False
    with pytest.raises(NotTaken):
        command._deliver([reading])


def test_without_redis_nobody_begins_and_who_polls_goes_on(command: Command) -> None:
    own, away = command._lease, Lease(connect("redis://127.0.0.1:1/0"), "lease", holder="me")
    command._lease = away
    command.work()
    assert command._poller is None

    command._lease = own
    command.work()
    poller = command._poller
    assert poller is not None
    command._lease = away
    command.work()
    assert command._poller is poller
    assert poller.is_alive
    command._lease = own
