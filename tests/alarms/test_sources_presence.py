"""Alarms about gateways and devices that are not heard."""

import datetime as dt
import random

import pytest

from accounts.tenancy import all_tenants
from alarms.engine.incidents import GATEWAY_OFFLINE, GRACE
from alarms.models import Alarm, AlarmCheck, AlarmEvent, Ending, Suppression
from alarms.services.suppression import release
from alarms.sources.shipped import SHIPPED
from alarms.sources.system_presence import CODES
from devices.models import Device, Gateway, Lifecycle
from devices.services.presence import sweep_silent, touch_last_seen
from tests.factories import NOW, DeviceFactory, GatewayFactory

SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)
OFFLINE_AFTER = dt.timedelta(seconds=120)


def look(now):
    for code, watch in CODES.items():
        watch(SHIPPED[code], now=now)


def hear(*things, at):
    of = {Gateway: {}, Device: {}}
    for thing in things:
        of[type(thing)][thing.id] = at
    with all_tenants():
        touch_last_seen(gateway_ids=of[Gateway], device_ids=of[Device])


def sweep(now):
    with all_tenants():
        sweep_silent(now=now, heard_since=NOW - dt.timedelta(days=1))


def open_alarms():
    with all_tenants():
        return list(Alarm.objects.filter(ending="").order_by("key"))


@pytest.fixture
def gateway(red):
    gateway = GatewayFactory(tenant=red.tenant)
    DeviceFactory(tenant=red.tenant, gateway=gateway, uid=gateway.uid)
    return gateway


@pytest.fixture
def device(red, gateway):
    return DeviceFactory(tenant=red.tenant, gateway=gateway)


def test_a_gateway_that_is_silent_for_too_long_is_told_of_in_time(gateway, device):
    hear(gateway, device, at=NOW)

    sweep(NOW + OFFLINE_AFTER - SECOND)
    look(NOW + OFFLINE_AFTER - SECOND)
    assert open_alarms() == []
    sweep(NOW + OFFLINE_AFTER)
    look(NOW + OFFLINE_AFTER)

    child, parent = open_alarms()
    assert (parent.code, parent.raised_at) == (GATEWAY_OFFLINE, NOW + OFFLINE_AFTER)
    assert (parent.gateway_id, parent.suppressed_because) == (gateway.id, "")
    assert (child.device_id, child.parent_id) == (device.id, parent.id)
    assert child.suppressed_because == Suppression.PARENT


def test_the_first_newer_message_ends_it(gateway, device):
    hear(gateway, device, at=NOW)
    sweep(NOW + OFFLINE_AFTER)
    look(NOW + OFFLINE_AFTER)

    hear(gateway, device, at=NOW + 5 * MINUTE)
    look(NOW + 5 * MINUTE + SECOND)

    with all_tenants():
        rows = list(Alarm.objects.all())
        kinds = set(AlarmEvent.objects.values_list("alarm__code", "kind"))
    assert {(row.ending, row.cleared_at) for row in rows} == {("cleared", NOW + 5 * MINUTE)}
    assert ("device_offline", "released") not in kinds


def test_is_told_of_once(gateway, device):
    hear(gateway, device, at=NOW)
    sweep(NOW + OFFLINE_AFTER)
    for second in range(3):
        look(NOW + OFFLINE_AFTER + second * SECOND)

    with all_tenants():
        assert Alarm.objects.count() == 2
        assert set(Alarm.objects.values_list("repeats", flat=True)) == {0}


@pytest.mark.parametrize("life", [Lifecycle.DECOMMISSIONED, Lifecycle.MAINTENANCE])
def test_what_is_not_in_use_is_not_told_of(gateway, device, life):
    hear(gateway, device, at=NOW)
    with all_tenants():
        Device.objects.update(lifecycle=life)
        Device.objects.update(offline_since=NOW)
        Gateway.objects.update(offline_since=NOW)

    look(NOW + OFFLINE_AFTER)

    assert open_alarms() == []


def test_a_suspended_tenant_is_not_told_of(red, gateway, device):
    hear(gateway, device, at=NOW)
    red.tenant.suspended_at = NOW
    red.tenant.save()
    sweep(NOW + OFFLINE_AFTER)

    look(NOW + OFFLINE_AFTER)

    assert open_alarms() == []


