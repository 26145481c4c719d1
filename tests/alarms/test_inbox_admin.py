"""Staff see the alarms of all organisations, and act on them by the same services."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.tenancy import all_tenants
from alarms.models import Alarm, AlarmEvent
from tests.factories import NOW, AlarmFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/alarms/alarm/"


@pytest.fixture
def rows(red, blue):
    """An open alarm of each tenant, and one of red's that ended."""
    return (
        AlarmFactory(tenant=red.tenant, title="red trouble"),
        AlarmFactory(tenant=blue.tenant, title="blue trouble"),
        AlarmFactory(
            tenant=red.tenant, title="past trouble", raised_at=NOW - dt.timedelta(hours=1),
            cleared_at=NOW, ending="cleared",
        ),
    )  # fmt: skip


def act(client, name, chosen):
    form = {"action": name, "_selected_action": [row.pk for row in chosen], "index": 0}
    return client.post(LIST, form, follow=True).content.decode()


@pytest.mark.parametrize(
    ("state", "expected"),
    [("fresh", {"red trouble", "blue trouble"}), ("seen", set()), ("unseen", {"past trouble"})],
)
def test_filters_by_state(client_for, staff, rows, state, expected):
    text = client_for(staff).get(LIST, {"state": state}).content.decode()

    assert {
        title for title in ("red trouble", "blue trouble", "past trouble") if title in text
    } == expected


def test_staff_act_on_alarms_of_several_organisations(client_for, staff, rows):
    client = client_for(staff)

    acknowledged = act(client, "acknowledge", rows)
    cleared = act(client, "clear", rows)

    assert "3 alarms changed." in acknowledged
    assert "2 alarms changed." in cleared
    assert "1 stays as it is." in cleared
    with all_tenants():
        endings = list(Alarm.objects.order_by("title").values_list("ending", flat=True))
        assert endings == ["by_hand", "cleared", "by_hand"]
        assert AlarmEvent.objects.filter(by=staff).count() == 5
        tenants = {(e.tenant_id, e.alarm.tenant_id) for e in AlarmEvent.objects.all()}
        assert all(own == alarms for own, alarms in tenants)


def test_an_administrator_acts_on_their_own_only(client_for, red, rows):
    client = client_for(red.owner)

    text = act(client, "acknowledge", rows)

    assert "2 alarms changed." in text
    assert "blue trouble" not in text
    assert f'href="/alarms/{rows[0].pk}/"' in text
    with all_tenants():
        assert Alarm.objects.get(title="blue trouble").acknowledged_at is None


def test_one_alarm_tells_what_happened(client_for, staff, rows):
    client = client_for(staff)
    act(client, "acknowledge", rows[:1])

    text = client.get(f"{LIST}{rows[0].pk}/change/").content.decode()

    assert "Acknowledged" in text
    assert staff.email in text
