"""GET /api/v1/events: what happened after a number, for whom."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from accounts.rbac.registry import CODES
from accounts.services.keys import create_key
from devices.command_states import State
from devices.models import DeviceUserPermission, Severity
from devices.services.command_moves import move
from devices.services.device_events import record_device_event
from devices.services.live_events import number_events
from devices.services.presence_batch import StatusSaid, Thing, apply_status_reports
from tests.admin.makers import make_share
from tests.conftest import make_team
from tests.events.test_written import order
from tests.factories import NOW, DeviceFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

URL = "/api/v1/events"


@pytest.fixture
def devices(red):
    with red.scope():
        return [DeviceFactory(tenant=red.tenant, gateway=None) for _ in range(2)]


@pytest.fixture
def happened(red, devices):
    """Five events: 1 alarm, 2 critical alert, 3 offline, 4 command queued, 5 sent."""
    first, second = devices
    with red.scope():
        record_device_event(device=first, kind="alarm", code="A", at=NOW)
        record_device_event(
            device=second, kind="actuator_alert", code="B", at=NOW, severity=Severity.CRITICAL
        )
        apply_status_reports(reports=[StatusSaid(Thing(second.id, False), "offline", NOW)])
        command = order(first)
        move(ids=[command.id], to=State.SENT, at=NOW, by="broker")
    number_events()


def ask(client, **query):
    response = client.get(URL, query)
    assert response.status_code == 200, response.content
    return response.json()


def seqs(answer) -> list[int]:
    return [event["seq"] for event in answer["results"]]


def test_an_event_has_the_envelope_of_the_socket(red, devices, happened, client_for):
    answer = ask(client_for(red.viewer), since_seq=2, limit=1)

    (event,) = answer["results"]
    assert uuid.UUID(event.pop("event_id"))
    assert event.pop("payload")["status"] == "offline"
    assert event == {
        "seq": 3, "event_type": "device_status", "severity": "warning",
        "occurred_at": "2026-11-20T12:00:00Z", "site": str(devices[1].site_id),
        "gateway": None, "device": str(devices[1].id),
    }  # fmt: skip
    rest = {name: answer[name] for name in ("seq", "newest_seq", "has_more", "complete")}
    assert rest == {"seq": 3, "newest_seq": 5, "has_more": True, "complete": True}


def test_goes_on_from_a_number_until_nothing_is_left(red, happened, client_for):
    client = client_for(red.viewer)
    found, since = [], 0
    while True:
        answer = ask(client, since_seq=since, limit=2)
        found += seqs(answer)
        since = answer["seq"]
        if not answer["has_more"]:
            break

    assert found == [1, 2, 3, 4, 5]
    assert ask(client, since_seq=since)["results"] == []


def test_without_a_number_the_newest_come(red, happened, client_for):
    assert seqs(ask(client_for(red.viewer), limit=2)) == [4, 5]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"types": "alarm,command"}, [1, 4, 5]),
        ({"min_severity": "warning"}, [2, 3]),
        ({"device": 1}, [2, 3]),
        ({"site": 0}, [1, 4, 5]),
    ],
)
def test_filters(red, devices, happened, client_for, query, expected):
    query = dict(query)
    if "device" in query:
        query["device"] = str(devices[query["device"]].id)
    if "site" in query:
        query["site"] = str(devices[query["site"]].site_id)

    answer = ask(client_for(red.viewer), since_seq=0, **query)

    assert seqs(answer) == expected
    assert answer["seq"] == 5


def test_tells_when_events_are_deleted_already(red, happened, client_for):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM devices_liveevent WHERE seq <= 2")
    client = client_for(red.viewer)

    assert ask(client, since_seq=1)["complete"] is False
    assert ask(client, since_seq=2)["complete"] is True


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"types": "nonsense"}, 400),
        ({"since_seq": "-1"}, 400),
        ({"limit": "1001"}, 400),
        ({"min_severity": "loud"}, 400),
        ({"unknown": "1"}, 400),
        ({"device": str(uuid.uuid4())}, 404),
        ({"site": str(uuid.uuid4())}, 404),
    ],
)
def test_refuses(red, client_for, query, status):
    assert client_for(red.viewer).get(URL, query).status_code == status


def test_nothing_crosses_tenants(red, devices, happened, client_for):
    blue = make_team("blue")
    client = client_for(blue.owner)

    assert ask(client, since_seq=0)["results"] == []
    assert client.get(URL, {"device": str(devices[0].id)}).status_code == 404
    assert client.get(URL, {"site": str(devices[0].site_id)}).status_code == 404


def test_a_guest_hears_the_presence_of_what_is_shared_only(red, devices, happened, client_for):
    guest = UserFactory(email="guest@elsewhere.example")
    with red.scope():
        now = timezone.now()
        make_share(
            DeviceUserPermission, devices[1], user=guest, valid_from=now - dt.timedelta(1),
            expires_at=now + dt.timedelta(1),
        )  # fmt: skip
    client = client_for(guest)

    answer = ask(client, since_seq=0)

    assert [(e["seq"], e["event_type"]) for e in answer["results"]] == [(3, "device_status")]
    assert answer["complete"] is True
    assert client.get(URL, {"device": str(devices[0].id)}).status_code == 404
    assert client.get(URL, {"types": "command"}).status_code == 403


def test_a_key_without_commands_hears_none(red, devices, happened, client):
    with red.scope():
        key = create_key(
            name="reader", codes=["read:device", "read:alarm"], expires_at=None,
            created_by=red.owner, editor_codes=CODES, now=timezone.now(),
        )  # fmt: skip
    headers = {"X-API-Key": key.secret.text}

    found = client.get(URL, {"since_seq": 0}, headers=headers)

    assert seqs(found.json()) == [1, 2, 3]
    refused = client.get(URL, {"types": "command"}, headers=headers)
    assert refused.status_code == 403


def test_a_stranger_gets_401(client):
    assert client.get(URL).status_code == 401
