"""Alarms that devices send."""

import datetime as dt
import itertools
import threading

import pytest
from django.db import connection, connections

from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import Alarm, AlarmCheck, DeviceEventNote, Ending
from alarms.sources import device_events
from alarms.sources.device_events import drain_events, end_unsaid
from devices.models import DeviceEvent, Severity
from devices.services.device_events import record_device_event
from tests.factories import NOW, DeviceFactory

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def device(red):
    return DeviceFactory(tenant=red.tenant, name="Pump 3")


def say(device, code="LEAK", *, minute=0, severity=Severity.WARNING, kind="alarm", **detail):
    with tenant_scope(device.tenant_id):
        return record_device_event(
            device=device, kind=kind, code=code, at=NOW + minute * MINUTE, severity=severity,
            message=f"It says {code}", detail=detail,
        )  # fmt: skip


def drain(now=NOW):
    # notes are due at the time of the database, which is not that of the test
    DeviceEventNote.objects.filter(tries=0).update(not_before=NOW)
    return drain_events(now=now)


def alarms():
    with all_tenants():
        return list(Alarm.objects.order_by("raised_at", "id"))


def test_an_alarm_of_a_device_is_an_alarm(red, device):
    say(device)

    assert drain() == 1

    [alarm] = alarms()
    assert alarm.key == f"device:{device.id}:alarm:LEAK"
    assert (alarm.source, alarm.code, alarm.title, alarm.subject, alarm.severity, alarm.text) == (
        "device", "LEAK", "Leak", "Pump 3", "warning", "It says LEAK",
    )  # fmt: skip
    assert (alarm.device_id, alarm.gateway_id, alarm.site_id, alarm.tenant_id) == (
        device.id, device.gateway_id, device.site_id, red.tenant.id,
    )  # fmt: skip
    assert drain() == 0


def test_what_is_mild_or_of_another_kind_is_none(device):
    say(device, severity=Severity.INFO)
    say(device, kind="presence", code="OFFLINE")

    drain()

    assert alarms() == []


def test_what_is_said_again_is_counted(device):
    for minute in (0, 1, 2):
        say(device, minute=minute)

    drain()

    [alarm] = alarms()
    assert (alarm.repeats, alarm.repeated_at) == (2, NOW + 2 * MINUTE)


def test_one_that_gets_worse_says_so(device):
    say(device)
    say(device, minute=1, severity=Severity.CRITICAL)
    say(device, minute=2)

    drain()

    [alarm] = alarms()
    assert alarm.severity == "critical"
    with all_tenants():
        assert [row.text for row in alarm.events.filter(kind="changed")] == ["severity: critical"]


def test_the_device_ends_it(device):
    say(device)
    say(device, minute=3, severity=Severity.INFO, state="cleared")

    drain()

    [alarm] = alarms()
    assert (alarm.ending, alarm.cleared_at) == (Ending.CLEARED, NOW + 3 * MINUTE)


def test_two_actuators_have_an_alarm_each(device):
    say(device, kind="actuator_alert", code="STUCK", actuator="4")
    say(device, kind="actuator_alert", code="STUCK", minute=1, actuator="5")

    drain()

    assert [alarm.subject for alarm in alarms()] == ["Pump 3 · 4", "Pump 3 · 5"]


STORY = [(0, "active"), (2, "cleared"), (5, "active"), (6, "active"), (9, "cleared")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::3])
def test_ends_as_the_device_said_whatever_came_first(device, order):
    for place in order:
        minute, state = STORY[place]
        say(device, minute=minute, state=state)
        drain()

    assert [alarm for alarm in alarms() if not alarm.ending] == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::2])
def test_stays_open_as_the_device_said_whatever_came_first(device, order):
    for place in order:
        minute, state = STORY[place]
        say(device, minute=minute, state=state)
        drain()

    assert len([alarm for alarm in alarms() if not alarm.ending]) == 1


def test_one_that_cannot_be_read_keeps_no_other_waiting(device, monkeypatch):
    bad = say(device, "BAD")
    say(device, "GOOD", minute=1)
    read = device_events.read_event

    def fail(kind, code, *rest):
        if code == "BAD":
            raise ValueError("no such thing")
        return read(kind, code, *rest)

    monkeypatch.setattr(device_events, "read_event", fail)
    drain()

    assert [alarm.code for alarm in alarms()] == ["GOOD"]
    [note] = DeviceEventNote.objects.all()
    assert (note.event_id, note.tries, note.error) == (bad.id, 1, "ValueError")
    monkeypatch.undo()
    assert drain_events(now=note.not_before - dt.timedelta(seconds=1)) == 0
    assert drain_events(now=note.not_before) == 1
    assert [alarm.code for alarm in alarms()] == ["BAD", "GOOD"]


def test_an_event_that_is_gone_is_forgotten(device):
    event = say(device)
    with all_tenants():
        DeviceEvent.objects.filter(id=event.id).delete()

    assert drain() == 1

    assert not DeviceEventNote.objects.exists()


def test_ends_after_a_day_unless_its_device_ends_such_itself(device):
    say(device, "GRUMBLES")
    say(device, "POLITE")
    say(device, "POLITE", minute=1, state="cleared")
    say(device, "POLITE", minute=2)
    drain()

    assert end_unsaid(now=NOW + dt.timedelta(days=1)) == 0
    assert end_unsaid(now=NOW + dt.timedelta(days=1, seconds=1)) == 1

    assert {alarm.code: alarm.ending for alarm in alarms()} == {
        "GRUMBLES": Ending.UNSAID, "POLITE": "",
    }  # fmt: skip


def test_how_long_is_for_staff_to_say(device):
    AlarmCheck.objects.create(code="device_alarm_unsaid", for_seconds=60)
    say(device)
    drain()

    assert end_unsaid(now=NOW + MINUTE + dt.timedelta(seconds=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_each_alarm_once(make_device):
    device = make_device()
    for minute in range(30):
        say(device, f"CODE_{minute % 10}", minute=minute, state="cleared" if minute > 19 else "")
    DeviceEventNote.objects.update(not_before=NOW)
    problems = []

    def work():
        try:
            problems.append(0)
            drain_events(now=NOW + MINUTE)
            problems.pop()
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert problems == []
    while drain_events(now=NOW + MINUTE):
        pass
    assert not DeviceEventNote.objects.exists()
    assert sorted((alarm.code, alarm.ending) for alarm in alarms()) == [
        (f"CODE_{number}", "cleared") for number in range(10)
    ]


@pytest.fixture
def make_device():
    from tests.conftest import make_team

    return lambda: DeviceFactory(tenant=make_team("red").tenant)


def test_notes_are_written_by_the_database(device):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO devices_deviceevent (id, tenant_id, created_at, updated_at, device_id,"
            " kind, code, severity, message, detail, at) SELECT gen_random_uuid(), %s, now(),"
            " now(), %s, kind, 'X', 'error', '', '{}', now()"
            " FROM unnest(ARRAY['alarm', 'presence', 'evse']) AS kind",
            [device.tenant_id, device.id],
        )

    assert DeviceEventNote.objects.count() == 2
