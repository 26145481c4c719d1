"""Schedules are made, changed and run by people who may, and by nobody else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.models import AuditEvent
from automation.models import Execution, ExecutionStep, Origin, Schedule
from automation.schedules.occurrences import Edge
from automation.services.schedule_refusals import ScheduleRefused
from automation.services.schedules import (
    change_schedule,
    create_schedule,
    remove_schedule,
    run_schedule,
    switch_schedule,
)
from devices.models import Device, Site
from devices.services.commanders import Robot
from devices.services.fleet_edits import RowGone, VersionMoved, version_of
from tests.commands.conftest import COMMANDS
from tests.conftest import Team
from tests.factories import DeviceFactory, DeviceProfileFactory, SiteFactory, ZoneFactory

pytestmark = pytest.mark.django_db
MORNING = {"when": {"kind": "times", "at": ["06:00"]}}
WINDOW = {"when": {"kind": "window", "from": "06:00", "to": "06:10"}}
NOON = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)


class Nobody:
    """Somebody who may control nothing."""

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return False


@pytest.fixture
def pump(red: Team) -> Device:
    profile = DeviceProfileFactory(commands=COMMANDS)
    found: Device = DeviceFactory(
        tenant=red.tenant, gateway=None, profile=profile, lifecycle="active"
    )
    return found


def command(device: Device, name: str = "pump_on", **params: Any) -> dict[str, Any]:
    return {"kind": "command", "device": str(device.id), "name": name, "params": params}


def make(device: Device, **changes: Any) -> Schedule:
    given = {
        "name": "Morning water", "site": device.site, "definition": MORNING,
        "actions": [command(device, duration_s=60)], "actor": Robot("test"), "now": NOON,
    } | changes  # fmt: skip
    return create_schedule(**given)


def test_a_schedule_is_due_at_its_next_local_time(red: Team, pump: Device) -> None:
    with red.scope():
        schedule = make(pump)
    assert schedule.next_at == dt.datetime(2026, 6, 16, 3, tzinfo=dt.UTC)
    assert (schedule.position, schedule.revision) == (NOON, 1)
    assert AuditEvent.objects.filter(action="schedule.created", object_id=schedule.id).exists()


def test_other_times_are_a_new_revision_that_begins_now(red: Team, pump: Device) -> None:
    later = NOON + dt.timedelta(days=1)
    with red.scope():
        schedule = make(pump)
        changed = change_schedule(
            schedule_id=schedule.id, changes={"definition": WINDOW}, actor=Robot("test"), now=later
        )
        assert (changed.revision, changed.position) == (2, later)
        named = change_schedule(
            schedule_id=schedule.id, changes={"name": "Water"}, actor=Robot("test"), now=NOON
        )
    assert (named.revision, named.position, named.name) == (2, later, "Water")


def test_what_is_off_is_never_due_and_makes_up_for_nothing(red: Team, pump: Device) -> None:
    later = NOON + dt.timedelta(days=3)
    with red.scope():
        schedule = make(pump)
        off = switch_schedule(schedule_id=schedule.id, is_enabled=False, actor=Nobody(), now=NOON)
        assert off.next_at is None
        with pytest.raises(ScheduleRefused, match="may not control"):
            switch_schedule(schedule_id=schedule.id, is_enabled=True, actor=Nobody(), now=later)
        on = switch_schedule(
            schedule_id=schedule.id, is_enabled=True, actor=Robot("test"), now=later
        )
    assert (on.position, on.next_at) == (later, later.replace(day=19, hour=3))


def test_who_read_an_older_version_changes_nothing(red: Team, pump: Device) -> None:
    with red.scope():
        schedule = make(pump)
        seen = version_of(schedule)
        given = {"schedule_id": schedule.id, "actor": Robot("test"), "now": NOON, "seen": seen}
        change_schedule(changes={"name": "Water"}, **given)
        with pytest.raises(VersionMoved):
            change_schedule(changes={"name": "Rain"}, **given)


def _two_names(device: Device) -> dict[str, Any]:
    make(device)
    return {}


@pytest.mark.parametrize(
    ("code", "field", "change"),
    [
        ("name_taken", "name", _two_names),
        ("bad_shape", "definition.when.at[0]",
         lambda _: {"definition": {"when": {"kind": "times", "at": ["25:00"]}}}),
        ("bad_cron", "definition.when.line",
         lambda _: {"definition": {"when": {"kind": "cron", "line": "0 25 * * *"}}}),
        ("no_coordinates", "definition.when.event",
         lambda _: {"definition": {"when": {"kind": "sun", "event": "sunset"}}}),
        ("nothing_to_do", "actions", lambda _: {"actions": []}),
        ("no_end", "end_actions", lambda pump: {"end_actions": [command(pump, "pump_off")]}),
        ("ends_waiting", "actions[0]", lambda _: {"actions": [{"kind": "delay", "seconds": 5}]}),
        ("bad_shape", "actions[0].seconds",
         lambda _: {"actions": [{"kind": "delay", "seconds": 0}]}),
        ("unknown_command", "actions[0].name", lambda pump: {"actions": [command(pump, "fly")]}),
        ("required", "actions[0].params.ml", lambda pump: {"actions": [command(pump, "dose")]}),
        ("unknown_device", "actions[0].device",
         lambda _: {"actions": [{"kind": "command", "device": str(Site().id), "name": "x"}]}),
        ("unknown_target", "actions[0].targets[0]",
         lambda _: {"actions": [{"kind": "notify", "targets": [str(Site().id)]}]}),
        ("unknown_schedule", "actions[0].schedule",
         lambda _: {"actions": [{"kind": "schedule", "schedule": str(Site().id)}]}),
        ("unknown_zone", "actions[0].zone",
         lambda _: {"actions": [{"kind": "mode", "zone": str(Site().id), "mode": "auto"}]}),
        ("may_not_control", "actions[0].device", lambda _: {"actor": Nobody()}),
        ("zone_elsewhere", "zone", lambda pump: {"zone": ZoneFactory(tenant=pump.tenant)}),
        ("invalid", "name", lambda _: {"name": " "}),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_with_its_place(
    red: Team, pump: Device, code: str, field: str, change: Any
) -> None:
    with red.scope():
        changes = change(pump)
        count = Schedule.objects.count()
        with pytest.raises(ScheduleRefused) as caught:
            make(pump, **changes)
        assert Schedule.objects.count() == count
    assert (caught.value.code, caught.value.field) == (code, field)


def test_devices_of_others_are_not_there(red: Team, blue: Team, pump: Device) -> None:
    theirs = DeviceFactory(tenant=blue.tenant, gateway=None, profile=pump.profile)
    with red.scope(), pytest.raises(ScheduleRefused) as caught:
        make(pump, actions=[command(theirs)])
    assert caught.value.code == "unknown_device"


def test_somebody_runs_it_by_hand_once_for_each_click(red: Team, pump: Device) -> None:
    with red.scope():
        schedule = make(pump, definition=WINDOW, end_actions=[command(pump, "pump_off")])
        given = {"schedule_id": schedule.id, "actor": red.operator, "now": NOON}
        first = run_schedule(**given, key="a")
        assert run_schedule(**given, key="a") == first
        end = run_schedule(**given, key="b", edge=Edge.END)
        assert Execution.objects.count() == 2
        step = ExecutionStep.objects.get(execution=end)
    assert (first.origin, first.trigger["by"]) == (Origin.SCHEDULE, red.operator.email)
    assert step.action["name"] == "pump_off"


def test_who_may_not_control_the_devices_does_not_run_it(red: Team, pump: Device) -> None:
    with red.scope():
        schedule = make(pump)
        with pytest.raises(ScheduleRefused) as caught:
            run_schedule(schedule_id=schedule.id, actor=red.viewer, now=NOON)
        assert (caught.value.code, Execution.objects.count()) == ("may_not_control", 0)


def test_what_it_did_stays_when_it_is_removed(red: Team, pump: Device) -> None:
    with red.scope():
        schedule = make(pump)
        execution = run_schedule(schedule_id=schedule.id, actor=red.owner, now=NOON)
        remove_schedule(schedule_id=schedule.id, now=NOON)
        execution.refresh_from_db()
        assert (execution.schedule_id, execution.label) == (None, "Morning water")
        with pytest.raises(RowGone):
            remove_schedule(schedule_id=schedule.id, now=NOON)


def test_the_sun_is_followed_where_the_site_has_coordinates(red: Team, pump: Device) -> None:
    site = SiteFactory(tenant=red.tenant, latitude=38.42, longitude=27.14)
    sunset = {"when": {"kind": "sun", "event": "sunset"}}
    with red.scope():
        schedule = make(pump, site=site, definition=sunset)
    assert schedule.next_at is not None
    assert f"{schedule.next_at:%Y-%m-%d %H}" == "2026-06-15 17"
