"""What tests of automation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from redis import Redis

from devices.models import Channel, Device, DeviceProfile
from tests.automation.making import Greenhouse, make_greenhouse
from tests.automation.operator import Operator
from tests.commands.conftest import COMMANDS
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, DeviceProfileFactory


@pytest.fixture
def profile(db: None) -> DeviceProfile:
    """A type of device with a pump, a heater, a valve and a doser."""
    found: DeviceProfile = DeviceProfileFactory(commands=COMMANDS)
    return found


@pytest.fixture
def device(red: Team, profile: DeviceProfile) -> Device:
    """A direct device of red that takes commands."""
    found: Device = DeviceFactory(
        tenant=red.tenant, gateway=None, profile=profile, lifecycle="active"
    )
    return found


@pytest.fixture
def channel(red: Team) -> Channel:
    """A channel of another device of red."""
    found: Channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant), name="level")
    return found


@pytest.fixture
def place(red: Team) -> Greenhouse:
    """A greenhouse of red, for rules that people write."""
    return make_greenhouse(red)


@pytest.fixture
def operator(transactional_db: None, redis: Redis) -> Iterator[Operator]:
    yield Operator()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample, telemetry_dirty_mark")
