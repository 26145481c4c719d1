"""What people do about alarms: once each, written down, and safe when two do it at once."""

from __future__ import annotations

import datetime as dt
import threading
import uuid

import pytest
from django.db import connection, connections

from accounts.models import AuditEvent
from accounts.tenancy import tenant_scope
from alarms.models import Alarm, AlarmEvent, Ending, Rating, Suppression
from alarms.services.life import (
    MAX_SNOOZE,
    AlarmGone,
    Chosen,
    ImpossibleSnooze,
    NotAssignable,
    Outcome,
    TooManyAlarms,
    WordsMissing,
    WordsTooLong,
    acknowledge_alarms,
    assign_alarms,
    assignable_people,
    clear_alarms,
    comment_alarms,
    rate_alarms,
    snooze_alarms,
    unacknowledge_alarms,
)
from devices.models import LiveEvent
from tests.factories import NOW, AlarmFactory, MembershipFactory, UserFactory

LATER = NOW + dt.timedelta(minutes=5)


@pytest.fixture
def alarm(red):
    return AlarmFactory(tenant=red.tenant)


@pytest.fixture
def by(red):
    """Within the tenant, as the operator."""
    with red.scope():
        yield red.operator


def one(alarm):
    return Chosen([alarm.id])


def outcomes(results):
    return [result.outcome for result in results]


def told(alarm):
    rows = AlarmEvent.objects.filter(alarm=alarm).order_by("id")
    return [(row.kind, row.text) for row in rows]


ACTIONS = [
    (lambda c, by, now: acknowledge_alarms(c, by=by, now=now), "acknowledged", ""),
    (lambda c, by, now: assign_alarms(c, assignee=by, by=by, now=now), "assigned", None),
    (lambda c, by, now: comment_alarms(c, text=" seen ", by=by, now=now), "commented", "seen"),
    (
        lambda c, by, now: snooze_alarms(c, until=NOW + dt.timedelta(hours=1), by=by, now=now),
        "snoozed", "2026-11-20T13:00:00+00:00",
    ),
    (lambda c, by, now: rate_alarms(c, rating=Rating.FALSE, by=by, now=now), "rated", "false"),
    (lambda c, by, now: clear_alarms(c, by=by, now=now, comment="fixed"), "cleared", "fixed"),
]  # fmt: skip
ids = [row[1] for row in ACTIONS]