def test_what_is_deleted_or_scrapped_has_no_open_alarm(red, gateway, device):
    hear(gateway, device, at=NOW)
    sweep(NOW + OFFLINE_AFTER)
    look(NOW + OFFLINE_AFTER)
    with red.scope():
        Device.objects.filter(id=device.id).update(lifecycle=Lifecycle.DECOMMISSIONED)
        Device.objects.filter(gateway=gateway).exclude(id=device.id).delete()
        device.refresh_from_db()
        device.gateway = None
        device.save()
        gateway.delete()

    look(NOW + OFFLINE_AFTER + SECOND)

    with all_tenants():
        assert set(Alarm.objects.values_list("ending", flat=True)) == {Ending.GONE}


def test_staff_may_switch_it_off(gateway, device):
    from alarms.sources.checks import effective_checks

    AlarmCheck.objects.create(code=GATEWAY_OFFLINE, is_enabled=False)
    hear(gateway, at=NOW)
    sweep(NOW + OFFLINE_AFTER)

    CODES[GATEWAY_OFFLINE](effective_checks()[GATEWAY_OFFLINE], now=NOW + OFFLINE_AFTER)

    assert open_alarms() == []


GATEWAYS, DEVICES, ROUNDS = 250, 2, 6


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_leaves_one_incident_and_nothing_quiet_for_ever(red, seed):
    """Four times 250 gateways with two devices each, coming and going as chance will have it."""
    chance = random.Random(seed)
    fleet = _fleet(red)
    things = [thing for gateway, devices in fleet for thing in (gateway, *devices)]
    hear(*things, at=NOW)
    now = NOW
    for _round in range(ROUNDS):
        now += chance.choice([5, 20, 50, 70, 400]) * SECOND
        _come_and_go(things, now, chance)
        _rounds = ["look", "release"] if chance.random() < 0.8 else ["release", "look"]
        for name in _rounds:
            look(now) if name == "look" else release(now=now)
        release(now=now)
        _check_incidents(now)

    later = now + dt.timedelta(hours=2)
    look(later)
    release(now=later)
    look(later)
    _check_incidents(later)
    with all_tenants():
        quiet = Alarm.objects.filter(ending="").exclude(suppressed_because="")
        assert {row.suppressed_because for row in quiet} <= {Suppression.PARENT}
        assert not quiet.exclude(parent__ending="", parent__code=GATEWAY_OFFLINE).exists()
        hear(*things, at=later + SECOND)
    look(later + MINUTE)
    assert open_alarms() == []


def _fleet(red):
    first = DeviceFactory(tenant=red.tenant)
    with red.scope():
        gateways = Gateway.objects.bulk_create(
            Gateway(site=first.site, tenant=red.tenant, uid=f"fleet-{n}", name=f"Gateway {n}")
            for n in range(GATEWAYS)
        )
        devices = Device.objects.bulk_create(
            Device(
                site=first.site, tenant=red.tenant, gateway=gateway, uid=f"d{n}", name=f"D {n}",
                profile=first.profile, lifecycle=Lifecycle.ACTIVE,
            )
            for gateway in gateways
            for n in range(DEVICES)
        )  # fmt: skip
    return [
        (gateway, devices[place * DEVICES : (place + 1) * DEVICES])
        for place, gateway in enumerate(gateways)
    ]


def _come_and_go(things, now, chance):
    back, gone = [], {Gateway: [], Device: []}
    for thing in things:
        fate = chance.random()
        if fate < 0.3:
            back.append(thing)
        elif fate < 0.55:
            gone[type(thing)].append(thing.id)
    hear(*back, at=now)
    with all_tenants():
        for model, ids in gone.items():
            model.objects.filter(id__in=ids, offline_since=None).update(
                offline_since=now - chance.randint(0, 3) * SECOND
            )


def _check_incidents(now):
    with all_tenants():
        for model, code, field in (
            (Gateway, "gateway_offline", "gateway_id"), (Device, "device_offline", "device_id"),
        ):  # fmt: skip
            away = set(model.objects.filter(offline_since__isnull=False).values_list("id"))
            told = list(Alarm.objects.filter(code=code, ending="").values_list(field))
            assert len(told) == len(set(told))
            assert set(told) == away
        parents = dict(
            Alarm.objects.filter(code="gateway_offline", ending="").values_list("gateway_id", "id")
        )
        for child in Alarm.objects.filter(code="device_offline", ending=""):
            parent = parents.get(child.gateway_id)
            if parent is not None:
                assert (child.suppressed_because, child.parent_id) == ("parent", parent)
            elif child.suppressed_because == "parent":
                ends = AlarmEvent.objects.filter(alarm_id=child.parent_id, kind="cleared")
                assert now - ends.latest("at").at <= GRACE
