"""Channels that appear because a device sends something."""

import threading
import uuid

import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, DeviceProfile
from devices.services.channels import MAXIMUM_CHANNELS, TooManyChannels, add_channels
from tests.factories import ChannelFactory, DeviceFactory


@pytest.fixture
def device(red):
    return DeviceFactory(tenant=red.tenant)


def add(device, *metrics):
    with all_tenants():
        return add_channels(device_id=device.id, tenant_id=device.tenant_id, metrics=metrics)


def test_a_well_known_metric_becomes_a_canonical_channel(device):
    (channel,) = add(device, "power_active_total")

    assert (channel.name, channel.source, channel.source_unit, channel.unit) == (
        "active_power_net",
        "power_active_total",
        "W",
        "kW",
    )
    assert channel.tenant_id == device.tenant_id
    assert not channel.is_discovered


def test_an_unknown_metric_becomes_a_discovered_channel(device):
    (channel,) = add(device, "Chiller Load")

    assert channel.name.startswith("chiller_load_")
    assert (channel.source, channel.unit) == ("Chiller Load", "")
    assert channel.is_discovered


def test_asking_again_changes_nothing(device):
    first = add(device, "voltage_l1", "frequency")
    again = add(device, "frequency", "voltage_l1")

    assert [channel.id for channel in first] == [channel.id for channel in again]


def test_two_sources_of_one_quantity_stay_two_channels(device):
    add(device, "power_active_total")

    watts, kilowatts = add(device, "power_active_total", "active_power_net")

    assert watts.name == "active_power_net"
    assert kilowatts.name.startswith("active_power_net_")
    assert (kilowatts.source_unit, kilowatts.unit) == ("kW", "kW")


def test_two_sources_of_one_quantity_may_come_together(device):
    channels = add(device, "energy_import", "active_energy_import")

    assert len({channel.name for channel in channels}) == 2


def test_ignores_keys_that_cannot_be_stored(device):
    channels = add(device, "", "a\x00b", "x" * 129, "\ud800", "frequency")

    assert [channel.source for channel in channels] == ["frequency"]


def test_a_strict_profile_gets_no_discovered_channels(device):
    DeviceProfile.objects.filter(id=device.profile_id).update(accepts_unknown=False)

    channels = add(device, "chiller_load", "frequency")

    assert [channel.source for channel in channels] == ["frequency"]


def test_refuses_more_than_a_device_may_have(device, red):
    for number in range(3):
        ChannelFactory(device=device, name=f"old_{number}")

    with pytest.raises(TooManyChannels, match="256"):
        add(device, *(f"metric_{number}" for number in range(MAXIMUM_CHANNELS - 2)))

    with red.scope():
        assert Channel.objects.count() == 3


def test_refuses_a_device_of_another_tenant(device, blue):
    with all_tenants(), pytest.raises(Device.DoesNotExist):
        add_channels(device_id=device.id, tenant_id=blue.tenant.id, metrics=["frequency"])


def test_refuses_an_unknown_device(red):
    with all_tenants(), pytest.raises(Device.DoesNotExist):
        add_channels(device_id=uuid.uuid4(), tenant_id=red.tenant.id, metrics=["frequency"])


@pytest.mark.django_db(transaction=True)
def test_workers_that_see_a_metric_at_once_share_its_channel(device):
    metrics = [f"metric_{number}" for number in range(20)]
    answers = []
    start = threading.Barrier(4)

    def discover():
        start.wait()
        try:
            answers.append({channel.id for channel in add(device, *metrics)})
        finally:
            connection.close()

    threads = [threading.Thread(target=discover) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 4
    assert all(answer == answers[0] and len(answer) == 20 for answer in answers)
