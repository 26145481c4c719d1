"""Several processes and connections at once."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connections, transaction

from accounts.tenancy import all_tenants
from alarms.engine.incidents import DEVICE_OFFLINE, GATEWAY_OFFLINE
from alarms.models import Alarm, AlarmEvent
from alarms.services.suppression import release
from alarms.sources.shipped import SHIPPED
from alarms.sources.system_presence import CODES, watch_gateways
from devices.models import Device, Gateway
from devices.services.presence import touch_last_seen
from tests.conftest import make_team
from tests.factories import NOW, DeviceFactory, GatewayFactory

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = dt.timedelta(seconds=1)
GATEWAY = SHIPPED[GATEWAY_OFFLINE]


@pytest.fixture
def fleet():
    team = make_team("red")
    gateways = [GatewayFactory(tenant=team.tenant, offline_since=NOW) for _n in range(8)]
    for gateway in gateways:
        for _n in range(3):
            DeviceFactory(tenant=team.tenant, gateway=gateway, offline_since=NOW)
    return gateways


def at_once(*works):
    """Run each in a thread with a connection of its own; tell how many came to their end."""
    done, start = [], threading.Barrier(len(works))

    def run(work):
        try:
            start.wait(10)
            work()
            done.append(work)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return len(done)


def look(*codes):
    for code in codes or CODES:
        CODES[code](SHIPPED[code], now=NOW + SECOND)


def test_two_watches_raise_each_alarm_once(fleet):
    assert at_once(look, look, lambda: release(now=NOW + SECOND)) == 3

    look()
    release(now=NOW + 2 * SECOND)
    with all_tenants():
        assert Alarm.objects.filter(ending="").count() == 8 + 24
        assert AlarmEvent.objects.filter(kind="raised").count() == 8 + 24


def test_children_and_parents_that_are_raised_at_once_are_one_incident(fleet):
    assert at_once(lambda: look(DEVICE_OFFLINE), lambda: look(GATEWAY_OFFLINE)) == 2

    look()
    release(now=NOW + 2 * SECOND)
    with all_tenants():
        children = Alarm.objects.filter(code=DEVICE_OFFLINE)
        assert children.count() == 24
        assert not children.exclude(
            suppressed_because="parent", parent__code=GATEWAY_OFFLINE
        ).exists()


def test_a_message_that_holds_the_row_comes_first(fleet):
    """A gateway that is being heard at this moment is not raised; it has no alarm afterwards."""
    gateway, is_held, may_end = fleet[0], threading.Event(), threading.Event()

    def hear():
        with transaction.atomic():
            with all_tenants():
                touch_last_seen(gateway_ids={gateway.id: NOW + SECOND}, device_ids={})
            is_held.set()
            may_end.wait(30)

    def watch():
        is_held.wait(30)
        watch_gateways(GATEWAY, now=NOW + SECOND)
        may_end.set()

    assert at_once(hear, watch) == 2
    watch_gateways(GATEWAY, now=NOW + 2 * SECOND)

    with all_tenants():
        assert Alarm.objects.count() == len(fleet) - 1
        assert not Alarm.objects.filter(gateway=gateway).exists()


def test_messages_and_watches_leave_no_wrong_alarm(fleet):
    with all_tenants():
        heard = list(Gateway.objects.order_by("id").values_list("id", flat=True))[:4]
        devices = list(Device.objects.filter(gateway_id__in=heard).values_list("id", flat=True))

    def hear():
        for id_ in heard:
            with all_tenants():
                touch_last_seen(
                    gateway_ids={id_: NOW + SECOND}, device_ids=dict.fromkeys(devices, NOW)
                )

    assert at_once(look, hear, look) == 3
    look()

    with all_tenants():
        open_ones = Alarm.objects.filter(ending="", code=GATEWAY_OFFLINE)
        assert set(open_ones.values_list("gateway_id", flat=True)) == set(
            Gateway.objects.filter(offline_since__isnull=False).values_list("id", flat=True)
        )
