"""Charging in the API: who may what, what is answered, and how often one may ask."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services.keys import create_key
from charging.models import IdTag
from devices.models import Command
from tests.charging.places import Place
from tests.charging.test_pages import ended, meter, show
from tests.conftest import Team
from tests.factories import ChargePointFactory, IdTagFactory

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/charging"


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def boss(red: Team) -> Client:
    return sign_in(red.owner)


def call(client: Client, method: str, url: str, body: Any = None, **headers: str) -> Any:
    return client.generic(
        method, url, json.dumps(body or {}), content_type="application/json", headers=headers
    )


def point_of(place: Place) -> str:
    return f"{ROOT}/charge-points/{place.connector.charge_point_id}"


def start(client: Client, place: Place, key: str = "one", body: Any = None) -> Any:
    return call(client, "POST", f"{point_of(place)}/start", body, **{"Idempotency-Key": key})


def test_a_start_is_done_once_for_a_key(place: Place, boss: Client) -> None:
    show(place, state=3)

    first, again = start(boss, place), start(boss, place)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert first["Location"].endswith(first.json()["id"])
    assert again["Idempotent-Replayed"] == "true"
    with place.red.scope():
        assert Command.objects.count() == 1


def test_start_and_stop_need_a_key(place: Place, boss: Client) -> None:
    show(place, state=3)

    for what in ("start", "stop"):
        answer = call(boss, "POST", f"{point_of(place)}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("what", "body", "state", "status", "code"),
    [
        ("start", {}, 1, 409, "no_vehicle"),
        ("start", {"tag": "04FF"}, 3, 409, "tag_unknown"),
        ("start", {"connector": 9}, 3, 400, "invalid_request"),
        ("start", {"card": "1"}, 3, 400, "unknown_field"),
        ("stop", {}, 1, 409, "not_charging"),
        ("max-current", {"amps": 40}, 3, 400, "bad_limit"),
        ("max-current", {"amps": 5}, 3, 400, "invalid_request"),
        ("max-current", {"amps": 10}, 5, 409, "limit_while_charging"),
        ("unlock", {}, 5, 409, "wrong_state"),
    ],
)
def test_refusals_are_problems_with_a_code(
    place: Place, boss: Client, what: str, body: Any, state: int, status: int, code: str
) -> None:
    show(place, state=state)

    url = f"{point_of(place)}/{what}"
    answer = call(boss, "POST", url, body, **{"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    with place.red.scope():
        assert not Command.objects.exists()


@pytest.mark.parametrize("what", ["max-current", "lock", "unlock"])
def test_limit_and_lock_become_commands(place: Place, boss: Client, what: str) -> None:
    show(place, state=3)

    answer = call(boss, "POST", f"{point_of(place)}/{what}", {"amps": 16} if "max" in what else {})

    assert answer.status_code == 202, answer.content


def test_a_silent_connector_is_not_started(place: Place, boss: Client) -> None:
    show(place, state=3, seen_at=timezone.now() - dt.timedelta(minutes=1))

    answer = start(boss, place)

    assert (answer.status_code, answer.json()["code"]) == (409, "connector_stale")


def test_a_known_tag_charges_under_its_name(place: Place, boss: Client) -> None:
    show(place, state=3)
    tag = IdTagFactory(tenant=place.red.tenant, uid="04AA11")

    assert start(boss, place, body={"tag": "04aa11"}).status_code == 202

    rows = boss.get(f"{ROOT}/sessions?open=true").json()["results"]
    assert [(row["tag"], row["state"]) for row in rows] == [(str(tag.id), "authorised")]


def test_ten_starts_and_stops_in_a_minute_are_enough(
    place: Place, boss: Client, settings: Any, redis: Any
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"charging": 10}
    show(place, state=1)

    codes = [start(boss, place, key=str(n)).status_code for n in range(11)]
    refused = start(boss, place, key="last")

    assert codes[:10] == [409] * 10
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused["Retry-After"]) <= 120
    assert boss.get(f"{point_of(place)}/status").status_code == 200


def test_a_key_of_a_program_works_as_everywhere(place: Place) -> None:
    show(place, state=3)
    with place.red.scope():
        made = create_key(
            name="wallbox", codes=["read:charger", "control:charger"], expires_at=None,
            created_by=place.red.owner,
            editor_codes=frozenset({"read:charger", "control:charger"}), now=timezone.now(),
        )  # fmt: skip
    headers = {"X-API-Key": made.secret.text, "Idempotency-Key": "a"}

    answer = call(Client(), "POST", f"{point_of(place)}/start", {}, **headers)

    assert answer.status_code == 202, answer.content
    assert call(Client(), "GET", f"{ROOT}/tags", **headers).status_code == 200
    assert call(Client(), "POST", f"{ROOT}/tags", {"uid": "1"}, **headers).status_code == 403


def test_who_may_only_look_cannot_start_and_strangers_find_nothing(
    place: Place, blue: Team
) -> None:
    show(place, state=3)

    assert start(sign_in(place.red.viewer), place).status_code == 403
    assert start(sign_in(blue.owner), place).status_code == 404
    assert start(Client(), place).status_code == 401
    assert sign_in(blue.owner).get(f"{ROOT}/charge-points").json()["results"] == []


def test_a_charge_point_says_what_it_does_is_measures_and_bears(place: Place, boss: Client) -> None:
    meter(place, kw=7.36, kwh=321.5)
    show(place, state=5, current_limit_a=16, cable_a=20, is_locked=True)

    status = boss.get(f"{point_of(place)}/status").json()
    [connector] = status["connectors"]
    assert (connector["state"], connector["state_code"]) == ("charging", 5)
    assert (connector["is_fresh"], connector["is_locked"]) == (True, True)
    assert status["link"] == "unknown"
    current = boss.get(f"{point_of(place)}/current-available").json()
    assert (current["min_a"], current["max_a"]) == (6, 32)
    assert current["connectors"][0] == {
        "connector": 1, "limit_a": 16.0, "cable_a": 20.0, "available_a": 20.0,
    }  # fmt: skip
    [measured] = boss.get(f"{point_of(place)}/meter").json()["connectors"]
    assert (measured["energy_kwh"], measured["power_kw"]) == (321.5, 7.36)
    station = boss.get(f"{point_of(place)}/station").json()
    assert (station["protocol"], station["connectors"]) == ("esp32_v1", 1)
    listed = boss.get(f"{ROOT}/charge-points").json()["results"]
    assert [row["id"] for row in listed] == [str(place.connector.charge_point_id)]


def test_the_rules_of_a_charge_point_are_changed_by_who_has_read_them(
    place: Place, boss: Client
) -> None:
    etag = boss.get(point_of(place))["ETag"]

    changed = call(boss, "PATCH", point_of(place), {"max_current_a": 16}, **{"If-Match": etag})
    late = call(boss, "PATCH", point_of(place), {"max_current_a": 20}, **{"If-Match": etag})

    assert (changed.status_code, changed.json()["max_current_a"]) == (200, 16)
    assert late.status_code == 412


def test_sessions_are_listed_with_cursors_and_read_with_events(place: Place, boss: Client) -> None:
    for number in range(3):
        ended(
            place, receipt_number=number + 1,
            started_at=timezone.now() - dt.timedelta(hours=3 + number),
        )  # fmt: skip

    first = boss.get(f"{ROOT}/sessions?limit=2").json()
    second = boss.get(first["next"]).json()
    assert [row["receipt_number"] for row in first["results"] + second["results"]] == [1, 2, 3]
    row = boss.get(f"{ROOT}/sessions/{first['results'][0]['id']}").json()
    assert (row["energy_kwh"], row["cost"], row["end_reason"]) == (12.345, "93.59", "unplugged")
    assert boss.get(f"{ROOT}/sessions?state=charging").json()["results"] == []
    assert boss.get(f"{ROOT}/sessions?colour=red").json()["code"] == "unknown_parameter"


def test_tags_are_kept_in_upper_case_once(place: Place, boss: Client, blue: Team) -> None:
    made = call(boss, "POST", f"{ROOT}/tags", {"uid": "04ab", "kwh_quota": "20.5"})
    assert (made.status_code, made.json()["uid"]) == (201, "04AB"), made.content
    url = made["Location"]

    again = call(boss, "POST", f"{ROOT}/tags", {"uid": "04AB"})
    assert (again.status_code, again.json()["code"]) == (400, "name_taken")
    assert again.json()["errors"][0]["pointer"] == "#/uid"
    foreign = call(boss, "PATCH", url, {"user": str(blue.owner.pk)})
    assert (foreign.status_code, foreign.json()["code"]) == (400, "not_found")
    assert call(boss, "PATCH", url, {"is_blocked": True}).json()["is_blocked"] is True
    assert call(boss, "DELETE", url).status_code == 204
    with place.red.scope():
        assert not IdTag.objects.exists()


def test_a_price_that_holds_somewhere_stays(place: Place, boss: Client) -> None:
    [price] = boss.get(f"{ROOT}/prices").json()["results"]

    kept = call(boss, "DELETE", f"{ROOT}/prices/{price['id']}")
    changed = call(boss, "PATCH", f"{ROOT}/prices/{price['id']}", {"energy_price": "8.25"})
    wrong = call(boss, "POST", f"{ROOT}/prices", {"name": "x", "currency": "EURO"})

    assert (kept.status_code, kept.json()["code"]) == (409, "in_use")
    assert changed.json()["energy_price"] == "8.25000"
    assert wrong.status_code == 400


def test_the_list_asks_no_more_with_more_charge_points(
    place: Place, boss: Client, django_assert_max_num_queries: Any
) -> None:
    boss.get(f"{ROOT}/charge-points")
    for _ in range(5):
        ChargePointFactory(tenant=place.red.tenant)

    with django_assert_max_num_queries(12):
        assert len(boss.get(f"{ROOT}/charge-points").json()["results"]) == 6
