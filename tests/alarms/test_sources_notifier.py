"""The process that looks: from a message of a device to an alarm."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from accounts.services import erasure
from accounts.tenancy import all_tenants, tenant_scope
from alarms.erasure import erase_notes
from alarms.models import Alarm, DeviceEventNote
from devices.models import Severity
from devices.services.device_events import record_device_event
from tests.conftest import make_team
from tests.factories import NOW, DeviceFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis")]


@pytest.fixture
def device():
    device = DeviceFactory(tenant=make_team("red").tenant, name="Pump 3")
    with tenant_scope(device.tenant_id):
        record_device_event(
            device=device, kind="alarm", code="LEAK", at=NOW, severity=Severity.CRITICAL
        )
    return device


def test_one_round_of_the_notifier_makes_an_alarm_of_what_a_device_says(device):
    call_command("run_notifier", "--once")

    with all_tenants():
        alarm = Alarm.objects.get(source="device")
    assert (alarm.title, alarm.subject, alarm.severity) == ("Leak", "Pump 3", "critical")
    assert not DeviceEventNote.objects.exists()


def test_notes_go_with_their_tenant(device):
    assert erase_notes in erasure._erasers

    erased = list(erase_notes(device.tenant_id, has_broker=False))

    assert [(one.what, one.rows) for one in erased] == [("alarms_deviceeventnote", 1)]
    assert not DeviceEventNote.objects.exists()
