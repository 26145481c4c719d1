"""Rules of automation in the API: who may, what it says, what is wrong and where."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from automation.models import AutomationRule, Quarantine
from tests.automation.making import dry, everything
from tests.factories import NOW
from tests.telemetry.samples import every, store_samples

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
RULES = "/api/v1/automation/rules"


@pytest.fixture
def client(red, client_for):
    return client_for(red.owner)


def send(client, method: str, url: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method.upper(), url, json.dumps(body or {}), "application/json", headers=headers
    )


def body(place, **changes: Any) -> dict[str, Any]:
    definition = dry(place)
    definition["when"][0]["that"]["channel"] = {
        "device": str(place.probe.id), "metric": "soil_moisture"
    }  # fmt: skip
    return {"name": "Water", "site": str(place.site.id), "definition": definition} | changes


def test_a_rule_lives(place, client):
    made = send(client, "post", RULES, body(place))
    url = f"{RULES}/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json()["words"].startswith("When Bed 3: Soil moisture below 20 %")
    assert (made.json()["state"], made.json()["version"]) == ("off", 1)
    assert client.get(url).json() == made.json() == client.get(RULES).json()["results"][0]
    channel = made.json()["definition"]["if"]["of"][1]["channel"]
    assert channel == {"device": str(place.probe.id), "metric": "air_temp"}

    tag = made.headers["ETag"]
    changed = send(
        client, "patch", url, {"definition": dry(place, cooldown=5), "note": "Sooner"},
        **{"If-Match": tag},
    )  # fmt: skip
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    stale = send(client, "patch", url, {"name": "X"}, **{"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_moved")
    stale = send(client, "patch", url, {"name": "X", "based_on": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")

    assert send(client, "post", f"{url}/rollback", {"number": 1}).json()["version"] == 3
    versions = client.get(f"{url}/versions").json()["results"]
    assert [row["note"] for row in versions] == ["As version 1", "Sooner", ""]
    assert versions[0]["definition"] == versions[2]["definition"]

    assert send(client, "post", f"{url}/enable").json()["state"] == "on"
    assert send(client, "post", f"{url}/dry").json()["state"] == "dry"
    assert send(client, "post", f"{url}/dry", {"is_dry": False}).json()["state"] == "on"
    assert send(client, "post", f"{url}/disable").json()["state"] == "off"
    assert client.get(f"{RULES}?state=on").json()["results"] == []
    assert client.delete(url, headers={"If-Match": tag}).status_code == 412
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"then": [{"kind": "notify", "targets": []}]}, "bad_shape", "#/definition/then/0/targets"),
        ({"then": [{"kind": "delay", "seconds": 5}]}, "ends_waiting", "#/definition/then/0"),
        ({"cooldown": -1}, "bad_shape", "#/definition/cooldown"),
        ({"surprise": 1}, "bad_shape", "#/definition"),
    ],
)
def test_what_is_wrong_is_pointed_at(place, client, change, code, pointer):
    answer = send(client, "post", RULES, body(place, definition=dry(place) | change))

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_parameter_and_a_metric_that_do_not_fit_are_pointed_at(place, client):
    wanted = body(place)
    wanted["definition"]["then"][0]["params"] = {"runtime_s": 9_999}
    answer = send(client, "post", RULES, wanted).json()
    assert answer["errors"][0]["pointer"] == "#/definition/then/0/params/runtime_s"

    for channel, code in (
        ({"device": str(place.probe.id), "metric": "gone"}, "unknown_metric"),
        ({"device": "x", "metric": "gone"}, "unknown_metric"),
        ({"device": 1}, "bad_shape"),
    ):
        wanted["definition"]["when"][0]["that"]["channel"] = channel
        answer = send(client, "post", RULES, wanted).json()
        assert (answer["code"], answer["errors"][0]["pointer"]) == (
            code, "#/definition/when/0/that/channel",
        )  # fmt: skip


def test_who_may_only_read_changes_nothing(red, place, client, client_for):
    made = send(client, "post", RULES, body(place)).json()
    viewer, url = client_for(red.viewer), f"{RULES}/{made['id']}"

    assert viewer.get(url).status_code == 200
    for method, address in (
        ("post", RULES), ("patch", url), ("delete", url), ("post", f"{url}/enable"),
        ("post", f"{url}/arm"), ("post", f"{url}/hook"), ("delete", f"{url}/hook"),
        ("post", f"{RULES}/import"), ("post", f"{RULES}/replay"),
    ):  # fmt: skip
        assert send(viewer, method, address).status_code == 403, address


def test_a_stopped_rule_is_armed_again(red, place, client):
    made = send(client, "post", RULES, body(place)).json()
    url = f"{RULES}/{made['id']}"
    assert send(client, "post", f"{url}/arm").status_code == 409
    with red.scope():
        AutomationRule.objects.update(
            is_enabled=True, quarantine=Quarantine.LOOP, quarantine_detail="A → B",
            quarantined_at=NOW,
        )  # fmt: skip
    stopped = client.get(f"{RULES}?state=stopped").json()["results"][0]
    assert (stopped["quarantine"], stopped["quarantine_detail"]) == ("loop", "A → B")
    assert send(client, "post", f"{url}/arm").json()["state"] == "on"


def test_the_address_of_a_webhook_is_told_once(red, place, client):
    wanted = body(place, definition=dry(place, when=[{"kind": "webhook"}]))
    url = f"{RULES}/{send(client, 'post', RULES, wanted).json()['id']}"
    made = send(client, "post", f"{url}/hook")

    assert made.status_code == 201
    assert made.json()["url"].endswith(made.json()["token"])
    assert made.headers["Cache-Control"] == "private, no-store"
    assert client.get(url).json()["has_hook"] is True
    assert made.json()["token"] not in client.get(url).content.decode()
    called = urlsplit(made.json()["url"]).path
    send(client, "post", f"{url}/enable")
    assert Client().post(called, {"state": "on"}, "application/json").status_code == 202
    assert client.delete(f"{url}/hook").status_code == 204
    assert client.get(url).json()["has_hook"] is False
    assert Client().post(called, {}, "application/json").status_code == 404


def test_a_rule_is_replayed_before_it_is_made_and_afterwards(place, client):
    minute = dt.timedelta(minutes=1)
    store_samples(place.moisture, every(minute, NOW - 20 * minute, [30.0] * 5 + [10.0] * 5))
    store_samples(place.warmth, every(minute, NOW - 20 * minute, [20.0] * 20))
    wanted = body(place)
    tried = send(
        client, "post", f"{RULES}/replay",
        {"definition": wanted["definition"], "site": str(place.site.id)},
    )  # fmt: skip

    assert tried.status_code == 200, tried.json()
    assert tried.json()["counts"]["acted"] == 1
    assert tried.json()["results"][0]["seen"][0]["words"] == (
        "Bed 3: Soil moisture below 20 % (until 25 %)"
    )
    assert len(tried.json()["days"]) == 8
    url = f"{RULES}/{send(client, 'post', RULES, wanted).json()['id']}"
    assert client.get(f"{url}/replay?days=1").json()["counts"]["acted"] == 1
    looks = client.get(f"{url}/evaluations").json()["results"]
    assert looks[0]["result"] == "still"
    assert looks[-1]["result"] == "not"


def test_files_go_out_and_in(place, client):
    send(client, "post", RULES, body(place, definition=everything(place)))
    document = client.get(f"{RULES}/export").json()
    again = send(client, "post", f"{RULES}/import", document).json()["results"]
    assert [row["outcome"] for row in again] == ["unchanged"]
    document["rules"][0]["name"] = "Copy"
    rows = send(client, "post", f"{RULES}/import", document | {"enable": True}).json()["results"]
    one = client.get(f"{RULES}/export?rule={rows[0]['rule']}").json()
    assert [rule["name"] for rule in one["rules"]] == ["Copy"]


def test_a_list_takes_no_more_queries_for_more_rules(place, client):
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(RULES).status_code == 200
        return len(queries)

    send(client, "post", RULES, body(place, definition=everything(place)))
    before = count()
    for number in range(5):
        send(client, "post", RULES, body(place, name=f"R{number}", definition=everything(place)))
    assert count() == before
