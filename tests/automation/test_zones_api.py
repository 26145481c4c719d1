"""Zones, recipes and commands to zones in the API."""

from __future__ import annotations

import pytest

from automation.models import Recipe, ZoneControl
from devices.models import Command
from tests.automation.test_zones_services import BASIL
from tests.automation.zoning import make_bench

pytestmark = pytest.mark.django_db
ZONES, RECIPES = "/api/v1/automation/zones", "/api/v1/automation/recipes"


@pytest.fixture
def bench(red):
    return make_bench(red)


@pytest.fixture
def send(client_for):
    def answer(person, method, path, body=None, **headers):
        data = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(client_for(person), method)(path, **data, headers=headers)

    return answer


def set_up(send, bench, **fields):
    return send(bench.team.operator, "put", f"{ZONES}/{bench.zone.id}", bench.setup(**fields))


def test_a_zone_that_nobody_touched_is_automatic_and_empty(send, bench):
    found = send(bench.team.viewer, "get", ZONES).json()["results"]

    assert [(row["name"], row["mode"], row["controllers"]) for row in found] == [
        ("Bench", "auto", [])
    ]


def test_sets_a_zone_up_and_shows_what_acts(send, bench):
    answer = set_up(send, bench)

    assert answer.status_code == 200, answer.json()
    shown = {row["name"]: row for row in answer.json()["controllers"]}
    assert (shown["pH"]["value"], shown["pH"]["target"]) == (6.4, 5.8)
    assert shown["pH"]["why"] == "too_old"
    again = send(
        bench.team.operator, "put", f"{ZONES}/{bench.zone.id}", bench.setup(controllers=[]),
        **{"If-Match": '"old"'},
    )  # fmt: skip
    assert again.status_code == 412
    current = send(
        bench.team.operator, "put", f"{ZONES}/{bench.zone.id}", bench.setup(controllers=[]),
        **{"If-Match": answer.headers["ETag"]},
    )  # fmt: skip
    assert current.status_code == 200 and current.json()["controllers"] == []


def test_points_to_the_member_that_is_wrong(send, bench):
    setup = bench.setup()
    setup["roles"][0]["start"] = "explode"
    answer = send(bench.team.operator, "put", f"{ZONES}/{bench.zone.id}", setup)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/roles/0/start"


def test_to_control_is_not_to_configure(send, bench):
    set_up(send, bench)
    mode = {"mode": "manual", "reason": "Cleaning"}
    assert send(bench.team.viewer, "post", f"{ZONES}/{bench.zone.id}/mode", mode).status_code == 403
    answer = send(bench.team.operator, "post", f"{ZONES}/{bench.zone.id}/mode", mode)
    assert answer.status_code == 200
    assert (answer.json()["mode"], answer.json()["mode_reason"]) == ("manual", "Cleaning")


def test_leads_a_recipe_through_its_phases(send, bench):
    set_up(send, bench)
    made = send(bench.team.operator, "post", RECIPES, BASIL)
    assert made.status_code == 201 and made.headers["ETag"] == '"1"'
    recipe = made.json()["id"]
    steps = [
        ({"do": "start", "recipe": recipe}, "Germination"), ({"do": "next"}, "Growth"),
        ({"do": "go", "phase": 2}, "Harvest"), ({"do": "next"}, ""),
    ]  # fmt: skip
    for body, name in steps:
        answer = send(bench.team.operator, "post", f"{ZONES}/{bench.zone.id}/recipe", body)
        assert answer.status_code == 200, answer.json()
        assert answer.json()["recipe"]["phase_name"] == name
    late = send(bench.team.operator, "post", f"{ZONES}/{bench.zone.id}/recipe", {"do": "stop"})
    assert (late.status_code, late.json()["code"]) == (409, "not_running")


def test_recipes_are_not_overwritten_unseen(send, bench):
    recipe = send(bench.team.operator, "post", RECIPES, BASIL).json()["id"]
    change = {"name": "Basil", "phases": [{"name": "One"}]}
    one = f"{RECIPES}/{recipe}"
    assert send(bench.team.operator, "put", one, change, **{"If-Match": '"1"'}).status_code == 200
    assert send(bench.team.operator, "put", one, BASIL, **{"If-Match": '"1"'}).status_code == 412
    assert send(bench.team.operator, "delete", one).status_code == 403
    assert send(bench.team.owner, "delete", one, **{"If-Match": '"2"'}).status_code == 204
    with bench.team.scope():
        assert not Recipe.objects.exists()
    taken = [send(bench.team.owner, "post", RECIPES, BASIL).status_code for _ in range(2)]
    assert taken == [201, 409]


def test_a_stranger_finds_nothing(send, bench, blue):
    for method, path, body in (
        ("get", "", None), ("put", "", bench.setup()), ("post", "/mode", {"mode": "auto"}),
        ("post", "/recipe", {"do": "stop"}),
    ):  # fmt: skip
        answer = send(blue.owner, method, f"{ZONES}/{bench.zone.id}{path}", body)
        assert answer.status_code == 404, answer.content
    assert send(blue.owner, "get", ZONES).json()["results"] == []
    with bench.team.scope():
        assert not ZoneControl.objects.exists()


def test_commands_the_device_of_a_zone_that_takes_it(send, bench):
    path = f"/api/v1/bridge/zones/{bench.zone.id}/commands"
    body = {"name": "pump_on", "params": {"runtime_s": 30}}

    answer = send(bench.team.operator, "post", path, body, **{"Idempotency-Key": "one"})
    again = send(bench.team.operator, "post", path, body, **{"Idempotency-Key": "one"})

    assert answer.status_code == again.status_code == 202, answer.json()
    with bench.team.scope():
        assert Command.objects.get().name == "pump_on"
    other = send(bench.team.operator, "post", path, {"name": "fly"}, **{"Idempotency-Key": "two"})
    assert other.json()["errors"][0]["code"] == "no_device"
    viewer = send(bench.team.viewer, "post", path, body, **{"Idempotency-Key": "x"})
    assert viewer.status_code == 403


def test_the_number_of_queries_does_not_grow_with_zones(
    client_for, red, django_assert_max_num_queries
):
    for number in range(4):
        make_bench(red, f"Zone {number}").configure()
    person = client_for(red.viewer)
    person.get(ZONES)
    with django_assert_max_num_queries(30):
        person.get(ZONES)
