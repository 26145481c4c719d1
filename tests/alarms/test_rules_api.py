"""Alarm rules in the API: who may, what it says, what is wrong and where."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, User
from alarms.models import AlarmRule
from alarms.queries.scopes import Scope
from alarms.services.rules import Content, create_rule
from devices.models import Device
from telemetry.models import VirtualChannel
from tests.conftest import Team
from tests.factories import (
    AlarmRuleFactory,
    AlarmRuleVersionFactory,
    ChannelFactory,
    DeviceFactory,
    MembershipFactory,
    UserFactory,
)
from tests.telemetry.samples import every, store_samples

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
SignIn = Callable[[User], Client]
RULES = "/api/v1/alarm-rules"
METRIC = Scope(metric="air_temp")
WARM = {"when": {"kind": "threshold", "above": 30.0, "clear_above": 28.0}}


@pytest.fixture
def device(red: Team) -> Device:
    found: Device = DeviceFactory(tenant=red.tenant)
    ChannelFactory(device=found, name="air_temp", unit="Cel")
    return found


@pytest.fixture
def client(red: Team, client_for: SignIn) -> Client:
    return client_for(red.owner)


def send(client: Client, method: str, url: str, body: Any = None) -> Any:
    return client.generic(method.upper(), url, json.dumps(body or {}), "application/json")


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "Too warm", "scope": {"metric": "air_temp"}, "definition": WARM} | changes


def test_a_rule_lives(red: Team, device: Device, client: Client) -> None:
    made = send(client, "post", RULES, body(text="{value}", is_enabled=True))
    url = f"{RULES}/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json()["words"] == "Value above 30 °C; ends at or below 28 °C"
    assert (made.json()["channels"], made.json()["unit"], made.json()["version"]) == (1, "Cel", 1)
    assert client.get(url).json() == made.json() == client.get(RULES).json()["results"][0]

    cooler = {"when": {"kind": "threshold", "above": 25.0}}
    changed = send(
        client, "patch", url,
        {"definition": cooler, "note": "Summer", "based_on": 1, "is_enabled": False,
         "scope": {"channel": {"device": str(device.id), "metric": "air_temp"}}},
    ).json()  # fmt: skip
    assert (changed["version"], changed["text"], changed["is_enabled"]) == (2, "{value}", False)
    assert changed["scope"]["channel"] == {"device": str(device.id), "metric": "air_temp"}
    stale = send(client, "patch", url, {"definition": WARM, "based_on": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")

    restored = send(client, "post", f"{url}/restore", {"number": 1}).json()
    assert (restored["version"], restored["definition"]) == (3, WARM)
    versions = client.get(f"{url}/versions").json()["results"]
    assert [(one["number"], one["note"]) for one in versions] == [
        (3, "As version 1"), (2, "Summer"), (1, ""),
    ]  # fmt: skip
    assert send(client, "post", f"{url}/restore", {"number": 9}).status_code == 404

    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_rules_are_found(red: Team, client: Client) -> None:
    for name, is_enabled in (("Warm", True), ("Cold", False)):
        AlarmRuleVersionFactory(
            rule=AlarmRuleFactory(tenant=red.tenant, name=name, is_enabled=is_enabled)
        )

    def names(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"{RULES}{query}").json()["results"]]

    assert names("") == ["Cold", "Warm"]
    assert names("?enabled=true") == ["Warm"]
    assert names("?search=col") == ["Cold"]


def test_the_list_takes_as_many_queries_for_more_rules(red: Team, client: Client) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            channel = ChannelFactory(device=DeviceFactory(tenant=red.tenant))
            AlarmRuleVersionFactory(rule=AlarmRuleFactory(tenant=red.tenant, channel=channel))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(RULES).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_what_is_wrong_is_pointed_to(client: Client, blue: Team) -> None:
    foreign = DeviceFactory(tenant=blue.tenant)
    ChannelFactory(device=foreign, name="air_temp")
    for changes, code, pointer in (
        ({"definition": {"when": {"kind": "threshold"}}}, "no_limit", "#/definition/when/above"),
        ({"definition": WARM | {"active": [{"from": "6"}]}}, "bad_shape",
         "#/definition/active/0/from"),
        ({"text": "{oops}"}, "unknown_name", "#/text"),
        ({"scope": {}}, "no_scope", "#/scope/metric"),
        ({"scope": {"metric": "air_temp", "site": str(foreign.site_id)}}, "unknown_site",
         "#/scope/site"),
        ({"scope": {"metric": "air_temp", "profile": "none"}}, "unknown_profile",
         "#/scope/profile"),
        ({"scope": {"channel": {"device": str(foreign.id), "metric": "air_temp"}}},
         "unknown_metric", "#/scope/channel"),
        ({"unknown": 1}, "unknown_field", "#/unknown"),
    ):  # fmt: skip
        answer = send(client, "post", RULES, body(**changes))
        problem = answer.json()
        assert answer.status_code == 400
        assert (problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (code, pointer)


def test_a_formula_over_several_channels_is_one_step(
    red: Team, device: Device, client: Client, client_for: SignIn
) -> None:
    expression = {
        "formula": "a - b", "unit": "Cel", "label": "Difference",
        "inputs": [{"name": name, "device": str(device.id), "metric": f"temp_{name}"}
                   for name in ("a", "b")],
    }  # fmt: skip
    for name in ("a", "b"):
        ChannelFactory(device=device, name=f"temp_{name}", unit="Cel")
    wanted = body(scope={"expression": expression})
    refused = send(client, "post", RULES, wanted | {"definition": {"when": {}}})
    with red.scope():
        assert refused.status_code == 400 and not VirtualChannel.objects.exists()
    tried = send(client, "post", f"{RULES}/back-test",
                 {"scope": wanted["scope"], "definition": WARM})  # fmt: skip
    assert tried.json()["code"] == "may_not_make_channel"

    made = send(client, "post", RULES, wanted)

    assert made.status_code == 201
    assert made.json()["scope"]["channel"]["metric"] == "alarm_value_1"
    with red.scope():
        alone = Role.objects.create(name="Rules", codes=["read:alarm", "write:alarm"])
    person = UserFactory(email="rules@red.example")
    MembershipFactory(user=person, tenant=red.tenant, role="", custom_role=alone)
    other = client_for(person)
    same = send(other, "post", RULES, wanted | {"name": "Same"})
    assert same.status_code == 201
    expression["formula"] = "a + b"
    assert send(other, "post", RULES, wanted | {"name": "New"}).status_code == 400


def test_rules_are_tried_on_the_past(
    red: Team, device: Device, client: Client, now: dt.datetime
) -> None:
    with red.scope():
        channel = device.channels.get()
        rule = create_rule(
            name="Warm", scope=Scope(metric="air_temp"), content=Content(WARM), now=now
        )
    minute = dt.timedelta(minutes=1)
    store_samples(channel, every(minute, now - 50 * minute, [20.0, 31.0, 32.0, 25.0]))

    saved = client.get(f"{RULES}/{rule.id}/back-test?days=1")
    new = send(client, "post", f"{RULES}/back-test",
               {"scope": {"metric": "air_temp"}, "definition": WARM, "days": 1})  # fmt: skip

    found = saved.json()
    assert (found["fired"], found["samples"], found["channels_tried"]) == (1, 4, 1)
    assert found["results"] == [{
        "device": str(device.id), "device_name": device.name, "metric": "air_temp",
        "raised_at": (now - 49 * minute).isoformat().replace("+00:00", "Z"),
        "cleared_at": (now - 47 * minute).isoformat().replace("+00:00", "Z"),
        "value": 31.0, "seconds": 120.0,
    }]  # fmt: skip
    assert new.json()["results"] == found["results"]
    assert client.get(f"{RULES}/{rule.id}/back-test?days=91").status_code == 400


def test_one_rule_is_tried_at_a_time(red: Team, client: Client) -> None:
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"], dbname=settings["NAME"],
        user=settings["USER"], password=settings["PASSWORD"],
    ) as other:  # fmt: skip
        other.execute(
            "SELECT pg_advisory_xact_lock(hashtext('alarm back-test'), hashtext(%s))",
            [str(red.tenant.id)],
        )
        answer = send(client, "post", f"{RULES}/back-test",
                      {"scope": {"metric": "x"}, "definition": WARM})  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (409, "busy")


def test_rules_leave_and_come_as_a_file(red: Team, device: Device, client: Client) -> None:
    send(client, "post", RULES, body(is_enabled=True))
    file = client.get(f"{RULES}/export").json()

    file["rules"] += [{"name": "Bad"}, file["rules"][0] | {"name": "Second"}]
    brought = send(client, "post", f"{RULES}/import", file).json()["results"]

    assert [(row["row"], row["outcome"], row["code"]) for row in brought] == [
        (1, "unchanged", ""), (2, "refused", "bad_shape"), (3, "created", ""),
    ]  # fmt: skip
    assert client.get(f"{RULES}/{brought[2]['rule']}").json()["is_enabled"] is False
    assert send(client, "post", f"{RULES}/import", {"kind": "x"}).status_code == 400


def test_templates_are_added_disabled(device: Device, client: Client) -> None:
    offered = client.get(f"{RULES}/templates").json()["results"]

    made = send(client, "post", f"{RULES}/templates", {"code": "too_warm"})

    assert {"too_warm", "esp32_down"} <= {row["code"] for row in offered}
    assert made.status_code == 201
    assert [(row["name"], row["is_enabled"]) for row in made.json()["results"]] == [
        ("Too warm", False)
    ]
    again = send(client, "post", f"{RULES}/templates", {"code": "too_warm"})
    assert (again.status_code, again.json()["code"]) == (400, "name_taken")
    other = send(client, "post", f"{RULES}/templates", {"code": "none"})
    assert other.json()["code"] == "unknown_template"


def test_who_may(red: Team, blue: Team, stranger: User, client_for: SignIn, now: dt.datetime
                 ) -> None:  # fmt: skip
    with red.scope():
        rule = create_rule(
            name="Warm", scope=Scope(metric="air_temp"), content=Content(WARM), now=now
        )
    url = f"{RULES}/{rule.id}"
    viewer = client_for(red.viewer)

    assert viewer.get(url).status_code == 200
    assert send(viewer, "patch", url, {"is_enabled": True}).status_code == 403
    assert viewer.delete(url).status_code == 403
    assert client_for(stranger).get(url).status_code == 403
    other = client_for(blue.owner)
    assert other.get(url).status_code == 404
    for answer in (
        send(other, "patch", url, {"is_enabled": True}), other.delete(url),
        send(other, "post", f"{url}/restore", {"number": 1}), other.get(f"{url}/versions"),
        other.get(f"{url}/back-test"),
    ):  # fmt: skip
        assert answer.status_code == 404
    assert other.get(RULES).json() == {"results": []}
    with red.scope():
        assert not AlarmRule.objects.get().is_enabled
