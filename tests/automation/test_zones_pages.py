"""Pages of zones and recipes: what they show, and what their forms do."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from automation.control.recipe import write_recipe
from automation.models import Execution, Recipe, ZoneControl
from automation.pages.pairs import read_pairs, write_pairs
from automation.queries.recipes import definition_of, find_recipe
from automation.queries.zone_setup import setup_of, version_of
from automation.services.recipes import create_recipe
from automation.services.zone_recipes import start_recipe
from automation.services.zones import control_of
from tests.automation.test_zones_services import BASIL
from tests.automation.zoning import ANYBODY, make_bench
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def bench(red):
    return make_bench(red)


@pytest.fixture
def browser(client_for, bench):
    return client_for(bench.team.operator)


@pytest.fixture
def recipe(bench) -> Recipe:
    with bench.team.scope():
        return create_recipe(document=BASIL, now=NOW)


def text(answer) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_an_empty_zone_says_how_to_begin(browser, bench):
    assert "Nothing acts by itself here." in text(browser.get("/automation/zones/"))
    assert "Begin with roles" in text(browser.get(f"/automation/zones/{bench.zone.id}"))


def test_a_card_shows_mode_values_targets_and_the_phase(browser, bench, recipe):
    bench.configure()
    with bench.team.scope():
        start_recipe(actor=ANYBODY, zone=bench.zone, recipe=recipe, now=NOW)

    for path in ("/automation/zones/", f"/automation/zones/{bench.zone.id}"):
        page = text(browser.get(path))
        for said in ("pH", "6.4", "target 6", "Germination", "The value is too old"):
            assert said in page, (path, said)


def test_sets_the_mode_from_the_card(browser, bench):
    path = f"/automation/zones/{bench.zone.id}/mode"
    answer = browser.post(path, {"mode": "manual", "from": "list", "reason": "Cleaning"})

    assert answer.url == "/automation/zones/"
    with bench.team.scope():
        assert control_of(bench.zone).mode_reason == "Cleaning"
    assert "Cleaning" in text(browser.get("/automation/zones/"))


def test_sets_a_zone_up_role_by_role(browser, bench):
    zone = f"/automation/zones/{bench.zone.id}"
    device = bench.device.id
    role = {"name": "ph_down", "start": f"{device}|dose", "amount": "ml"}
    assert "Doser of Bench" in text(browser.get(f"{zone}/role"))
    assert browser.post(f"{zone}/role", role).status_code == 302
    controller = {
        "name": "pH", "kind": "dose", "metric": "ph", "channel": bench.ph.id,
        "lowers": "ph_down", "target": "5,8", "deadband": "0,1", "gain": "10", "least": "2",
        "most": "10", "pause_seconds": "300", "per_day": "60", "max_age_seconds": "300",
        "is_enabled": "on",
    }  # fmt: skip
    wrong = text(browser.post(f"{zone}/controller", controller | {"most": "51"}))
    assert "The device allows at most 50 at once." in wrong
    assert browser.post(f"{zone}/controller", controller).status_code == 302
    renamed = role | {"name": "acid"}
    assert browser.post(f"{zone}/role?name=ph_down", renamed).status_code == 302

    with bench.team.scope():
        control = ZoneControl.objects.get()
        setup = setup_of(control)
    assert [one.name for one in setup.roles] == ["acid"]
    assert (setup.controllers[0].target, setup.controllers[0].lowers) == (5.8, "acid")
    assert "5.8" in text(browser.get(f"{zone}/controller?name=pH"))
    old = browser.post(f"{zone}/controller?name=pH", {"do": "remove", "version": "old"})
    assert old.status_code == 302
    removal = {"do": "remove", "version": version_of(setup)}
    browser.post(f"{zone}/controller?name=pH", removal)
    with bench.team.scope():
        assert not control.controllers.exists()


def test_leads_a_recipe_on_the_page(browser, bench, recipe):
    bench.configure()
    path = f"/automation/zones/{bench.zone.id}/recipe"
    for do, phase in (("start", 0), ("next", 1), ("go", 2)):
        body = {"do": do, "recipe": recipe.id}
        browser.post(path, body | ({"phase": phase} if do == "go" else {}))
        with bench.team.scope():
            assert control_of(bench.zone).phase == phase
    browser.post(path, {"do": "stop"})
    with bench.team.scope():
        assert control_of(bench.zone).recipe_state == "stopped"
        assert not Execution.objects.exists()


FORM = {
    "name": "Mint", "note": "Fresh", "do": "keep", "p0-name": "Roots", "p0-length": "3",
    "p0-unit": "24", "p0-t0-metric": "ph", "p0-t0-value": "5,9", "p0-t0-deadband": "",
    "p0-t1-metric": "", "p0-t1-value": "", "p0-s0-name": "Watering", "p0-s0-role": "irrigation",
    "p0-s0-params": "runtime_s = 30", "p0-s0-kind": "times", "p0-s0-at": "8:00 18:30",
    "p0-s0-days": ["1", "3"], "p0-s1-name": "Light", "p0-s1-role": "lights",
    "p0-s1-kind": "window", "p0-s1-at": "06:00 - 22:00", "p1-name": "Harvest", "p1-length": "",
    "p1-unit": "1",
}  # fmt: skip


def test_writes_a_recipe_without_json(browser, bench):
    answer = browser.post("/automation/recipes/new", FORM)

    assert answer.status_code == 302, text(answer)
    with bench.team.scope():
        made = find_recipe(Recipe.objects.get().id)
        assert write_recipe(definition_of(made))["phases"] == [
            {
                "name": "Roots", "hours": 72.0, "targets": [{"metric": "ph", "value": 5.9}],
                "schedules": [
                    {"name": "Watering", "role": "irrigation", "params": {"runtime_s": 30},
                     "times": {"when": {"kind": "times", "at": ["08:00", "18:30"]},
                               "days": [1, 3]}},
                    {"name": "Light", "role": "lights",
                     "times": {"when": {"kind": "window", "from": "06:00", "to": "22:00"}}},
                ],
            },
            {"name": "Harvest"},
        ]  # fmt: skip
    page = text(browser.get(f"/automation/recipes/{made.id}/edit"))
    assert "06:00 - 22:00" in page and "runtime_s = 30" in page
    shown = text(browser.get(f"/automation/recipes/{made.id}"))
    assert "3 days" in shown and "06:00–22:00" in shown


def test_shows_what_is_wrong_at_its_field(browser):
    page = text(browser.post("/automation/recipes/new", FORM | {"p0-s0-at": "25:00"}))
    assert "Write times such as 08:00, 12:00." in page
    assert "Roots" in page


def test_buttons_of_the_editor_add_move_and_take_out(browser):
    page = text(browser.post("/automation/recipes/new", FORM | {"do": "add-phase"}))
    assert 'name="p2-name"' in page
    page = text(browser.post("/automation/recipes/new", FORM | {"do": "up:1"}))
    assert page.index("Harvest") < page.index("Roots")
    page = text(browser.post("/automation/recipes/new", FORM | {"do": "remove:0"}))
    assert "Roots" not in page and 'name="p1-name"' not in page
    page = text(browser.post("/automation/recipes/new", FORM | {"do": "add-target:0"}))
    assert 'name="p0-t2-metric"' in page


def test_what_the_editor_cannot_show_is_kept(browser, bench):
    times = {"when": {"kind": "once", "at": "2026-12-24T18:00"}}
    schedule = {"name": "Once", "role": "irrigation", "times": times}
    with bench.team.scope():
        made = create_recipe(
            document={"name": "Once", "phases": [{"name": "One", "schedules": [schedule]}]},
            now=NOW,
        )
    page = text(browser.get(f"/automation/recipes/{made.id}/edit"))
    assert "as it was given" in page
    body = {
        "name": "Once", "do": "keep", "revision": "1", "p0-name": "Renamed", "p0-length": "",
        "p0-s0-name": "Once", "p0-s0-role": "irrigation", "p0-s0-kind": "other",
        "p0-s0-kept": json.dumps(times),
    }  # fmt: skip
    assert browser.post(f"/automation/recipes/{made.id}/edit", body).status_code == 302
    with bench.team.scope():
        phase = definition_of(find_recipe(made.id)).phases[0]
    assert phase.name == "Renamed" and phase.schedules[0].times.when.at == "2026-12-24T18:00"
    late = text(browser.post(f"/automation/recipes/{made.id}/edit", body | {"p0-name": "Late"}))
    assert "Somebody has changed this meanwhile" in late


def test_a_recipe_goes_out_as_a_file_and_comes_back_as_a_copy(browser, bench, recipe):
    file = browser.get(f"/automation/recipes/{recipe.id}/export").content
    answer = browser.post(
        "/automation/recipes/import", {"file": SimpleUploadedFile("basil.json", file)}
    )
    copied = browser.post(f"/automation/recipes/{recipe.id}/copy")

    assert answer.status_code == copied.status_code == 302
    with bench.team.scope():
        assert sorted(Recipe.objects.values_list("name", flat=True)) == [
            "Basil", "Basil (2)", "Basil (3)",
        ]  # fmt: skip
    bad = SimpleUploadedFile("bad.json", b'{"name": "x", "phases": [{"name": ""}]}')
    browser.post("/automation/recipes/import", {"file": bad})
    assert "phases[0].name" in text(browser.get("/automation/recipes/"))


def test_who_may_only_look_sees_no_buttons(client_for, bench, recipe):
    bench.configure()
    viewer = client_for(bench.team.viewer)
    for path in ("/automation/zones/", f"/automation/zones/{bench.zone.id}",
                 "/automation/recipes/", f"/automation/recipes/{recipe.id}"):  # fmt: skip
        page = text(viewer.get(path))
        assert 'method="post"' not in page.partition("<main")[2].partition("</main>")[0]
    assert viewer.post(f"/automation/zones/{bench.zone.id}/mode", {}).status_code == 403


def test_parameters_in_a_line():
    params = {"runtime_s": 30, "speed": 2.5, "gentle": True, "note": "slow"}
    assert read_pairs(write_pairs(params)) == params
