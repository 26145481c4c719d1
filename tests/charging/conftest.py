"""A charge point of red with an ESP32 controller, as bridges see it."""

from __future__ import annotations

import pytest

from charging.models import Connector
from devices.models import DeviceProfile, SerialLine
from tests.charging.places import COMMANDS, Place
from tests.conftest import Team
from tests.factories import (
    ChargePointFactory,
    ChargingPriceFactory,
    ConnectorFactory,
    DeviceFactory,
    DeviceProfileFactory,
    SiteFactory,
)


@pytest.fixture
def charger_profile(db: None) -> DeviceProfile:
    """The commands of the ESP32 charger."""
    found: DeviceProfile = DeviceProfileFactory(commands=COMMANDS)
    return found


@pytest.fixture
def place(red: Team, charger_profile: DeviceProfile) -> Place:
    """A connector of red with a price; its controller speaks version 1."""
    site = SiteFactory(tenant=red.tenant)
    device = DeviceFactory(
        site=site, tenant=red.tenant, gateway=None, profile=charger_profile, lifecycle="active"
    )
    point = ChargePointFactory(
        device=device, site=site, price=ChargingPriceFactory(tenant=red.tenant)
    )
    connector: Connector = ConnectorFactory(charge_point=point)
    with red.scope():
        SerialLine.objects.create(device=device, port="socket://127.0.0.1:1")
    return Place(red, connector)
