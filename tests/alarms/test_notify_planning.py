"""Who is told of what happened to an alarm, and when."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import SystemRole
from accounts.tenancy import all_tenants
from alarms.models import (
    Alarm,
    AlarmEvent,
    EscalationStep,
    Notification,
    NotificationMessage,
    NotificationRoute,
    NotificationTarget,
    OnCallMember,
    OnCallRota,
    OnCallStandIn,
)
from alarms.services.duty import call_people
from alarms.services.gathering import due_targets, gather
from alarms.services.planning import plan_events
from alarms.services.suppression import release
from devices.models import Severity
from tests.alarms.making import end_alarm, open_alarm
from tests.factories import NOW, DeviceFactory, MembershipFactory, SiteFactory, UserFactory

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = (dt.timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours"))
# NOW is a Friday, 12:00 UTC
NIGHT = [{"from": "22:00", "to": "07:00"}]


def target(team, name="Night shift", **fields):
    with team.scope():
        return NotificationTarget.objects.create(
            **{
                "name": name,
                "kind": "email",
                "address": f"{name.lower().replace(' ', '.')}@x.example",
            }
            | fields
        )


def route(team, *steps, name="Everything", **fields):
    """Steps: (seconds, target or rota)."""
    with team.scope():
        made = NotificationRoute.objects.create(name=name, **fields)
        for after, who in steps:
            field = "rota" if isinstance(who, OnCallRota) else "target"
            EscalationStep.objects.create(route=made, after_seconds=after, **{field: who})
    return made


def happens(team, alarm, kind, at, **changes):
    with team.scope():
        Alarm.objects.filter(id=alarm.id).update(**changes)
        AlarmEvent.objects.create(alarm=alarm, kind=kind, at=at)


def run(now):
    """Plan and gather all that is due."""
    plan_events(now=now)
    call_people(now=now)
    for tenant_id, target_id in due_targets(now=now):
        gather(tenant_id, target_id, now=now)


def told(team):
    """Return whom which message told what, in the order of time."""
    with team.scope():
        messages = NotificationMessage.objects.select_related("target").order_by(
            "made_at", "target__name"
        )
        return [
            (message.target.name, [(n["title"], n["what"]) for n in message.content["notes"]])
            for message in messages
        ]


def dropped(team):
    with team.scope():
        rows = Notification.objects.filter(state="dropped").order_by("id")
        return [row.reason for row in rows]


@pytest.fixture
def night(red):
    return target(red)


@pytest.fixture
def chief(red):
    return target(red, "Chief")


def test_without_a_route_the_administrators_are_told_by_mail_and_in_the_app(red):
    boss = MembershipFactory(tenant=red.tenant, role=SystemRole.ADMIN).user
    alarm = open_alarm(red, "a")

    run(NOW)

    with red.scope():
        kinds = {
            (message.target.person_id, message.target.kind)
            for message in NotificationMessage.objects.select_related("target")
        }
    admins = {red.owner.id, boss.id}
    assert kinds == {(who, kind) for who in admins for kind in ("email", "in_app")}
    assert all(what == [(alarm.title, "raised")] for _name, what in told(red))


def test_without_a_route_information_is_told_to_nobody(red):
    open_alarm(red, "a", severity=Severity.INFO)

    run(NOW)

    assert told(red) == []


def test_a_critical_alarm_that_no_route_takes_goes_to_the_administrators(red, night):
    route(red, (0, night), min_severity=Severity.WARNING, tag="cooling")
    open_alarm(red, "a", severity=Severity.CRITICAL)
    open_alarm(red, "b", severity=Severity.ERROR)

    run(NOW)

    with red.scope():
        people = {m.target.person_id for m in NotificationMessage.objects.select_related("target")}
    assert people == {red.owner.id}
    assert all(len(notes) == 1 for _name, notes in told(red))


def test_a_route_takes_by_severity_site_tag_and_time(red, night):
    site = SiteFactory(tenant=red.tenant, timezone="Europe/Istanbul")
    device = DeviceFactory(tenant=red.tenant, site=site, tags=["cooling"])
    # 12:00 UTC is 15:00 in Istanbul
    route(
        red, (0, night), min_severity=Severity.ERROR, site=site, tag="cooling",
        slots=[{"days": [5], "from": "15:00", "to": "16:00"}],
    )  # fmt: skip
    fits = {"site": site, "device": device, "severity": Severity.ERROR}
    open_alarm(red, "fits", title="Fits", **fits)
    open_alarm(red, "mild", **fits | {"severity": Severity.WARNING})
    open_alarm(red, "elsewhere", **fits | {"site": None})
    open_alarm(red, "untagged", **fits | {"device": None})
    open_alarm(red, "early", at=NOW - HOUR, **fits)

    run(NOW)

    assert told(red) == [("Night shift", [("Fits", "raised")])]


def test_nothing_is_planned_twice(red, night):
    route(red, (0, night), name="One")
    route(red, (0, night), name="Two")
    open_alarm(red, "a")

    run(NOW)
    with red.scope():
        AlarmEvent.objects.update(planned_at=None)
    run(NOW)

    assert len(told(red)) == 1


def test_those_who_were_told_of_the_beginning_are_told_of_the_end(red, night, chief):
    route(red, (0, night), (600, chief))
    alarm = open_alarm(red, "a")
    run(NOW)

    end_alarm(red, alarm, at=NOW + MINUTE)
    run(NOW + MINUTE)
    run(NOW + HOUR)

    assert told(red) == [
        ("Night shift", [(alarm.title, "raised")]), ("Night shift", [(alarm.title, "ended")]),
    ]  # fmt: skip
    assert dropped(red) == ["over"]


def test_a_route_may_keep_ends_to_itself(red, night):
    route(red, (0, night), tells_end=False)
    alarm = open_alarm(red, "a")
    run(NOW)

    end_alarm(red, alarm, at=NOW + MINUTE)
    run(NOW + MINUTE)

    assert len(told(red)) == 1


def test_the_ladder_goes_on_until_somebody_answers(red, night, chief):
    route(red, (0, night), (600, chief), (1200, night))
    alarm = open_alarm(red, "a")
    run(NOW)

    run(NOW + 10 * MINUTE)
    happens(red, alarm, "acknowledged", NOW + 11 * MINUTE, acknowledged_at=NOW + 11 * MINUTE)
    run(NOW + 11 * MINUTE)
    run(NOW + HOUR)

    assert told(red) == [
        ("Night shift", [(alarm.title, "raised")]), ("Chief", [(alarm.title, "still_open")]),
    ]  # fmt: skip
    assert dropped(red) == ["answered"]


def test_the_ladder_goes_on_when_the_answer_is_taken_back(red, night, chief):
    route(red, (0, night), (600, chief))
    alarm = open_alarm(red, "a")
    run(NOW)
    happens(red, alarm, "acknowledged", NOW + MINUTE, acknowledged_at=NOW + MINUTE)
    run(NOW + MINUTE)

    happens(red, alarm, "unacknowledged", NOW + HOUR, acknowledged_at=None)
    run(NOW + HOUR)

    assert [name for name, _notes in told(red)] == ["Night shift", "Chief"]


def test_quiet_hours_are_told_once_afterwards_with_what_came_and_went(red):
    sleeper = target(red, "Sleeper", quiet=NIGHT, timezone="UTC")
    route(red, (0, sleeper))
    midnight = NOW + 12 * HOUR
    gone = open_alarm(red, "gone", title="Gone", at=midnight)
    open_alarm(red, "stays", title="Stays", at=midnight + HOUR)
    run(midnight + HOUR)
    end_alarm(red, gone, at=midnight + 2 * HOUR)
    run(midnight + 2 * HOUR)
    assert told(red) == []

    run(midnight + 7 * HOUR)

    assert told(red) == [("Sleeper", [("Stays", "raised"), ("Gone", "raised_and_ended")])]
    with red.scope():
        message = NotificationMessage.objects.get()
    assert message.content["was_held"]
    assert message.subject.startswith("While it was quiet: 2 alarms, 1 open")


def test_quiet_hours_bind_later_steps(red, night):
    sleeper = target(red, "Sleeper", quiet=NIGHT, timezone="UTC")
    route(red, (0, night), (600, sleeper))
    evening = NOW + 10 * HOUR - 5 * MINUTE  # five minutes before quiet hours
    open_alarm(red, "a", at=evening)

    for hours in range(10):
        run(evening + hours * HOUR)
    assert [name for name, _notes in told(red)] == ["Night shift"]
    run(NOW + 19 * HOUR + 5 * MINUTE)  # 07:05

    assert [name for name, _notes in told(red)] == ["Night shift", "Sleeper"]


@pytest.mark.parametrize("overrides", [True, False])
def test_critical_alarms_may_wake_people(red, overrides):
    sleeper = target(red, "Sleeper", quiet=NIGHT, timezone="UTC")
    route(red, (0, sleeper), overrides_quiet=overrides)
    midnight = NOW + 12 * HOUR
    open_alarm(red, "a", severity=Severity.CRITICAL, at=midnight)
    open_alarm(red, "b", severity=Severity.ERROR, at=midnight)

    run(midnight)

    assert len(told(red)) == overrides
    assert sum(len(notes) for _name, notes in told(red)) == overrides


def test_a_daily_digest_waits_for_its_time(red):
    reader = target(red, "Reader", digest_at=dt.time(8), timezone="Europe/Istanbul")
    route(red, (0, reader))
    open_alarm(red, "a")
    open_alarm(red, "b", at=NOW + HOUR)

    run(NOW + HOUR)
    run(NOW + 16 * HOUR)  # 07:00 in Istanbul
    assert told(red) == []
    run(NOW + 17 * HOUR)

    assert [len(notes) for _name, notes in told(red)] == [2]


@pytest.mark.parametrize("kind", ["suppressed", "shelved", "snoozed"])
def test_what_is_kept_quiet_is_not_told_until_it_is_released(red, night, chief, kind):
    route(red, (0, night), (600, chief))
    alarm = open_alarm(red, "a")
    changes = {"snoozed_until": NOW + HOUR} if kind == "snoozed" else {"suppressed_because": kind}
    happens(red, alarm, kind, NOW, **changes | ({} if kind != "suppressed" else
            {"suppressed_because": "parent"}))  # fmt: skip
    run(NOW + 10 * MINUTE)
    assert told(red) == []

    happens(red, alarm, "released", NOW + 2 * HOUR, suppressed_because="", snoozed_until=None)
    run(NOW + 2 * HOUR)
    run(NOW + 2 * HOUR + 10 * MINUTE)

    assert [name for name, _notes in told(red)] == ["Night shift", "Chief"]


def test_what_was_suppressed_after_it_was_told_drops_its_next_steps(red, night, chief):
    route(red, (0, night), (600, chief))
    alarm = open_alarm(red, "a")
    run(NOW)

    happens(red, alarm, "suppressed", NOW + MINUTE, suppressed_because="maintenance")
    run(NOW + HOUR)

    assert [name for name, _notes in told(red)] == ["Night shift"]
    assert dropped(red) == ["suppressed"]


def test_a_released_alarm_that_was_acknowledged_is_not_told_again(red, night):
    route(red, (0, night))
    alarm = open_alarm(red, "a", suppressed_because="parent")
    run(NOW)

    happens(red, alarm, "released", NOW, suppressed_because="", acknowledged_at=NOW)
    run(NOW)

    assert told(red) == []


def test_alarms_within_the_gathering_time_go_out_together(red):
    calm = target(red, "Calm", gather_seconds=60)
    route(red, (0, calm))
    open_alarm(red, "a")
    open_alarm(red, "b", at=NOW + 30 * SECOND)

    run(NOW + 30 * SECOND)
    assert told(red) == []
    run(NOW + 60 * SECOND)

    assert [len(notes) for _name, notes in told(red)] == [2]


def test_what_is_more_than_the_limit_goes_out_together(red):
    limited = target(red, "Limited", most_per_hour=2)
    route(red, (0, limited))
    for number in range(5):
        open_alarm(red, str(number), at=NOW + number * MINUTE)
        run(NOW + number * MINUTE)
    assert [len(notes) for _name, notes in told(red)] == [1, 1]

    run(NOW + HOUR)

    assert [len(notes) for _name, notes in told(red)] == [1, 1, 3]


def test_whoever_is_on_call_is_told(red):
    first, second = (MembershipFactory(tenant=red.tenant).user for _ in range(2))
    with red.scope():
        rota = OnCallRota.objects.create(name="Duty", first_date=NOW.date(), turn_days=1)
        for position, person in enumerate((first, second)):
            OnCallMember.objects.create(rota=rota, person=person, position=position)
    route(red, (0, rota))
    open_alarm(red, "a")
    run(NOW)
    open_alarm(red, "b", at=NOW + 24 * HOUR)
    run(NOW + 24 * HOUR)

    with red.scope():
        messages = NotificationMessage.objects.filter(target__kind="email")
        people = [m.target.person_id for m in messages.order_by("made_at")]
    assert people == [first.id, second.id]


def test_a_stand_in_takes_over_and_nobody_on_call_means_the_administrators(red):
    stranger = UserFactory()
    with red.scope():
        rota = OnCallRota.objects.create(name="Duty", first_date=NOW.date())
        OnCallMember.objects.create(rota=rota, person=stranger, position=0)
    route(red, (0, rota))
    open_alarm(red, "a")
    run(NOW)
    helper = MembershipFactory(tenant=red.tenant).user
    with red.scope():
        OnCallStandIn.objects.create(rota=rota, person=helper, start=NOW, end=NOW + 24 * HOUR)
    open_alarm(red, "b", at=NOW + HOUR)
    run(NOW + HOUR)

    with red.scope():
        messages = NotificationMessage.objects.filter(target__kind="email")
        people = [m.target.person_id for m in messages.order_by("made_at")]
    assert people == [red.owner.id, helper.id]


def test_who_left_is_told_nothing(red):
    person = MembershipFactory(tenant=red.tenant).user
    mine = target(red, "Left", person=person, address="")
    route(red, (0, mine))
    open_alarm(red, "a")
    person.memberships.all().delete()

    run(NOW)

    assert told(red) == []
    assert dropped(red) == ["not_a_member"]


def test_tenants_are_planned_apart(red, blue, night):
    route(red, (0, night))
    open_alarm(red, "a", title="Red")
    open_alarm(blue, "a", title="Blue")

    run(NOW)

    assert told(red) == [("Night shift", [("Red", "raised")])]
    assert {title for _name, notes in told(blue) for title, _what in notes} == {"Blue"}


def test_an_event_that_cannot_be_planned_keeps_no_other_waiting(red, blue, night):
    route(red, (0, night))
    route(blue, (0, target(blue)), slots=[{"from": "not a time"}])  # as nobody can enter it
    theirs, ours = open_alarm(blue, "system:a:1"), open_alarm(red, "system:b:1")

    planned = plan_events(now=NOW)

    with all_tenants():
        told = set(Notification.objects.values_list("alarm_id", flat=True))
        waiting = AlarmEvent.objects.filter(planned_at=None)
        assert told == {ours.id}
        assert planned.failed == tuple(waiting.values_list("id", flat=True))
        assert waiting.get().alarm_id == theirs.id
        NotificationRoute.objects.update(slots=[])
    assert plan_events(now=NOW, without=planned.failed).events == 0
    assert plan_events(now=NOW).failed == ()
    with all_tenants():
        assert Notification.objects.filter(alarm=theirs).exists()


def test_an_alarm_that_was_put_aside_is_told_again_afterwards(red, night):
    route(red, (0, night))
    alarm = open_alarm(red, "system:a:1")
    happens(red, alarm, "snoozed", NOW, snoozed_until=NOW + HOUR)
    plan_events(now=NOW)

    assert release(now=NOW + HOUR - SECOND) == 0
    assert release(now=NOW + HOUR) == 1
    assert release(now=NOW + HOUR) == 0

    plan_events(now=NOW + HOUR)
    with red.scope():
        alarm.refresh_from_db()
        waiting = Notification.objects.filter(alarm=alarm, state=Notification.State.WAITING)
        assert (alarm.snoozed_until, waiting.count()) == (None, 1)
