"""Keeping track of what was last heard."""

import datetime as dt
import uuid

import pytest

from accounts.tenancy import all_tenants
from devices.services.presence import UnknownStatus, apply_status_report, touch_last_seen
from tests.factories import NOW, DeviceFactory

LATER = NOW + dt.timedelta(seconds=5)


@pytest.fixture
def device(red):
    return DeviceFactory(tenant=red.tenant)


def touch(*, gateways=None, devices=None):
    with all_tenants():
        touch_last_seen(gateway_ids=gateways or {}, device_ids=devices or {})


def reload(red, *things):
    with red.scope():
        for thing in things:
            thing.refresh_from_db()


def test_moves_last_seen_forward(red, device):
    gateway = device.gateway

    touch(gateways={gateway.id: LATER}, devices={device.id: NOW})

    reload(red, gateway, device)
    assert (gateway.last_seen_at, device.last_seen_at) == (LATER, NOW)


def test_never_moves_last_seen_back(red, device):
    touch(devices={device.id: LATER})
    touch(devices={device.id: NOW})

    reload(red, device)
    assert device.last_seen_at == LATER


def test_touches_only_what_it_is_given(red, device):
    other = DeviceFactory(tenant=red.tenant)

    touch(devices={device.id: NOW, uuid.uuid4(): NOW})

    reload(red, other)
    assert other.last_seen_at is None


def test_costs_one_statement_for_each_table(red, device, django_assert_num_queries):
    more = DeviceFactory(tenant=red.tenant)

    with django_assert_num_queries(4):  # and the savepoint of the transaction
        touch(gateways={device.gateway_id: NOW}, devices={device.id: NOW, more.id: NOW})


def test_nothing_heard_costs_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(2):
        touch()


def test_keeps_a_status_report(red, device):
    gateway = device.gateway

    with red.scope():
        news = apply_status_report(thing=gateway, status="online", at=NOW, firmware_version="2.4.1")

    reload(red, gateway)
    assert news
    assert (gateway.reported_status, gateway.reported_status_at) == ("online", NOW)
    assert gateway.firmware_version == "2.4.1"


@pytest.mark.parametrize("at", [NOW, NOW - dt.timedelta(seconds=1)])
def test_an_older_report_is_no_news(red, device, at):
    gateway = device.gateway
    with red.scope():
        apply_status_report(thing=gateway, status="online", at=NOW)

        news = apply_status_report(thing=gateway, status="offline", at=at)

    reload(red, gateway)
    assert not news
    assert gateway.reported_status == "online"


def test_a_report_without_firmware_keeps_the_known_one(red, device):
    gateway = device.gateway
    with red.scope():
        apply_status_report(thing=gateway, status="online", at=NOW, firmware_version="2.4.1")
        apply_status_report(thing=gateway, status="offline", at=LATER)

    reload(red, gateway)
    assert (gateway.reported_status, gateway.firmware_version) == ("offline", "2.4.1")


def test_another_tenants_gateway_is_out_of_reach(red, blue, device):
    with blue.scope():
        news = apply_status_report(thing=device.gateway, status="offline", at=NOW)

    assert not news


def test_refuses_an_unknown_status(red, device):
    with red.scope(), pytest.raises(UnknownStatus):
        apply_status_report(thing=device.gateway, status="tired", at=NOW)
