"""Whatever happens to alarms in whatever order: told once, ended once, nothing after an answer."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter, defaultdict

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.models import Alarm, AlarmEvent, Ending, Notification, NotificationMessage
from alarms.notify.holding import Hold, due_time
from alarms.notify.weeks import week_of, zone_of
from tests.alarms.making import open_alarm
from tests.alarms.test_notify_planning import NIGHT, route, run, target
from tests.conftest import make_team
from tests.factories import NOW

MINUTE = dt.timedelta(minutes=1)
Kind = AlarmEvent.Kind
ACTIONS = ("raise", "acknowledge", "unacknowledge", "suppress", "release", "clear", "run")


def step(team, open_alarms, action, which, at):
    """Let something happen to one of three alarms, as services do, if it can."""
    key = f"alarm {which}"
    alarm = open_alarms.get(key)
    if action == "raise" and alarm is None:
        open_alarms[key] = open_alarm(team, key, at=at)
        return
    if alarm is None:
        return
    with team.scope():
        row = Alarm.objects.get(id=alarm.id)
        changes, kind = {
            "acknowledge": ({"acknowledged_at": at}, Kind.ACKNOWLEDGED),
            "unacknowledge": ({"acknowledged_at": None}, Kind.UNACKNOWLEDGED),
            "suppress": ({"suppressed_because": "parent"}, Kind.SUPPRESSED),
            "release": ({"suppressed_because": ""}, Kind.RELEASED),
            "clear": ({"cleared_at": at, "ending": Ending.CLEARED}, Kind.CLEARED),
        }.get(action, ({}, ""))
        is_now = {
            "acknowledge": row.acknowledged_at is None,
            "unacknowledge": row.acknowledged_at is not None,
            "suppress": not row.suppressed_because, "release": bool(row.suppressed_because),
            "clear": True,
        }.get(action, False)  # fmt: skip
        if not is_now:
            return
        Alarm.objects.filter(id=alarm.id).update(**changes)
        AlarmEvent.objects.create(alarm=alarm, kind=kind, at=at)
    if action == "clear":
        del open_alarms[key]


@pytest.mark.django_db
@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2), st.integers(0, 30)), max_size=25
    ),
    st.booleans(),
)
def test_any_interleaving_tells_each_thing_once(steps, is_quiet):
    with transaction.atomic():
        play(make_team(f"t{uuid.uuid4().hex}"), steps, is_quiet)
        transaction.set_rollback(True)


def play(team, steps, is_quiet):
    quiet = NIGHT if is_quiet else []
    calm = target(team, "Calm", quiet=quiet)
    boss = target(team, "Boss")
    route(team, (0, calm), (600, boss))
    open_alarms: dict[str, Alarm] = {}
    at = NOW + 9 * 60 * MINUTE  # an hour before quiet hours
    for action, which, minutes in steps:
        at += minutes * MINUTE
        if action == "run":
            run(at)
        else:
            step(team, open_alarms, action, which, at)
    run(at)
    run(at + dt.timedelta(days=2))

    with team.scope():
        check(team)


def check(team):
    assert not Notification.objects.filter(state="waiting").exists()
    assert not AlarmEvent.objects.filter(planned_at=None).exists()
    told = defaultdict(list)
    for message in NotificationMessage.objects.order_by("made_at", "id"):
        for note in message.content["notes"]:
            told[note["alarm"], message.target_id].append(note["what"])
    for whats in told.values():
        ends = [what for what in whats if what in {"ended", "raised_and_ended"}]
        assert len(ends) <= 1
        assert whats[-1:] == ends or not ends
        assert whats[0] != "ended"
    ended = set(Alarm.objects.exclude(ending="").values_list("id", flat=True))
    for (alarm, _target), whats in told.items():
        assert (str(alarm) in {str(id_) for id_ in ended}) == (
            whats[-1] in {"ended", "raised_and_ended"}
        )
    rows = Notification.objects.filter(target__isnull=False)
    keys = Counter(rows.values_list("alarm_id", "target_id", "occasion"))
    assert all(number == 1 for number in keys.values())


@given(
    st.integers(0, 365 * 24 * 60),
    st.integers(0, 7 * 24 * 60),
    st.sampled_from(["Europe/Istanbul", "Europe/Berlin", "America/New_York", "UTC"]),
    st.sampled_from([[], NIGHT, [{"days": [6, 7], "from": "00:00", "to": "24:00"}]]),
    st.sampled_from([None, dt.time(2, 30), dt.time(8)]),
    st.booleans(),
)
def test_nothing_is_due_in_quiet_hours_or_before_its_time(
    start, minutes, zone, slots, digest, bypasses
):
    begin, after = NOW + start * MINUTE, minutes * MINUTE
    week = week_of(slots, zone)

    due = due_time(begin, after, Hold(zone_of(zone), week, digest), bypasses=bypasses)

    assert due.at >= begin + after
    assert due.was_held == (due.at > begin + after)
    if bypasses:
        assert due.at == begin + after
    elif digest is None and week is not None:
        assert not week.holds(due.at)
    elif digest is not None and digest != dt.time(2, 30):  # an hour that spring skips
        assert due.at.astimezone(zone_of(zone)).time() == digest
