"""Alarms in the API."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alarms.models import Alarm, AlarmEvent, Rating, Suppression
from alarms.services.life import Chosen, comment_alarms
from tests.alarms.test_inbox_pages import measure
from tests.factories import (
    NOW,
    AlarmFactory,
    AlarmRuleFactory,
    AlarmRuleVersionFactory,
    ChannelFactory,
    DeviceFactory,
)

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
ROOT = "/api/v1/alarms"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def operator(client_for, red):
    """The operator's browser."""
    return client_for(red.operator)


@pytest.fixture
def alarm(red):
    return AlarmFactory(tenant=red.tenant)


def post(client, path, **body):
    return client.post(f"{ROOT}/{path}", json.dumps(body), content_type="application/json")


def listed(client, **query):
    answer = client.get(ROOT, query)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


class TestReading:
    def test_a_row_says_all(self, operator, alarm):
        [row] = operator.get(ROOT).json()["results"]

        assert row["id"] == str(alarm.id)
        assert row["raised_at"] == "2026-11-20T12:00:00Z"
        assert (row["ending"], row["suppressed_because"], row["rating"]) == ("none",) * 3
        assert (row["source"], row["severity"], row["channel"]) == ("device", "warning", "")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"state": "open"}, "abc"), ({"state": "ended"}, "d"), ({"acknowledged": "true"}, "b"),
            ({"acknowledged": "false", "state": "open"}, "ac"), ({"explained": "false"}, "abd"),
            ({"snoozed": "true"}, "b"), ({"quiet": "false"}, "abcd"), ({"mine": "true"}, "a"),
            ({"min_severity": "error"}, "a"), ({"ending": "cleared"}, "d"), ({"q": "title c"}, "c"),
            ({"start": "2026-11-20T11:30:00Z"}, "abc"), ({"end": "2026-11-20T11:30:00Z"}, "d"),
            ({"source": "system"}, ""), ({"device": str(uuid.uuid4())}, ""),
        ],
    )  # fmt: skip
    def test_filters(self, operator, red, query, expected):
        common = {"device": DeviceFactory(tenant=red.tenant)}
        a = AlarmFactory(**common, title="title a", severity="critical", assignee=red.operator)
        b = AlarmFactory(**common, title="title b", acknowledged_at=NOW, snoozed_until=NOW + HOUR)
        c = AlarmFactory(**common, title="title c", parent=a, suppressed_because=Suppression.PARENT)
        d = AlarmFactory(
            **common, title="title d", raised_at=NOW - HOUR, cleared_at=NOW, ending="cleared"
        )
        names = {str(row.id): row.title[-1] for row in (a, b, c, d)}

        assert "".join(sorted(names[found] for found in listed(operator, **query))) == expected

    def test_pages_by_severity_hold_each_alarm_once(self, operator, red):
        device = DeviceFactory(tenant=red.tenant)
        for number in range(9):
            AlarmFactory(
                device=device, severity=("info", "warning", "critical")[number % 3],
                raised_at=NOW - number * HOUR,
            )  # fmt: skip
        found, address = [], f"{ROOT}?ordering=-severity&limit=4"
        while address:
            page = operator.get(address).json()
            found += [(row["severity"], row["raised_at"]) for row in page["results"]]
            address = page["next"]

        ranks = {"critical": 2, "warning": 1, "info": 0}
        assert len(set(found)) == 9
        assert found == sorted(found, key=lambda row: (ranks[row[0]], row[1]), reverse=True)

    def test_refuses_what_it_does_not_know(self, operator):
        answer = operator.get(ROOT, {"sate": "open"})

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unknown_parameter"

    def test_one_with_its_condition_events_and_chart(self, operator, red):
        device = DeviceFactory(tenant=red.tenant)
        channel = ChannelFactory(device=device, name="air_temp", unit="Cel")
        rule = AlarmRuleFactory(channel=channel)
        alarm = AlarmFactory(
            rule=rule, version=AlarmRuleVersionFactory(rule=rule), channel=channel, unit="Cel",
            limit=30.0, value=31.0, raised_at=NOW - 2 * HOUR,
        )  # fmt: skip
        measure(channel.id, alarm.raised_at)
        with red.scope():
            comment_alarms(Chosen([alarm.id]), text="hot", by=red.operator, now=NOW)

        one = operator.get(f"{ROOT}/{alarm.id}").json()
        [event] = operator.get(f"{ROOT}/{alarm.id}/events").json()["results"]
        chart = operator.get(f"{ROOT}/{alarm.id}/chart").json()

        assert one["condition"] == "Value above 30 °C, for 5 min; ends at or below 28 °C"
        assert one["channel"] == "air_temp"
        assert (event["kind"], event["text"], event["words"]) == ("commented", "hot", "Commented")
        assert (chart["source"], chart["limit"], chart["value"]) == ("raw", 30.0, 31.0)
        assert len(chart["t"]) == len(chart["low"]) == len(chart["mean"]) == 120
        assert chart["gaps"] == []
        assert chart["t"][0] == int((alarm.raised_at - HOUR).timestamp() * 1000)

    def test_no_chart_without_a_channel(self, operator, alarm):
        assert operator.get(f"{ROOT}/{alarm.id}/chart").status_code == 404

    def test_numbers(self, operator, red, alarm):
        rule = AlarmRuleFactory(tenant=red.tenant, name="Too hot")
        for minutes, rating in ((10, Rating.FALSE), (30, Rating.USEFUL), (60, "")):
            AlarmFactory(
                rule=rule, raised_at=NOW - 2 * HOUR, acknowledged_at=NOW, rating=rating,
                cleared_at=NOW - 2 * HOUR + dt.timedelta(minutes=minutes), ending="cleared",
            )  # fmt: skip

        counts = operator.get(f"{ROOT}/counts").json()
        rows = operator.get(f"{ROOT}/statistics", {"days": 7}).json()["results"]

        assert (counts["open"], counts["not_acknowledged"], counts["ended_unseen"]) == (1, 1, 0)
        assert counts["by_severity"]["warning"] == 1
        assert rows[0] == {
            "source": "rule", "rule": str(rule.id), "code": "", "title": "Too hot", "number": 3,
            "open": 0, "median_seconds": 1800.0, "useful": 1, "false": 1, "noise": 50,
            "newest_at": "2026-11-20T10:00:00Z",
        }  # fmt: skip
        assert (rows[1]["number"], rows[1]["median_seconds"], rows[1]["noise"]) == (1, None, None)

    def test_the_queries_do_not_grow(self, operator, red):
        device = DeviceFactory(tenant=red.tenant)
        found = []
        for size in (10, 200):
            AlarmFactory.create_batch(size, device=device, assignee=red.viewer)
            with CaptureQueriesContext(connection) as queries:
                assert len(operator.get(ROOT, {"limit": 500}).json()["results"]) >= size
            found.append(len(queries))

        assert found[0] == found[1]