@pytest.mark.django_db
class TestEach:
    @pytest.mark.parametrize(("act", "kind", "text"), ACTIONS, ids=ids)
    def test_is_written_once_however_often_it_is_done(self, alarm, by, act, kind, text):
        first = act(one(alarm), by, NOW)
        again = act(one(alarm), by, NOW + dt.timedelta(seconds=1))

        assert outcomes(first) == [Outcome.DONE]
        assert outcomes(again) in ([Outcome.UNCHANGED], [Outcome.ENDED])
        assert told(alarm) == [(kind, by.email if text is None else text)]
        row = AlarmEvent.objects.get()
        assert (row.by, row.at, row.planned_at) == (by, NOW, None)
        assert AuditEvent.objects.filter(action=f"alarm.{kind}").count() == 1

    @pytest.mark.parametrize(("act", "kind", "text"), ACTIONS, ids=ids)
    def test_strangers_change_nothing(self, alarm, blue, act, kind, text):
        with blue.scope(), pytest.raises(AlarmGone):
            act(one(alarm), blue.operator, NOW)

        with tenant_scope(alarm.tenant_id):
            assert not AlarmEvent.objects.exists()
            assert Alarm.objects.get().updated_at == alarm.updated_at

    def test_acknowledging_says_who_and_when(self, alarm, by):
        acknowledge_alarms(one(alarm), by=by, now=NOW, comment="on my way")

        alarm.refresh_from_db()
        assert (alarm.acknowledged_at, alarm.acknowledged_by) == (NOW, by)
        assert told(alarm) == [("acknowledged", "on my way")]

    def test_an_acknowledgement_is_taken_back(self, alarm, by):
        acknowledge_alarms(one(alarm), by=by, now=NOW)

        results = unacknowledge_alarms(one(alarm), by=by, now=LATER)

        alarm.refresh_from_db()
        assert outcomes(results) == [Outcome.DONE]
        assert (alarm.acknowledged_at, alarm.acknowledged_by) == (None, None)
        assert [kind for kind, _ in told(alarm)] == ["acknowledged", "unacknowledged"]
        assert outcomes(unacknowledge_alarms(one(alarm), by=by, now=LATER)) == [Outcome.UNCHANGED]

    def test_what_has_ended_can_still_be_acknowledged_commented_and_rated(self, alarm, by):
        clear_alarms(one(alarm), by=by, now=NOW)

        done = [
            acknowledge_alarms(one(alarm), by=by, now=LATER),
            comment_alarms(one(alarm), text="a", by=by, now=LATER),
            rate_alarms(one(alarm), rating=Rating.USEFUL, by=by, now=LATER),
        ]

        assert [outcomes(found) for found in done] == [[Outcome.DONE]] * 3
        alarm.refresh_from_db()
        assert (alarm.rating, alarm.rated_by) == (Rating.USEFUL, by)

    def test_clearing_ends_it_by_hand_and_wakes_it(self, alarm, by):
        snooze_alarms(one(alarm), until=LATER, by=by, now=NOW)

        clear_alarms(one(alarm), by=by, now=LATER)

        alarm.refresh_from_db()
        assert (alarm.ending, alarm.cleared_at) == (Ending.BY_HAND, LATER)
        assert alarm.snoozed_until is None

    def test_clearing_is_not_before_the_beginning(self, red, by):
        ahead = AlarmFactory(tenant=red.tenant, raised_at=LATER)

        clear_alarms(one(ahead), by=by, now=NOW)

        ahead.refresh_from_db()
        assert ahead.cleared_at == LATER

    def test_viewers_in_front_of_pages_are_told(self, alarm, by):
        before = LiveEvent.objects.count()

        acknowledge_alarms(one(alarm), by=by, now=NOW)

        assert LiveEvent.objects.count() == before + 1
        assert LiveEvent.objects.latest("id").payload["is_acknowledged"] is True

    def test_nobody_may_be_the_assignee_again(self, alarm, by, red):
        assign_alarms(one(alarm), assignee=red.viewer, by=by, now=NOW)
        assign_alarms(one(alarm), assignee=None, by=by, now=LATER)

        alarm.refresh_from_db()
        assert alarm.assignee is None
        assert told(alarm) == [("assigned", red.viewer.email), ("assigned", "")]

    @pytest.mark.parametrize(
        "until", [NOW, NOW - dt.timedelta(days=1), NOW + MAX_SNOOZE + dt.timedelta(seconds=1)]
    )
    def test_a_snooze_has_an_end_that_lies_ahead(self, alarm, by, until):
        with pytest.raises(ImpossibleSnooze):
            snooze_alarms(one(alarm), until=until, by=by, now=NOW)

    def test_a_comment_says_something_that_fits(self, alarm, by):
        with pytest.raises(WordsMissing):
            comment_alarms(one(alarm), text=" \0 ", by=by, now=NOW)
        with pytest.raises(WordsTooLong):
            comment_alarms(one(alarm), text="x" * 2001, by=by, now=NOW)

    def test_the_same_comment_a_minute_later_is_another(self, alarm, by):
        comment_alarms(one(alarm), text="still hot", by=by, now=NOW)
        comment_alarms(one(alarm), text="still hot", by=by, now=LATER)

        assert len(told(alarm)) == 2


@pytest.mark.django_db
def test_only_people_who_may_see_alarms_here_are_assigned(alarm, by, red, blue):
    stranger = MembershipFactory(tenant=red.tenant, user=UserFactory(is_active=False)).user

    assert set(assignable_people()) == {red.owner, red.operator, red.viewer}
    for person in (stranger, blue.owner):
        with pytest.raises(NotAssignable):
            assign_alarms(one(alarm), assignee=person, by=by, now=NOW)


