"""Health, figures and alerts of charging."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from charging.models import ChargingEvent, EventSubscriber
from devices.models import SerialLine
from tests.charging.places import Place
from tests.charging.test_api import ROOT, sign_in
from tests.conftest import Team
from tests.factories import AlarmFactory, DeviceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(red: Team) -> Client:
    return sign_in(red.owner)


def say(place: Place, state: str) -> None:
    """Let the bridge say how its line is."""
    with place.red.scope():
        SerialLine.objects.update(state=state, state_at=timezone.now())


def test_health_says_which_controllers_are_heard(place: Place, boss: Client) -> None:
    say(place, "offline")
    broken = boss.get(f"{ROOT}/health").json()
    say(place, "online")
    well = boss.get(f"{ROOT}/health").json()

    assert (broken["is_connected"], broken["connected"]) == (False, 0)
    assert (well["api"], well["is_connected"], well["connected"]) == ("healthy", True, 1)
    assert well["bridges"][0]["charge_point"] == str(place.connector.charge_point_id)
    assert well["threads"] >= 1
    assert 10 < well["memory_mb"] < 10_000


def test_health_says_that_nobody_takes_events(place: Place, boss: Client) -> None:
    with place.red.scope():
        events = [
            ChargingEvent.objects.create(
                connector=place.connector, kind="RFID_PRESENTED", at=timezone.now()
            )
            for _ in range(3)
        ]
    orders = [one.order for one in events]
    row = EventSubscriber.objects.create(name="alarms", position=orders[0])
    EventSubscriber.objects.filter(id=row.id).update(updated_at="2020-01-01T00:00Z")

    late = boss.get(f"{ROOT}/health").json()["event_detector"]
    EventSubscriber.objects.filter(id=row.id).update(position=orders[-1])
    done = boss.get(f"{ROOT}/health").json()["event_detector"]

    assert late == {"is_alive": False, "lag": orders[-1] - orders[0]}
    assert done == {"is_alive": True, "lag": 0}


def test_numbers_that_were_rolled_back_keep_nobody_behind(
    place: Place, blue: Team, boss: Client
) -> None:
    with place.red.scope():
        ChargingEvent.objects.create(
            connector=place.connector, kind="RFID_PRESENTED", at=timezone.now()
        )
        newest = ChargingEvent.objects.get().order
    row = EventSubscriber.objects.create(name="alarms", position=newest)
    EventSubscriber.objects.filter(id=row.id).update(updated_at="2020-01-01T00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('charging_event_order')")

    found = boss.get(f"{ROOT}/health").json()["event_detector"]
    EventSubscriber.objects.filter(id=row.id).update(position=newest - 1)
    of_another = sign_in(blue.owner).get(f"{ROOT}/health").json()["event_detector"]

    assert found == {"is_alive": True, "lag": 0}
    assert of_another["lag"] == 1  # whoever's events they are


def test_health_reads_little(
    place: Place, boss: Client, django_assert_max_num_queries: Any
) -> None:
    boss.get(f"{ROOT}/health")

    # three of the endpoint; the rest finds out who asks
    with django_assert_max_num_queries(10):
        boss.get(f"{ROOT}/health")


def test_strangers_see_no_lines_of_others(place: Place, blue: Team) -> None:
    say(place, "online")

    answer = sign_in(blue.owner).get(f"{ROOT}/health")

    assert answer.json()["bridges"] == []
    assert Client().get(f"{ROOT}/health").status_code == 401


def test_figures_count_events_and_lines(place: Place, boss: Client) -> None:
    say(place, "online")
    with place.red.scope():
        for _ in range(6):
            ChargingEvent.objects.create(
                connector=place.connector, kind="RFID_PRESENTED", at=timezone.now()
            )

    found = boss.get(f"{ROOT}/metrics").json()

    assert (found["connected"], found["bridges"]) == (1, 1)
    assert found["events_per_minute"] == 0.1
    assert found["error_percent"] is None or found["error_percent"] >= 0
    assert 0 < found["memory_percent"] < 100
    assert found["cpu_percent"] >= 0


def test_alerts_are_the_open_alarms_of_charge_points(place: Place, boss: Client) -> None:
    device = place.fresh().charge_point.device
    other = DeviceFactory(tenant=place.red.tenant)
    for number, one in enumerate((device, other)):
        AlarmFactory(
            tenant=place.red.tenant, device=one, site=one.site, key=f"device:{number}:error:x"
        )

    [found] = boss.get(f"{ROOT}/alerts").json()["results"]

    assert found["device"] == str(device.id)
