"""Schedules in the API: who may, what it says, what is wrong and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, User
from automation.models import Execution, Schedule
from devices.models import Device
from tests.automation.test_schedules_services import command, pump
from tests.conftest import Team
from tests.factories import MembershipFactory, UserFactory

__all__ = ["pump"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
SignIn = Callable[[User], Client]
SCHEDULES = "/api/v1/automation/schedules"
MORNING = {"when": {"kind": "times", "at": ["06:00", "18:00"]}, "days": [1, 2, 3, 4, 5]}


@pytest.fixture
def client(red: Team, client_for: SignIn) -> Client:
    return client_for(red.owner)


def send(client: Client, method: str, url: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method.upper(), url, json.dumps(body or {}), "application/json", headers=headers
    )


def body(device: Device, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Water", "site": str(device.site_id), "definition": MORNING,
        "actions": [command(device, duration_s=60)],
    } | changes  # fmt: skip


def test_a_schedule_lives(red: Team, pump: Device, client: Client) -> None:
    made = send(client, "post", SCHEDULES, body(pump))
    url = f"{SCHEDULES}/{made.json()['id']}"
    assert (made.status_code, made["Location"]) == (201, url)
    assert made.json()["words"] == "06:00, 18:00 · Mon–Fri"
    assert made.json()["next_at"] == "2026-11-20T15:00:00Z"
    assert client.get(SCHEDULES, {"q": "wat"}).json()["results"] == [client.get(url).json()]

    off = send(client, "patch", url, {"is_enabled": False}, if_match=made["ETag"])
    assert (off.status_code, off.json()["next_at"]) == (200, None)
    stale = send(client, "patch", url, {"name": "Rain"}, if_match=made["ETag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "version_moved")

    run = send(client, "post", f"{url}/run", {"key": "one"})
    assert (run.status_code, run.json()["origin"], run.json()["state"]) == (
        202, "schedule", "running"
    )  # fmt: skip
    assert send(client, "post", f"{url}/run", {"key": "one"}).json()["id"] == run.json()["id"]
    assert send(client, "delete", url).status_code == 204
    assert client.get(url).status_code == 404


def test_what_is_wrong_is_said_with_its_place(red: Team, pump: Device, client: Client) -> None:
    refused = send(
        client, "post", SCHEDULES,
        body(pump, definition={"when": {"kind": "times", "at": ["06:00", "99:00"]}}),
    )  # fmt: skip
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_shape")
    assert refused.json()["errors"][0]["pointer"] == "#/definition/when/at/1"
    unknown = send(client, "post", SCHEDULES, body(pump, actions=[command(pump, "fly")]))
    assert unknown.json()["errors"][0]["pointer"] == "#/actions/0/name"


def test_who_may_write_schedules_but_not_control_lets_nothing_be_commanded(
    red: Team, pump: Device, client_for: SignIn
) -> None:
    with red.scope():
        role = Role.objects.create(name="Planner", codes=["read:schedule", "write:schedule"])
    planner = UserFactory()
    MembershipFactory(user=planner, tenant=red.tenant, role="", custom_role=role)
    client = client_for(planner)
    refused = send(client, "post", SCHEDULES, body(pump))
    assert (refused.status_code, refused.json()["code"]) == (400, "may_not_control")
    with red.scope():
        assert (Schedule.objects.count(), Execution.objects.count()) == (0, 0)


def test_runs_are_shown_before_anything_is_kept(pump: Device, client: Client) -> None:
    asked = {"site": str(pump.site_id), "definition": MORNING}
    shown = send(client, "post", f"{SCHEDULES}/preview", asked).json()
    assert [run["local"] for run in shown["runs"]][:2] == [
        "2026-11-20T18:00:00", "2026-11-23T06:00:00"
    ]  # fmt: skip
    assert len(shown["runs"]) == 10
    sun = {"site": str(pump.site_id), "definition": {"when": {"kind": "sun", "event": "dusk"}}}
    assert send(client, "post", f"{SCHEDULES}/preview", sun).json()["code"] == "no_coordinates"
