"""What is kept quiet, why, and when it is spoken of after all."""

import datetime as dt
import uuid

import pytest

from accounts.services.platform_tenant import platform_tenant
from accounts.tenancy import tenant_scope
from alarms.engine.incidents import system_key
from alarms.models import Alarm, AlarmEvent, MaintenanceWindow, Shelving, Suppression
from alarms.services.suppression import release, suppress
from devices.models import Device, Lifecycle
from tests.alarms.making import end_alarm, open_alarm
from tests.factories import NOW, DeviceFactory, GatewayFactory

SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)


@pytest.fixture
def gateway(red):
    return GatewayFactory(tenant=red.tenant)


@pytest.fixture
def device(red, gateway):
    return DeviceFactory(tenant=red.tenant, gateway=gateway)


def gateway_offline(team, gateway, at=NOW):
    return open_alarm(
        team, system_key("gateway_offline", gateway.id), at=at, code="gateway_offline",
        gateway=gateway, site=gateway.site,
    )  # fmt: skip


def device_offline(team, device, at=NOW):
    return open_alarm(
        team, system_key("device_offline", device.id), at=at, code="device_offline",
        gateway=device.gateway, site=device.site, device=device,
    )  # fmt: skip


def quieten(team, *alarms, now=NOW):
    with team.scope():
        suppress(list(alarms), now=now)


def read(team, alarm):
    with team.scope():
        return Alarm.objects.get(id=alarm.id)


def kinds(team, alarm):
    with team.scope():
        return list(alarm.events.order_by("id").values_list("kind", flat=True))


def test_a_gateway_that_is_down_explains_its_devices(red, gateway, device):
    parent = gateway_offline(red, gateway)
    child = device_offline(red, device)

    quieten(red, child)

    row = read(red, child)
    assert (row.suppressed_because, row.parent_id) == (Suppression.PARENT, parent.id)
    assert kinds(red, child) == ["raised", "suppressed"]
    assert (child.suppressed_because, child.parent_id) == (row.suppressed_because, row.parent_id)


def test_it_explains_no_other_gateways_devices_and_no_other_alarms(red, gateway, device):
    gateway_offline(red, gateway)
    other = device_offline(red, DeviceFactory(tenant=red.tenant))
    leak = open_alarm(
        red, f"device:{device.id}:alarm:LEAK", code="LEAK", device=device, gateway=gateway
    )

    quieten(red, other, leak)

    assert not read(red, other).suppressed_because
    assert not read(red, leak).suppressed_because


def test_another_tenants_alarm_explains_nothing(red, blue, gateway, device):
    open_alarm(blue, system_key("gateway_offline", gateway.id), code="gateway_offline")
    child = device_offline(red, device)

    quieten(red, child)

    assert not read(red, child).suppressed_because


def test_children_that_were_raised_before_are_taken_in(red, gateway, device):
    child = device_offline(red, device)
    seen = device_offline(red, DeviceFactory(tenant=red.tenant, gateway=gateway))
    with red.scope():
        Alarm.objects.filter(id=seen.id).update(acknowledged_at=NOW)
    parent = gateway_offline(red, gateway)

    quieten(red, parent)

    assert read(red, child).parent_id == parent.id
    assert kinds(red, child) == ["raised", "suppressed"]
    assert read(red, seen).parent_id is None


def test_children_are_told_a_minute_after_the_gateway_is_back(red, gateway, device):
    parent = gateway_offline(red, gateway)
    child = device_offline(red, device)
    quieten(red, child)
    end_alarm(red, parent, at=NOW + MINUTE)

    assert release(now=NOW + 2 * MINUTE) == 0
    assert release(now=NOW + 2 * MINUTE + SECOND) == 1
    assert release(now=NOW + 3 * MINUTE) == 0

    row = read(red, child)
    assert (row.suppressed_because, row.parent_id) == ("", parent.id)
    assert kinds(red, child) == ["raised", "suppressed", "released"]


def test_the_minute_begins_when_the_return_became_known(red, gateway, device):
    parent = gateway_offline(red, gateway)
    child = device_offline(red, device)
    quieten(red, child)
    end_alarm(red, parent, at=NOW + MINUTE, known_at=NOW + 10 * MINUTE)

    assert release(now=NOW + 10 * MINUTE + 30 * SECOND) == 0
    assert release(now=NOW + 11 * MINUTE + SECOND) == 1


def test_a_child_raised_within_the_minute_still_belongs_to_the_incident(red, gateway, device):
    parent = gateway_offline(red, gateway)
    end_alarm(red, parent, at=NOW + MINUTE)
    child = device_offline(red, device, at=NOW + MINUTE + 10 * SECOND)

    quieten(red, child, now=NOW + MINUTE + 20 * SECOND)

    assert read(red, child).parent_id == parent.id


def test_a_child_follows_a_gateway_that_goes_down_again(red, gateway, device):
    first = gateway_offline(red, gateway)
    child = device_offline(red, device)
    quieten(red, child)
    end_alarm(red, first, at=NOW + MINUTE)
    second = gateway_offline(red, gateway, at=NOW + MINUTE + 20 * SECOND)

    quieten(red, second, now=NOW + MINUTE + 20 * SECOND)

    assert release(now=NOW + 10 * MINUTE) == 0
    assert read(red, child).parent_id == second.id


def test_a_child_that_was_missed_is_taken_in_by_the_next_round(red, gateway, device):
    parent = gateway_offline(red, gateway)
    child = device_offline(red, device)

    release(now=NOW)

    assert read(red, child).parent_id == parent.id


