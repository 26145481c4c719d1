"""Going offline and coming back, in whatever order things happen."""

import datetime as dt
import random

import pytest

from accounts.tenancy import all_tenants
from devices.models import DeviceEvent
from devices.services.presence import apply_status_report, sweep_silent, touch_last_seen
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory

LONG_AGO = NOW - dt.timedelta(days=1)
ROUNDS = 1000


def at(seconds):
    return NOW + dt.timedelta(seconds=seconds)


@pytest.fixture
def device(red):
    profile = DeviceProfileFactory(expected_interval_seconds=60)
    return DeviceFactory(tenant=red.tenant, gateway=None, profile=profile)


def touch(device, seconds):
    with all_tenants():
        touch_last_seen(gateway_ids={}, device_ids={device.id: at(seconds)})


def sweep(seconds, heard_since=LONG_AGO):
    with all_tenants():
        return sweep_silent(now=at(seconds), heard_since=heard_since)


def say(red, device, status, seconds):
    with red.scope():
        return apply_status_report(thing=device, status=status, at=at(seconds))


def state(red, device):
    with red.scope():
        device.refresh_from_db()
        return device.offline_since


def events(red, device):
    with red.scope():
        rows = DeviceEvent.objects.filter(device=device, kind="presence").order_by("at")
        return [(row.code, (row.at - NOW).total_seconds()) for row in rows]


def test_is_offline_once_the_deadline_passed(red, device):
    touch(device, 0)

    assert [sweep(119), sweep(120), sweep(130)] == [0, 1, 0]

    assert state(red, device) == at(120)
    assert events(red, device) == [("OFFLINE", 120)]


def test_the_first_newer_message_brings_it_back(red, device):
    touch(device, 0)
    sweep(150)

    touch(device, 151)

    assert state(red, device) is None
    assert events(red, device) == [("OFFLINE", 120), ("ONLINE", 151)]


def test_a_profile_may_be_more_patient(red, device):
    device.profile.offline_after_seconds = 600
    device.profile.save()
    touch(device, 0)

    assert [sweep(599), sweep(600)] == [0, 1]


def test_silence_before_we_listened_is_ours(red, device):
    touch(device, 0)

    assert sweep(500, heard_since=at(400)) == 0
    assert sweep(520, heard_since=at(400)) == 1


def test_a_last_will_counts_at_once(red, device):
    touch(device, 0)

    say(red, device, "offline", 5)

    assert state(red, device) == at(5)
    assert events(red, device) == [("OFFLINE", 5)]


def test_an_old_message_does_not_undo_a_last_will(red, device):
    touch(device, 0)
    say(red, device, "offline", 5)

    touch(device, 4)
    assert state(red, device) == at(5)

    touch(device, 6)
    assert state(red, device) is None


def test_what_never_spoke_and_what_was_taken_out_of_service_is_left_alone(red, device):
    assert sweep(10_000) == 0
    touch(device, 0)
    with red.scope():
        device.lifecycle = "decommissioned"
        device.save(update_fields=["lifecycle"])

    assert sweep(10_000) == 0


def test_a_gateways_event_stands_at_its_own_device(red):
    own = DeviceFactory(tenant=red.tenant)
    with red.scope():
        own.uid = own.gateway.uid
        own.save()
    with all_tenants():
        touch_last_seen(gateway_ids={own.gateway_id: NOW}, device_ids={})

    assert sweep(10_000) == 1

    with red.scope():
        event = DeviceEvent.objects.get(kind="gateway_presence")
    assert (event.device_id, event.code) == (own.id, "OFFLINE")


def test_first_data_makes_a_device_active(red, device):
    touch(device, 0)

    with red.scope():
        device.refresh_from_db()
    assert device.lifecycle == "active"


@pytest.mark.parametrize("seed", range(4))
def test_random_interleavings_end_in_the_truth(red, seed):
    """Messages, wills and sweeps in random order: state and events follow the newest word."""
    chance = random.Random(seed)
    profile = DeviceProfileFactory(expected_interval_seconds=60)
    device = DeviceFactory(tenant=red.tenant, gateway=None, profile=profile)
    clock, heard, will = 0, None, None
    for _ in range(ROUNDS // 4):
        clock += chance.choice((1, 7, 40, 130))
        act = chance.choice(("message", "late message", "will", "sweep", "sweep"))
        if act == "message":
            touch(device, clock)
            heard = clock
        elif act == "late message":
            touch(device, clock - 3)
            heard = max(heard if heard is not None else clock - 3, clock - 3)
        elif act == "will":
            say(red, device, "offline", clock)
            will = clock
        else:
            sweep(clock)
        silent = heard is not None and act == "sweep" and clock - heard >= 120
        told = will is not None and (heard is None or heard <= will)
        is_offline = state(red, device) is not None
        if silent or told:
            assert is_offline, (act, clock, heard, will)
        elif heard is not None and clock - heard < 120:
            assert not is_offline, (act, clock, heard, will)
    codes = [code for code, _at in events(red, device)]
    assert all(first != second for first, second in zip(codes, codes[1:], strict=False))
    assert (codes[-1:] == ["OFFLINE"]) == (state(red, device) is not None)