@pytest.mark.django_db
class TestMany:
    def test_each_has_a_result_of_its_own(self, red, blue, by):
        fresh, seen = AlarmFactory.create_batch(2, tenant=red.tenant)
        foreign, unknown = AlarmFactory(tenant=blue.tenant), uuid.uuid4()
        acknowledge_alarms(one(seen), by=by, now=NOW)

        chosen = Chosen([fresh.id, seen.id, foreign.id, unknown, fresh.id])
        results = {r.alarm_id: r.outcome for r in acknowledge_alarms(chosen, by=by, now=LATER)}

        assert results == {
            fresh.id: Outcome.DONE, seen.id: Outcome.UNCHANGED,
            foreign.id: Outcome.NOT_FOUND, unknown: Outcome.NOT_FOUND,
        }  # fmt: skip
        with blue.scope():
            assert Alarm.objects.get().acknowledged_at is None

    def test_there_is_a_bound(self, by):
        with pytest.raises(TooManyAlarms):
            clear_alarms(Chosen([uuid.uuid4() for _ in range(501)]), by=by, now=NOW)

    def test_an_incident_is_acknowledged_as_one(self, red, by):
        root = AlarmFactory(tenant=red.tenant)
        hidden = AlarmFactory(tenant=red.tenant, parent=root, suppressed_because=Suppression.PARENT)
        released = AlarmFactory(tenant=red.tenant, parent=root)

        acknowledge_alarms(Chosen([root.id], with_children=True), by=by, now=NOW)

        seen = Alarm.objects.filter(acknowledged_at=NOW).values_list("id", flat=True)
        assert set(seen) == {root.id, hidden.id}
        released.refresh_from_db()
        assert released.acknowledged_at is None

    @pytest.mark.parametrize("size", [10, 200])
    def test_the_queries_do_not_grow(self, red, by, size, django_assert_max_num_queries):
        device = AlarmFactory(tenant=red.tenant).device
        alarms = AlarmFactory.create_batch(size, device=device)

        with django_assert_max_num_queries(10):
            results = acknowledge_alarms(Chosen([alarm.id for alarm in alarms]), by=by, now=NOW)

        assert set(outcomes(results)) == {Outcome.DONE}
        assert AlarmEvent.objects.count() == size


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Two connections: what both do is written once, and nobody waits for ever."""

    def test_two_people_clear_the_same(self, red):
        alarms = AlarmFactory.create_batch(20, tenant=red.tenant)
        orders = [[a.id for a in alarms], [a.id for a in reversed(alarms)]]

        found = at_once(
            red, [lambda ids=ids: clear_alarms(Chosen(ids), by=None, now=NOW) for ids in orders]
        )

        counted = sorted(outcomes(results).count(Outcome.DONE) for results in found)
        with red.scope():
            assert AlarmEvent.objects.filter(kind="cleared").count() == 20
            assert Alarm.objects.filter(ending=Ending.BY_HAND).count() == 20
        assert counted == [0, 20]

    def test_the_second_waits_for_the_first_and_sees_what_it_did(self, red):
        alarm = AlarmFactory(tenant=red.tenant)
        calls = [
            lambda: comment_alarms(one(alarm), text="mine", by=red.owner, now=NOW) for _ in range(4)
        ]

        found = at_once(red, calls)

        assert sorted(outcomes(results)[0] for results in found) == ["done", *["unchanged"] * 3]
        with red.scope():
            assert AlarmEvent.objects.count() == 1


def at_once(team, calls):
    """Run the calls in threads with connections of their own; return what they returned."""
    barrier, found = threading.Barrier(len(calls)), []

    def run(call):
        try:
            own = connection.copy()
            # tests of outages leave the pool waiting longer and longer
            own.settings_dict["OPTIONS"].pop("pool", None)
            connections["default"] = own
            own.ensure_connection()
            barrier.wait(30)
            with team.scope():
                found.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(calls)
    return found
