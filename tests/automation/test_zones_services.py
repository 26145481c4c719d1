"""Zones and recipes: modes, set-ups, phases and their schedules."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import AuditEvent
from automation.models import (
    Execution,
    Recipe,
    RecipeState,
    Schedule,
    ZoneControl,
    ZonePhase,
)
from automation.queries.modes import zone_modes
from automation.queries.recipes import definition_of, find_recipe
from automation.queries.zone_setup import setup_of, version_of
from automation.services.recipes import change_recipe, copy_name, create_recipe, remove_recipe
from automation.services.zone_recipes import (
    follow_time,
    go_to_phase,
    renew_recipe,
    start_recipe,
    stop_recipe,
)
from automation.services.zone_refusals import ZoneRefused
from automation.services.zones import configure_zone, control_of, revert_mode, set_zone_mode
from devices.services.commands import MayNotControl
from tests.automation.zoning import ANYBODY, make_bench
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
WATERING = {
    "name": "Watering", "role": "irrigation", "params": {"runtime_s": 30},
    "times": {"when": {"kind": "times", "at": ["08:00"]}},
}  # fmt: skip
LIGHT = {
    "name": "Pump by day", "role": "irrigation",
    "times": {"when": {"kind": "window", "from": "00:00", "to": "23:59"}},
}  # fmt: skip
BASIL = {
    "name": "Basil",
    "phases": [
        {"name": "Germination", "hours": 2, "targets": [{"metric": "ph", "value": 6.0}],
         "schedules": [WATERING]},
        {"name": "Growth", "hours": 3, "targets": [{"metric": "ph", "value": 5.5}]},
        {"name": "Harvest"},
    ],
}  # fmt: skip


@pytest.fixture
def bench(red):
    found = make_bench(red)
    found.configure()
    with red.scope():
        yield found


@pytest.fixture
def recipe(bench) -> Recipe:
    return create_recipe(document=BASIL, now=NOW)


def start(bench, recipe, now=NOW, **fields) -> ZoneControl:
    return start_recipe(actor=ANYBODY, zone=bench.zone, recipe=recipe, now=now, **fields)


def later(bench, hours: float) -> ZoneControl:
    control = control_of(bench.zone, locked=True)
    follow_time(control, now=NOW + hours * HOUR)
    return control_of(bench.zone)


def test_keeps_who_set_a_mode_and_why(bench):
    set_zone_mode(
        actor=bench.team.operator, zone=bench.zone, mode="manual", reason="Cleaning", now=NOW
    )

    control = control_of(bench.zone)
    assert (control.mode, control.mode_by, control.mode_reason) == (
        "manual", "operator@red.example", "Cleaning",
    )  # fmt: skip
    assert zone_modes([bench.zone.id]) == {bench.zone.id: "manual"}
    assert AuditEvent.objects.get(action="zone.mode_set").detail["to"] == "manual"


def test_who_may_not_control_does_not_set_a_mode(bench):
    with pytest.raises(MayNotControl):
        set_zone_mode(actor=bench.team.viewer, zone=bench.zone, mode="manual", now=NOW)


def test_a_mode_ends_by_itself_once(bench):
    set_zone_mode(
        actor=ANYBODY, zone=bench.zone, mode="manual", until=NOW + HOUR, after="semi", now=NOW
    )
    control = control_of(bench.zone, locked=True)

    assert [revert_mode(control, now=NOW + n * HOUR / 2) for n in (1, 2, 3)] == [False, True, False]
    assert control_of(bench.zone).mode == "semi"


def test_a_mode_whose_time_is_over_counts_no_more_before_anybody_looks(bench):
    ZoneControl.objects.update(mode="manual", mode_until=NOW - 9_999 * HOUR, mode_after="semi")

    assert zone_modes([bench.zone.id]) == {bench.zone.id: "semi"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"mode": "off"}, "unknown_mode"), ({"mode": "auto", "until": NOW}, "bad_time"),
     ({"mode": "semi", "until": NOW + dt.timedelta(days=31)}, "bad_time")],
)  # fmt: skip
def test_refuses_modes_that_mean_nothing(bench, fields, code):
    with pytest.raises(ZoneRefused) as refused:
        set_zone_mode(actor=ANYBODY, zone=bench.zone, now=NOW, **fields)
    assert refused.value.code == code


def change(bench, place: str, **fields):
    setup = bench.setup()
    group, number = place[:-1], int(place[-1])
    setup[group][number] |= fields
    return configure_zone(actor=ANYBODY, zone=bench.zone, document=setup, now=NOW)


@pytest.mark.parametrize(
    ("place", "fields", "code", "field"),
    [
        ("roles0", {"start": "explode"}, "unknown_command", "roles[0].start"),
        ("roles0", {"amount": "litres"}, "unknown_param", "roles[0].amount"),
        ("roles0", {"params": {"x": 1}}, "unknown_param", "roles[0].params"),
        ("roles1", {"stop": ""}, "needed", "controllers[1].raises"),
        ("roles1", {"name": "ph_down"}, "twice", "roles[1].name"),
        ("controllers0", {"lowers": "nobody"}, "unknown_role", "controllers[0].lowers"),
        ("controllers0", {"lowers": ""}, "needed", "controllers[0].raises"),
        ("controllers0", {"channel": 10**6}, "unknown_channel", "controllers[0].channel"),
        ("controllers0", {"channel": None}, "needed", "controllers[0].channel"),
        ("controllers0", {"most": 51}, "too_large", "controllers[0].most"),
        ("controllers0", {"most": 1}, "out_of_order", "controllers[0].most"),
        ("controllers0", {"per_day": None}, "needed", "controllers[0].per_day"),
        ("controllers0", {"pause_seconds": 1}, "bad_shape", "controllers[0].pause_seconds"),
    ],
)
def test_refuses_set_ups_that_cannot_work(bench, place, fields, code, field):
    with pytest.raises(ZoneRefused) as refused:
        change(bench, place, **fields)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_only_who_may_control_a_device_lets_it_be_controlled(bench):
    setup = bench.setup()
    setup["controllers"][0]["gain"] = 11
    with pytest.raises(ZoneRefused) as refused:
        configure_zone(actor=bench.team.viewer, zone=bench.zone, document=setup, now=NOW)
    assert (refused.value.code, refused.value.field) == ("may_not_control", "roles[0].device")


def test_what_keeps_its_name_keeps_its_past(bench):
    before = {one.name: one.id for one in control_of(bench.zone).controllers.all()}
    change(bench, "controllers0", gain=3)

    after = control_of(bench.zone)
    assert {one.name: one.id for one in after.controllers.all()} == before
    assert after.controllers.get(name="pH").gain == 3
    assert after.roles.get(name="heater").actuator == "heater"


def test_refuses_to_overwrite_what_somebody_else_changed(bench):
    seen = version_of(setup_of(control_of(bench.zone)))
    change(bench, "controllers0", gain=3)
    with pytest.raises(ZoneRefused) as refused:
        configure_zone(actor=ANYBODY, zone=bench.zone, document=bench.setup(), seen=seen, now=NOW)
    assert refused.value.code == "version_moved"


def test_a_recipe_comes_back_as_it_was_given(recipe):
    found = find_recipe(recipe.id)

    assert [phase.name for phase in definition_of(found).phases] == [
        "Germination", "Growth", "Harvest",
    ]  # fmt: skip
    same = change_recipe(recipe_id=recipe.id, document=BASIL, now=NOW)
    assert same.revision == 1
    assert change_recipe(recipe_id=recipe.id, document=BASIL | {"note": "x"}, now=NOW).revision == 2
    assert copy_name("Basil") == "Basil (2)"
    with pytest.raises(ZoneRefused, match="meanwhile"):
        remove_recipe(recipe_id=recipe.id, seen="1", now=NOW)
    remove_recipe(recipe_id=recipe.id, seen="2", now=NOW)
    assert not Recipe.objects.exists()


@pytest.mark.parametrize(
    ("phases", "field"),
    [
        ([], "phases"),
        ([{"name": "x", "hours": 0}], "phases[0].hours"),
        ([{"name": "x"}, {"name": "x"}], "phases[1]"),
        ([{"name": "x", "targets": [{"metric": "pH", "value": 1}]}], "phases[0].targets[0].metric"),
        ([{"name": "x", "targets": [{"metric": "ph", "value": 1}] * 2}], "phases[0].targets[1]"),
        ([{"name": "x", "schedules": [WATERING | {"role": ""}]}], "phases[0].schedules[0].role"),
        ([{"name": "x", "schedules": [WATERING | {"times": {"when": {"kind": "times", "at":
          ["08:00", "08:00"]}}}]}], "phases[0].schedules[0].times.when.at"),
    ],
)  # fmt: skip
def test_says_where_a_recipe_is_wrong(bench, phases, field):
    with pytest.raises(ZoneRefused) as refused:
        create_recipe(document={"name": "Bad", "phases": phases}, now=NOW)
    assert refused.value.field == field


def test_a_phase_brings_its_schedules_and_takes_them_along(bench, recipe):
    start(bench, recipe)
    made = Schedule.objects.get()
    assert (made.name, made.next_at, made.zone) == ("Bench: Watering", NOW, bench.zone)
    assert made.actions[0]["params"] == {"runtime_s": 30}

    control = later(bench, 2)

    assert not Schedule.objects.exists()
    assert (control.phase, control.phase_started_at) == (1, NOW + 2 * HOUR)


def test_phases_that_passed_unseen_are_walked_through_once(bench, recipe):
    start(bench, recipe)
    later(bench, 30)
    control = later(bench, 31)

    rows = ZonePhase.objects.order_by("turn").values_list("name", "cause", "started_at", "ended_at")
    assert list(rows) == [
        ("Germination", "start", NOW, NOW + 2 * HOUR),
        ("Growth", "time", NOW + 2 * HOUR, NOW + 5 * HOUR),
        ("Harvest", "time", NOW + 5 * HOUR, None),
    ]
    assert (control.phase, control.phase_until, control.recipe_state) == (2, None, "running")


def test_a_recipe_ends_after_its_last_phase(bench, recipe):
    start(bench, recipe, phase=2)
    go_to_phase(actor=ANYBODY, zone=bench.zone, now=NOW + HOUR)

    assert control_of(bench.zone).recipe_state == RecipeState.DONE
    with pytest.raises(ZoneRefused):
        go_to_phase(actor=ANYBODY, zone=bench.zone, now=NOW + HOUR)


def test_a_zone_without_a_role_follows_no_recipe_that_needs_it(bench, recipe):
    bench.configure(roles=[], controllers=[])
    with pytest.raises(ZoneRefused) as refused:
        start(bench, recipe)
    assert refused.value.code == "missing_role" and "irrigation" in str(refused.value)
    assert control_of(bench.zone).recipe_state == ""


def test_what_a_window_holds_on_is_stopped_with_the_phase(bench):
    held = create_recipe(
        document={"name": "Day", "phases": [{"name": "Only", "schedules": [LIGHT]}]}, now=NOW
    )
    start(bench, held)
    stop_recipe(actor=ANYBODY, zone=bench.zone, now=NOW + HOUR)

    execution = Execution.objects.get()
    assert execution.steps.get().action["name"] == "pump_off"
    assert not Schedule.objects.exists()


def test_what_the_next_phase_holds_as_well_is_not_stopped(bench):
    phases = [{"name": "One", "schedules": [LIGHT]}, {"name": "Two", "schedules": [LIGHT]}]
    held = create_recipe(document={"name": "Day", "phases": phases}, now=NOW)
    start(bench, held)
    go_to_phase(actor=ANYBODY, zone=bench.zone, now=NOW + HOUR)

    assert not Execution.objects.exists()
    assert Schedule.objects.get().name == "Bench: Pump by day"


def test_a_zone_goes_on_with_the_phases_that_it_began_with_until_told(bench, recipe):
    start(bench, recipe)
    longer = BASIL | {"phases": [{"name": "Longer", "hours": 10}, *BASIL["phases"][1:]]}
    change_recipe(recipe_id=recipe.id, document=longer, now=NOW)
    assert control_of(bench.zone).phase_until == NOW + 2 * HOUR
    assert Schedule.objects.count() == 1

    renew_recipe(actor=ANYBODY, zone=bench.zone, now=NOW + HOUR)

    control = control_of(bench.zone)
    assert (control.phase_until, control.recipe_revision) == (NOW + 10 * HOUR, 2)
    assert not Schedule.objects.exists()