def test_a_deaf_platform_explains_gateways_of_all_tenants(red, gateway, device):
    platform = platform_tenant()
    with tenant_scope(platform.id):
        deaf = Alarm.objects.create(
            source="system", key="system:broker_down:mqtt", code="broker_down", title="No broker",
            subject="MQTT", severity="critical", raised_at=NOW,
        )  # fmt: skip
    alarm = gateway_offline(red, gateway)
    missed = device_offline(red, DeviceFactory(tenant=red.tenant, gateway=None))

    quieten(red, alarm)
    release(now=NOW)

    for row in (read(red, alarm), read(red, missed)):
        assert (row.suppressed_because, row.parent_id) == (Suppression.PARENT, None)
    with tenant_scope(platform.id):
        Alarm.objects.filter(id=deaf.id).update(cleared_at=NOW, ending="cleared")
    assert release(now=NOW) == 2


@pytest.mark.parametrize("about", ["tenant", "site", "gateway", "device"])
def test_maintenance_keeps_its_subject_quiet_until_it_ends(red, gateway, device, about):
    subject = {"site": device.site, "gateway": gateway, "device": device}
    with red.scope():
        MaintenanceWindow.objects.create(
            name="New fuse", start=NOW - MINUTE, end=NOW + MINUTE,
            **({} if about == "tenant" else {about: subject[about]}),
        )  # fmt: skip
    alarm = device_offline(red, device)

    quieten(red, alarm)

    assert read(red, alarm).suppressed_because == Suppression.MAINTENANCE
    assert release(now=NOW + MINUTE - SECOND) == 0
    assert release(now=NOW + MINUTE) == 1
    with red.scope():
        said = alarm.events.get(kind="suppressed")
    assert said.text == "maintenance: New fuse"


def test_maintenance_elsewhere_or_at_another_time_keeps_nothing_quiet(red, device):
    other = DeviceFactory(tenant=red.tenant)
    with red.scope():
        for place, start in (
            ({"device": other}, NOW - MINUTE),
            ({"site": other.site}, NOW - MINUTE),
            ({"device": device}, NOW + SECOND),
            ({"device": device}, NOW - 3 * MINUTE),
        ):
            MaintenanceWindow.objects.create(
                name="Elsewhere", start=start, end=start + 2 * MINUTE, **place
            )
    alarm = device_offline(red, device)

    quieten(red, alarm)

    assert not read(red, alarm).suppressed_because


def test_a_device_in_maintenance_is_quiet_until_it_is_back_at_work(red, device):
    with red.scope():
        Device.objects.filter(id=device.id).update(lifecycle=Lifecycle.MAINTENANCE)
    alarm = open_alarm(red, f"device:{device.id}:alarm:LEAK", code="LEAK", device=device)

    quieten(red, alarm)

    assert read(red, alarm).suppressed_because == Suppression.MAINTENANCE
    assert release(now=NOW + MINUTE) == 0
    with red.scope():
        Device.objects.filter(id=device.id).update(lifecycle=Lifecycle.ACTIVE)
    assert release(now=NOW + 2 * MINUTE) == 1


def test_what_is_shelved_is_told_when_that_is_over(red, device):
    with red.scope():
        Shelving.objects.create(
            key=system_key("device_offline", device.id), label="It", until=NOW + MINUTE
        )
    alarm = device_offline(red, device)

    quieten(red, alarm)

    assert read(red, alarm).suppressed_because == Suppression.SHELVED
    assert release(now=NOW + MINUTE - SECOND) == 0
    assert release(now=NOW + MINUTE) == 1


def test_what_comes_and_goes_is_told_after_an_hour(red, device):
    for number in range(4):
        at = NOW - (4 - number) * MINUTE
        end_alarm(red, device_offline(red, device, at=at), at=at + SECOND)
    alarm = device_offline(red, device)

    quieten(red, alarm)

    assert read(red, alarm).suppressed_because == Suppression.FLAPPING
    assert release(now=NOW + 60 * MINUTE - SECOND) == 0
    assert release(now=NOW + 60 * MINUTE) == 1


def test_another_reason_follows_the_one_that_ended(red, gateway, device):
    parent = gateway_offline(red, gateway)
    child = device_offline(red, device)
    quieten(red, child)
    with red.scope():
        Shelving.objects.create(key=child.key, label="It", until=NOW + 60 * MINUTE)
    end_alarm(red, parent, at=NOW + MINUTE)

    assert release(now=NOW + 5 * MINUTE) == 0

    assert read(red, child).suppressed_because == Suppression.SHELVED
    assert release(now=NOW + 61 * MINUTE) == 1


def test_an_alarm_without_a_reason_is_left_alone(red, device):
    alarm = device_offline(red, device)

    quieten(red, alarm)
    release(now=NOW)

    assert kinds(red, alarm) == ["raised"]


def test_costs_the_same_for_many_alarms(red, gateway, django_assert_max_num_queries):
    gateway_offline(red, gateway)
    alarms = [
        device_offline(red, DeviceFactory(tenant=red.tenant, gateway=gateway)) for _n in range(20)
    ]

    with red.scope(), django_assert_max_num_queries(10):
        suppress(alarms, now=NOW)

    with red.scope():
        assert AlarmEvent.objects.filter(kind="suppressed").count() == 20


def test_the_platform_has_one_tenant_whatever_its_short_name(red):
    with red.scope():
        red.tenant.slug = "platform"
        red.tenant.save()

    tenant = platform_tenant()

    assert tenant == platform_tenant()
    assert tenant.id != red.tenant.id
    assert isinstance(tenant.id, uuid.UUID)