ACTIONS = {
    "acknowledge": ({"text": "on my way"}, "acknowledged_at", "2026-11-20T12:00:00Z"),
    "assign": ({}, "assignee", None),
    "snooze": ({"until": "2026-11-20T13:00:00Z"}, "snoozed_until", "2026-11-20T13:00:00Z"),
    "clear": ({}, "ending", "by_hand"),
    "rate": ({"rating": "false"}, "rating", "false"),
    "comment": ({"text": "hot"}, "ending", "none"),
    "unacknowledge": ({}, "acknowledged_at", None),
}


class TestActing:
    @pytest.mark.parametrize("name", ACTIONS)
    def test_one_alarm(self, operator, red, alarm, name):
        body, field, value = ACTIONS[name]
        if name == "assign":
            body, value = {"assignee": str(red.viewer.pk)}, str(red.viewer.pk)
        if name == "unacknowledge":
            post(operator, f"{alarm.id}/acknowledge")

        first, again = (post(operator, f"{alarm.id}/{name}", **body) for _ in range(2))

        assert (first.status_code, again.status_code) == (200, 200), first.content
        assert first.json()[field] == again.json()[field] == value
        kind = {"assign": "assigned", "snooze": "snoozed", "rate": "rated", "clear": "cleared",
                "comment": "commented"}.get(name, f"{name}d")  # fmt: skip
        with red.scope():
            assert AlarmEvent.objects.filter(kind=kind).count() == 1

    @pytest.mark.parametrize("name", ACTIONS)
    def test_strangers_and_viewers_may_not(self, client_for, red, blue, alarm, name):
        body = ACTIONS[name][0] | ({"assignee": None} if name == "assign" else {})

        assert post(client_for(blue.owner), f"{alarm.id}/{name}", **body).status_code == 404
        assert post(client_for(red.viewer), f"{alarm.id}/{name}", **body).status_code == 403
        with red.scope():
            assert not AlarmEvent.objects.exists()

    def test_many_alarms_each_with_its_outcome(self, operator, red, blue, alarm):
        ended = AlarmFactory(
            tenant=red.tenant, raised_at=NOW - HOUR, cleared_at=NOW, ending="cleared"
        )
        foreign = AlarmFactory(tenant=blue.tenant)
        ids = [str(row.id) for row in (alarm, ended, foreign)]

        answer = post(operator, "actions", action="clear", alarms=ids, text="false alarm")

        outcomes = {row["alarm"]: row["outcome"] for row in answer.json()["results"]}
        assert outcomes == dict(zip(ids, ["done", "ended", "not_found"], strict=True))
        with blue.scope():
            assert Alarm.objects.get().ending == ""

    @pytest.mark.parametrize(
        ("body", "code", "pointer"),
        [
            ({"action": "acknowledge", "rating": "false"}, "unknown_field", "#/rating"),
            ({"action": "snooze"}, "required", "#/until"),
            ({"action": "comment"}, "required", "#/text"),
            ({"action": "explode"}, "invalid_choice", "#/action"),
            ({"action": "assign", "assignee": str(uuid.uuid4())}, "not_found", "#/assignee"),
        ],
    )
    def test_bodies_that_do_not_fit_are_refused(self, operator, alarm, body, code, pointer):
        answer = post(operator, "actions", alarms=[str(alarm.id)], **body)

        assert answer.status_code == 400
        [error] = answer.json()["errors"]
        assert (error["code"], error["pointer"]) == (code, pointer)

    def test_more_than_500_are_refused(self, operator):
        ids = [str(uuid.uuid4()) for _ in range(501)]

        answer = post(operator, "actions", action="clear", alarms=ids)

        assert answer.status_code == 400

    def test_refusals_have_a_code(self, operator, alarm):
        answer = post(operator, f"{alarm.id}/snooze", until="2026-11-20T11:00:00Z")

        assert (answer.status_code, answer.json()["code"]) == (400, "impossible_time")

    def test_an_incident_is_dealt_with_as_one(self, operator, red, alarm):
        child = AlarmFactory(tenant=red.tenant, parent=alarm, suppressed_because=Suppression.PARENT)

        post(operator, f"{alarm.id}/acknowledge", with_children=True)

        assert operator.get(f"{ROOT}/{child.id}").json()["acknowledged_at"] is not None


def test_nobody_reads_nothing(client):
    assert client.get(ROOT).status_code == 401
