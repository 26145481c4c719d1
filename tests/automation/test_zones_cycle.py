"""The cycle of zones: what acts, once, in each mode, with several copies and after a crash."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading

import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from alarms.models import Alarm
from automation.models import (
    Execution,
    ExecutionState,
    Reason,
    Schedule,
    StepState,
    ZoneControl,
    ZonePhase,
)
from automation.running.zones import Zones
from automation.services.controlling import control_zone
from automation.services.recipes import create_recipe
from automation.services.zone_cycle import claim_zones, note_cycle, tell_failures
from automation.services.zone_recipes import start_recipe
from automation.services.zones import set_zone_mode
from devices.models import ActuatorState, Device
from devices.services.commanders import Robot
from devices.services.commands import queue_command
from tests.automation.test_zones_services import BASIL
from tests.automation.zoning import ANYBODY, SECOND, make_bench
from tests.factories import NOW
from tools.paths import ROOT

HOUR = 3_600


@pytest.fixture
def bench(red):
    found = make_bench(red)
    found.configure(now=NOW)
    return found


def look(bench, seconds: float = 5) -> list[Execution]:
    control = ZoneControl.objects.get()
    return control_zone(control_id=control.id, now=NOW + seconds * SECOND)


def finish(execution: Execution, state: str, command: str | None, at: float) -> None:
    """Let an execution end as the executor would, its command in a state."""
    step = execution.steps.get()
    if command is not None:
        device_id, name = step.action["device"], step.action["name"]
        device = load_device(device_id)
        made = queue_command(
            actor=Robot("test"), device=device, name=name, params=step.action.get("params", {}),
            idempotency_key=str(execution.id), now=NOW,
        ).command  # fmt: skip
        type(made).objects.filter(id=made.id).update(state=command)
        step.command = made
        step.state = StepState.DONE
        step.save()
    execution.state, execution.next_at = state, None
    execution.finished_at = NOW + at * SECOND
    execution.save()


def load_device(device_id: str) -> Device:
    return Device.objects.select_related("tenant", "profile", "site", "zone").get(id=device_id)


@pytest.mark.django_db
class TestOneZone:
    """What one look at a zone leads to."""

    @pytest.fixture(autouse=True)
    def scope(self, bench):
        with bench.team.scope():
            yield

    def test_a_deviation_is_dosed_once_for_its_value(self, bench):
        made = look(bench)

        assert [one.label for one in made] == ["Bench: pH"]
        execution = Execution.objects.get()
        assert execution.steps.get().action == {
            "kind": "command", "device": str(bench.device.id), "name": "dose",
            "params": {"ml": 6.0}, "wait": True,
        }  # fmt: skip
        assert execution.trigger["target"] == 5.8
        assert execution.seen[0]["value"] == 6.4
        assert look(bench, 20) == []  # it is not over

    def test_the_same_value_is_never_dosed_twice(self, bench):
        finish(look(bench)[0], ExecutionState.DONE, "done", 6)

        assert look(bench, 200) == []
        bench.measure(bench.ph, 6.2, NOW + 201 * SECOND)
        assert look(bench, 202)[0].trigger["amount"] == pytest.approx(4.0)

    @pytest.mark.parametrize(
        ("state", "command", "left"),
        [
            ("done", "done", 5.0),
            ("failed", "timeout", 5.0),  # nobody knows
            ("failed", "error", 5.0),
            ("failed", "expired", 6.0),
            ("refused", "invalid", 6.0),
            ("refused", None, 6.0),
            ("failed", None, 6.0),
        ],
    )
    def test_only_what_may_have_been_dosed_counts(self, bench, state, command, left):
        bench.configure(
            controllers=[bench.setup()["controllers"][0] | {"per_hour": 11, "least": 1}]
        )
        finish(look(bench)[0], state, command, 6)
        bench.measure(bench.ph, 6.4, NOW + 100 * SECOND)

        assert look(bench, 105)[0].trigger["amount"] == left

    def test_by_hand_nothing_acts_and_it_is_written_down_once_a_pause(self, bench):
        set_zone_mode(actor=ANYBODY, zone=bench.zone, mode="manual", now=NOW)
        for seconds in (5, 20, 35, 64):
            bench.measure(bench.ph, 6.4, NOW + seconds * SECOND)
            look(bench, seconds)
        kept = Execution.objects.get()
        assert (kept.state, kept.reason) == (ExecutionState.SKIPPED, Reason.MANUAL_MODE)
        assert not kept.steps.exists()

        set_zone_mode(actor=ANYBODY, zone=bench.zone, mode="auto", now=NOW)
        assert look(bench, 65)[0].state == ExecutionState.RUNNING

    def test_half_automatic_waits_for_somebody(self, bench):
        set_zone_mode(actor=ANYBODY, zone=bench.zone, mode="semi", now=NOW)

        assert look(bench)[0].state == ExecutionState.PROPOSED
        bench.measure(bench.ph, 6.4, NOW + 30 * SECOND)
        assert look(bench, 31) == []

    def test_what_it_switched_on_it_switches_off_without_asking(self, bench):
        bench.configure(controllers=bench.setup()["controllers"][1:])
        bench.measure(bench.warmth, 20.0, NOW)
        finish(look(bench)[0], ExecutionState.DONE, "done", 6)
        assert ActuatorState.objects.get(actuator="heater").may_be_on
        set_zone_mode(actor=ANYBODY, zone=bench.zone, mode="semi", now=NOW)
        bench.measure(bench.warmth, 22.0, NOW + 100 * SECOND)

        made = look(bench, 101)[0]

        assert made.state == ExecutionState.RUNNING
        assert made.steps.get().action["name"] == "heater_off"

    def test_a_value_that_stays_away_switches_off(self, bench):
        bench.configure(controllers=bench.setup()["controllers"][1:])
        bench.measure(bench.warmth, 20.0, NOW)
        finish(look(bench)[0], ExecutionState.DONE, "done", 6)

        assert look(bench, 290) == []
        assert look(bench, 310)[0].trigger["why"] == "too_old"

    def test_a_setpoint_is_told_once_for_each_target(self, bench):
        controller = {
            "name": "Valve", "kind": "setpoint", "metric": "opening", "raises": "valve",
            "target": 40, "is_enabled": True, "pause_seconds": 10,
        }  # fmt: skip
        bench.configure(controllers=[controller])
        finish(look(bench)[0], ExecutionState.DONE, "done", 6)
        assert look(bench, HOUR) == []

        bench.configure(controllers=[controller | {"target": 30}])
        assert look(bench, HOUR)[0].steps.get().action["params"] == {"percent": 30.0}

    def test_the_target_is_that_of_the_phase(self, bench):
        recipe = create_recipe(document=BASIL, now=NOW)
        start_recipe(actor=ANYBODY, zone=bench.zone, recipe=recipe, now=NOW)
        bench.measure(bench.ph, 6.05, NOW)
        assert look(bench) == []

        bench.measure(bench.ph, 6.05, NOW + (2 * HOUR + 1) * SECOND)
        made = look(bench, 2 * HOUR + 2)
        assert (made[0].trigger["target"], made[0].trigger["amount"]) == (5.5, 5.5)
        assert ZonePhase.objects.count() == 2

    def test_a_disabled_controller_does_nothing(self, bench):
        off = [one | {"is_enabled": False} for one in bench.setup()["controllers"]]
        bench.configure(controllers=off)
        assert look(bench) == []


def everything() -> list[Execution]:
    with all_tenants():
        return list(Execution.objects.order_by("decided_at"))


@pytest.mark.django_db(transaction=True)
class TestManyZones:
    """Rounds of the process, on connections of their own."""

    @pytest.fixture
    def benches(self, red, blue):
        found = [make_bench(team, f"Zone {n}") for team in (red, blue) for n in range(3)]
        for one in found:
            one.configure(now=NOW)
        return found

    def test_two_copies_share_the_zones_and_double_nothing(self, benches):
        copies = [Zones(writers=2) for _ in range(2)]
        try:
            for seconds in (5, 20):
                threads = [
                    threading.Thread(target=_round, args=(one, NOW + seconds * SECOND))
                    for one in copies
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        finally:
            for one in copies:
                one.close()

        assert len(everything()) == len(benches)
        with all_tenants():
            assert set(ZoneControl.objects.values_list("last_cycle_at", flat=True)) == {
                NOW + 20 * SECOND
            }

    def test_one_zone_that_fails_stops_no_other_and_is_told(self, benches):
        bad = benches[0]
        with bad.team.scope():
            ZoneControl.objects.filter(zone=bad.zone).update(
                recipe_state="running", phase=0, phase_started_at=NOW, plan=[{"nonsense": 1}]
            )
        zones = Zones(writers=2)
        try:
            zones.round(NOW + 5 * SECOND)
            with bad.team.scope():
                control = ZoneControl.objects.get(zone=bad.zone)
                assert (control.errors, control.last_error_at) == (1, NOW + 5 * SECOND)
                assert "nonsense" in control.last_error
                alarm = Alarm.objects.get()
                assert (alarm.code, alarm.ending) == ("zones_failing", "")
                ZoneControl.objects.filter(zone=bad.zone).update(recipe_state="")
            assert len(everything()) == len(benches) - 1
            zones.round(NOW + 20 * SECOND)
        finally:
            zones.close()
        with all_tenants():
            assert Alarm.objects.get().ending == "cleared"
            assert not ZoneControl.objects.exclude(errors=0).exists()
        assert len(everything()) == len(benches)

    def test_a_late_cycle_is_left_out_and_never_piles_up(self, benches):
        claims = [
            claim_zones(most=100, now=NOW + seconds * SECOND) for seconds in (0, 1, 100, 101, 116)
        ]
        assert [len(one.zones) for one in claims] == [6, 0, 6, 0, 6]
        assert [one.skipped for one in claims] == [0, 0, 6 * 5, 0, 0]

    def test_a_tenth_of_the_zones_is_no_alarm(self, red):
        for number in range(10):
            make_bench(red, f"Zone {number}").configure(now=NOW)
        with red.scope():
            ids = list(ZoneControl.objects.order_by("id").values_list("id", flat=True))
        for failing, is_alarm in ((1, False), (2, True), (1, False)):
            note_cycle(done=ids[failing:], failed=dict.fromkeys(ids[:failing], "no"), now=NOW)
            tell_failures(tenants=[red.tenant.id], now=NOW + failing * SECOND)
            with red.scope():
                assert Alarm.objects.filter(ending="").exists() is is_alarm

    def test_killed_in_the_middle_a_phase_begins_once(self, red):
        bench = make_bench(red)
        bench.configure(controllers=[], now=NOW)
        with red.scope():
            recipe = create_recipe(document=BASIL, now=NOW)
            control = start_recipe(actor=ANYBODY, zone=bench.zone, recipe=recipe, now=NOW)
        now = NOW + dt.timedelta(hours=2, seconds=1)
        server = os.environ["DATABASE_URL"].rpartition("/")[0]
        died = subprocess.run(
            [sys.executable, "-m", "tests.automation.zone_crash", str(control.id),
             str(red.tenant.id), now.isoformat()],
            env=os.environ | {"DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}"},
            cwd=ROOT, check=False, timeout=120,
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL
        with red.scope():
            assert (ZonePhase.objects.count(), Schedule.objects.count()) == (1, 1)
            for _ in range(2):
                control_zone(control_id=control.id, now=now)
            assert (ZonePhase.objects.count(), Schedule.objects.count()) == (2, 0)
            assert ZoneControl.objects.get().phase == 1


def _round(zones: Zones, now: dt.datetime) -> None:
    try:
        zones.round(now)
    finally:
        connection.close()
