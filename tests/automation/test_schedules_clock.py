"""The clock begins each run once: with two of them, on clocks that jump, after crashes."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from automation.models import Execution, ExecutionState, Reason, Schedule, ZoneControl
from automation.running.clock import Clock
from devices.models import Device, Site, Zone
from tests.automation.test_schedules_services import NOON, command, make, pump
from tests.conftest import Team
from tests.factories import SiteFactory

__all__ = ["pump"]
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
HOURLY = {"when": {"kind": "every", "seconds": 3600}}


def tick(now: dt.datetime) -> None:
    """Let a fresh clock do all that is due."""
    clock = Clock()
    while clock.round(now):
        pass


def runs() -> list[tuple[str, str]]:
    """Return what is kept, in order: when it was due, and why it was not done."""
    with all_tenants():
        found = Execution.objects.order_by("triggered_at", "trigger_key")
        return [(f"{one.triggered_at:%d %H:%M}", one.reason) for one in found]


@pytest.mark.django_db
def test_a_run_is_begun_when_it_is_due_and_not_before(red: Team, pump: Device) -> None:
    with red.scope():
        schedule = make(pump, definition=HOURLY)
    tick(NOON + 59 * MINUTE)
    assert runs() == []
    tick(NOON + HOUR)
    tick(NOON + HOUR)
    assert runs() == [("15 13:00", "")]
    with red.scope():
        schedule.refresh_from_db()
        execution = Execution.objects.get()
        assert [step.action for step in execution.steps.all()] == schedule.actions
    assert schedule.next_at == NOON + 2 * HOUR
    assert (execution.state, execution.schedule_id) == (ExecutionState.RUNNING, schedule.id)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("policy", "due"), [("skip", ["16"]), ("last", ["16"]), ("all", ["13", "14", "15", "16"])]
)
def test_runs_that_nobody_began_are_kept_as_the_policy_says(
    red: Team, pump: Device, policy: str, due: list[str]
) -> None:
    with red.scope():
        make(pump, definition=HOURLY | {"missed": policy})
    tick(NOON + 4 * HOUR)
    assert [at[3:5] for at, reason in runs() if not reason] == due
    assert [at[3:5] for at, reason in runs()] == ["13", "14", "15", "16"]
    assert {reason for _at, reason in runs()} <= {"", Reason.MISSED}


@pytest.mark.django_db
def test_of_very_many_missed_runs_the_last_ones_are_kept_and_the_rest_counted(
    red: Team, pump: Device
) -> None:
    with red.scope():
        make(pump, definition={"when": {"kind": "every", "seconds": 60}})
    tick(NOON + 10 * HOUR)
    with red.scope():
        missed = Execution.objects.filter(reason=Reason.MISSED).order_by("triggered_at")
        assert missed.count() == 100
        assert missed[0].detail == f"+{10 * 60 - 6 - 100}"
        assert Execution.objects.exclude(reason=Reason.MISSED).count() == 6


@pytest.mark.django_db
def test_a_clock_set_back_an_hour_repeats_nothing_and_loses_nothing(
    red: Team, pump: Device
) -> None:
    with red.scope():
        make(pump, definition={"when": {"kind": "every", "seconds": 600}})
    now = NOON
    for step in [10] * 6 + [-60] + [10] * 12:
        now += step * MINUTE
        tick(now)
    assert [at for at, _reason in runs()] == [
        f"{NOON + n * 10 * MINUTE:%d %H:%M}" for n in range(1, 13)
    ]
    assert {reason for _at, reason in runs()} == {""}


@pytest.mark.django_db
def test_a_clock_set_forward_a_day_names_what_it_left_out(red: Team, pump: Device) -> None:
    with red.scope():
        make(pump, definition=HOURLY)
    for now in (NOON + HOUR, NOON + HOUR + DAY, NOON + 2 * HOUR, NOON + 2 * HOUR + DAY):
        tick(now)  # a day ahead, back again, and there at last
    found = runs()
    assert len(found) == len(set(found)) == 26
    assert [reason for _at, reason in found] == ["", *[Reason.MISSED] * 23, "", ""]


@pytest.mark.django_db
def test_a_window_is_begun_late_only_while_it_holds(red: Team, pump: Device) -> None:
    window = {"when": {"kind": "window", "from": "16:00", "to": "17:00"}}  # 13 to 14 UTC
    with red.scope():
        make(pump, definition=window, end_actions=[command(pump, "pump_off")])
    tick(NOON + HOUR + 30 * MINUTE)
    assert runs() == [("15 13:00", "")]
    tick(NOON + DAY + 3 * HOUR)  # the end of the first day, and all of the second
    assert runs() == [
        ("15 13:00", ""), ("15 14:00", Reason.MISSED), ("16 13:00", Reason.MISSED), ("16 14:00", "")
    ]  # fmt: skip
    with red.scope():
        last = Execution.objects.latest("triggered_at")
        assert [step.action["name"] for step in last.steps.all()] == ["pump_off"]


@pytest.mark.django_db
def test_nothing_is_begun_in_a_zone_that_is_controlled_by_hand(red: Team, pump: Device) -> None:
    with red.scope():
        zone = Zone.objects.create(site=pump.site, name="Bench")
        control = ZoneControl.objects.create(zone=zone, mode="manual")
        make(pump, definition=HOURLY, zone=zone)
        tick(NOON + HOUR)
        ZoneControl.objects.filter(id=control.id).update(mode="semi")
        tick(NOON + 2 * HOUR)
    assert [reason for _at, reason in runs()] == [Reason.MANUAL_MODE, ""]


@pytest.mark.django_db
def test_one_that_cannot_be_read_stops_no_other_and_is_tried_again(red: Team, pump: Device) -> None:
    with red.scope():
        bad = make(pump, definition=HOURLY)
        make(pump, name="Good", definition=HOURLY)
        Schedule.objects.filter(id=bad.id).update(definition={"when": {"kind": "no"}})
        tick(NOON + HOUR)
        bad.refresh_from_db()
        assert bad.next_at == NOON + 2 * HOUR
        assert [one.label for one in Execution.objects.all()] == ["Good"]
        Schedule.objects.filter(id=bad.id).update(definition=HOURLY)
        tick(NOON + 2 * HOUR)
        assert Execution.objects.filter(schedule=bad).count() == 2


@pytest.mark.django_db
def test_a_site_that_gets_another_clock_takes_its_schedules_along(red: Team, pump: Device) -> None:
    sunset = {"when": {"kind": "sun", "event": "sunset"}}
    with red.scope():
        there = SiteFactory(tenant=red.tenant, latitude=38.42, longitude=27.14)
        daily, dusk = make(pump), make(pump, name="Dusk", site=there, definition=sunset)
        before = dusk.next_at
        for site, change in ((pump.site, {"timezone": "UTC"}), (there, {"longitude": 0.0})):
            Site.objects.filter(id=site.id).update(
                **change, updated_at=daily.updated_at + dt.timedelta(seconds=60)
            )
        tick(NOON)
        daily.refresh_from_db()
        dusk.refresh_from_db()
    assert daily.next_at == dt.datetime(2026, 6, 16, 6, tzinfo=dt.UTC)
    assert before is not None
    assert dusk.next_at is not None
    assert dusk.next_at - before > HOUR


@pytest.mark.django_db(transaction=True)
def test_two_clocks_begin_500_runs_once_each(red: Team, pump: Device) -> None:
    with red.scope():
        for number in range(50):
            make(pump, name=f"S{number}", definition={"when": {"kind": "every", "seconds": 60}})
    errors: list[BaseException] = []
    start = threading.Barrier(2)

    def work() -> None:
        try:
            clock = Clock()
            for minute in range(1, 11):
                start.wait(60)
                while clock.round(NOON + minute * MINUTE):
                    pass
        except BaseException as error:  # noqa: BLE001 (told below)
            errors.append(error)
            start.abort()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tick(NOON + 10 * MINUTE)
    assert errors == []
    with all_tenants():
        kept: Any = Execution.objects.values_list("origin_id", "trigger_key", "reason")
        found = list(kept)
    assert len(found) == len(set(found)) == 500
    assert {reason for _origin, _key, reason in found} == {""}
