"""The inbox, the history and the page of an alarm, as people see them."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from alarms.models import (
    Alarm,
    AlarmEvent,
    Ending,
    Notification,
    NotificationMessage,
    NotificationTarget,
    Rating,
    Source,
    Suppression,
)
from alarms.services.life import Chosen, acknowledge_alarms, comment_alarms, rate_alarms
from telemetry.partitions import ensure_partitions, week_of
from tests.factories import (
    NOW,
    AlarmFactory,
    AlarmRuleFactory,
    AlarmRuleVersionFactory,
    ChannelFactory,
    DeviceFactory,
    MembershipFactory,
    SiteFactory,
)

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
INBOX = "/alarms/"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def operator(client_for, red):
    """The operator's browser."""
    return client_for(red.operator)


@pytest.fixture
def viewer(client_for, red):
    """The viewer's browser."""
    return client_for(red.viewer)


def make(team, title, **fields):
    return AlarmFactory(tenant=team.tenant, title=title, **fields)


def titles(page):
    found = re.findall(r"data-alarm-link>([^<]+)<", page.content.decode())
    return [title.strip() for title in found]


def counts(page):
    text = page.content.decode()
    names = re.findall(r'count__number">([^<]+)</span><span class="count__name">([^<]+)<', text)
    return {name: int(number) for number, name in names}


class TestInbox:
    def test_shows_the_worst_first_and_the_newest_among_equals(self, viewer, red):
        make(red, "old warning", raised_at=NOW - 3 * HOUR)
        make(red, "new warning", raised_at=NOW - HOUR)
        make(red, "critical", severity="critical", raised_at=NOW - 5 * HOUR)
        make(red, "information", severity="info", raised_at=NOW)

        assert titles(viewer.get(INBOX)) == [
            "critical", "new warning", "old warning", "information",
        ]  # fmt: skip
        newest = viewer.get(INBOX, {"sort": "-raised_at"})
        assert titles(newest) == ["information", "new warning", "old warning", "critical"]

    def test_hides_what_another_alarm_explains_below_it(self, viewer, red):
        root = make(red, "gateway is off")
        for number in range(12):
            make(red, f"child {number}", parent=root, suppressed_because=Suppression.PARENT)

        page = viewer.get(INBOX)

        assert titles(page) == ["gateway is off"]
        text = page.content.decode()
        assert "explains 12 more alarms" in text
        assert text.count(">child ") == 10

    def test_counts_the_alarms_of_each_state_and_lists_them(self, viewer, red):
        make(red, "fresh")
        make(red, "seen", acknowledged_at=NOW)
        make(red, "later", snoozed_until=NOW + HOUR)
        make(red, "awake again", snoozed_until=NOW - HOUR)
        make(red, "shelved", suppressed_because=Suppression.SHELVED)
        make(red, "flapping", suppressed_because=Suppression.FLAPPING)
        make(red, "gone by", raised_at=NOW - 2 * HOUR, cleared_at=NOW - HOUR, ending="cleared")
        make(red, "gone and seen", acknowledged_at=NOW, raised_at=NOW - HOUR,
             cleared_at=NOW, ending="cleared")  # fmt: skip
        make(red, "long ago", raised_at=NOW - 50 * HOUR, cleared_at=NOW - 30 * HOUR,
             ending="cleared")  # fmt: skip

        assert counts(viewer.get(INBOX)) == {
            "Open": 4, "Not acknowledged": 3, "Acknowledged": 1, "Snoozed": 1, "Kept quiet": 1,
            "Ended unseen, 24 h": 1,
        }  # fmt: skip
        for view, expected in (
            ("", {"fresh", "seen", "awake again", "flapping"}),
            ("fresh", {"fresh", "awake again", "flapping"}), ("seen", {"seen"}),
            ("snoozed", {"later"}), ("quiet", {"shelved"}), ("ended", {"gone by"}),
        ):  # fmt: skip
            assert set(titles(viewer.get(INBOX, {"view": view}))) == expected, view

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"severity": "error"}, {"one"}),
            ({"source": "system"}, {"two"}),
            ({"q": "wo"}, {"two"}),
            ({"q": "hall \0"}, {"one"}),
            ({"assignee": "me"}, {"two"}),
            ({"assignee": "none"}, {"one"}),
            ({"severity": "nonsense", "site": "x", "rule": "-"}, {"one", "two"}),
            ({"device": str(uuid.uuid4())}, set()),
        ],
    )
    def test_filters(self, viewer, red, query, expected):
        make(red, "one", severity="critical", subject="Hall 1")
        make(red, "two", source=Source.SYSTEM, assignee=red.viewer)

        assert set(titles(viewer.get(INBOX, query))) == expected

    def test_filters_by_site_device_and_rule(self, viewer, red):
        rule = AlarmRuleFactory(tenant=red.tenant)
        device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
        make(red, "other")
        alarm = AlarmFactory(device=device, rule=rule, title="mine")

        for name, value in (("site", alarm.site_id), ("device", device.id), ("rule", rule.id)):
            page = viewer.get(INBOX, {name: str(value)})
            assert titles(page) == ["mine"]
            assert counts(page)["Open"] == 1

    def test_goes_on_where_a_page_ended(self, viewer, red):
        device = make(red, "first").device
        AlarmFactory.create_batch(59, device=device)

        first = viewer.get(INBOX)
        following = re.search(r'rel="next" href="([^"]+)"', first.content.decode())[1]
        second = viewer.get(following.replace("&amp;", "&").replace("http://testserver", ""))

        assert (len(titles(first)), len(titles(second))) == (50, 10)
        assert not set(titles(first)) & set(titles(second))
        assert b'rel="prev"' in second.content
        assert len(titles(viewer.get(INBOX, {"cursor": "forged"}))) == 50

    def test_says_how_often_it_came_and_how_long_it_lasts(self, viewer, red):
        for hours in (1, 2, 30):
            make(red, "same", key="k", raised_at=NOW - hours * HOUR - HOUR,
                 cleared_at=NOW - hours * HOUR, ending="cleared")  # fmt: skip
        make(red, "same", key="k", raised_at=NOW - dt.timedelta(minutes=5))

        text = viewer.get(INBOX).content.decode()

        assert "3× in 24 h" in text
        assert "5 min ago" in text
        assert "lasted 1 h" in viewer.get("/alarms/history/").content.decode()

    def test_is_calm_when_all_is_well(self, viewer):
        page = viewer.get(INBOX)

        assert "All is well" in page.content.decode()
        assert "No alarm matches" in viewer.get(INBOX, {"q": "x"}).content.decode()
        assert page["Cache-Control"].startswith("max-age=0, no-cache, no-store")

    def test_a_viewer_is_offered_no_action(self, viewer, operator, red):
        make(red, "one")

        assert b"alarm-form" not in viewer.get(INBOX).content
        assert b"alarm-form" in operator.get(INBOX).content

    def test_the_menu_counts_what_nobody_has_acknowledged(self, viewer, red):
        make(red, "one")
        make(red, "two", acknowledged_at=NOW)

        text = viewer.get(reverse("fleet")).content.decode()

        assert re.search(r'band__count" aria-hidden="true">1<', text)

    def test_strangers_see_nothing(self, client_for, red, blue):
        alarm = make(red, "secret trouble")
        stranger = client_for(blue.owner)

        assert b"secret trouble" not in stranger.get(INBOX).content
        assert b"secret trouble" not in stranger.get("/alarms/history/").content
        assert stranger.get(f"/alarms/{alarm.id}/").status_code == 404
        act = {"action": "clear"}
        assert stranger.post(f"/alarms/{alarm.id}/act", act).status_code == 404
        assert stranger.post("/alarms/act", act | {"alarm": alarm.id}).status_code == 404
        with red.scope():
            assert Alarm.objects.get().ending == ""

    def test_the_queries_do_not_grow(self, viewer, red):
        device = DeviceFactory(tenant=red.tenant)
        root = AlarmFactory(
            device=device, severity="critical", raised_at=NOW + dt.timedelta(seconds=1)
        )
        found = []
        for size in (10, 200):
            children = {"parent": root, "suppressed_because": Suppression.PARENT}
            AlarmFactory.create_batch(size // 2, device=device, assignee=red.viewer)
            AlarmFactory.create_batch(size // 2, device=device, **children)
            for address in (INBOX, "/alarms/history/?explained=1", f"/alarms/{root.id}/"):
                viewer.get(address)
                with CaptureQueriesContext(
                    connection,
                ) as queries:
                    assert viewer.get(address).status_code == 200
                found.append(len(queries))

        assert found[:3] == found[3:]


class TestActing:
    def test_acts_on_those_that_were_chosen(self, operator, red):
        one, two, other = (make(red, title) for title in "abc")

        answer = operator.post(
            "/alarms/act",
            {"alarm": [one.id, two.id], "action": "acknowledge", "text": "on my way",
             "next": "/alarms/?view=fresh"},
            follow=True,
        )  # fmt: skip

        assert answer.redirect_chain == [("/alarms/?view=fresh", 302)]
        assert "2 alarms changed." in answer.content.decode()
        with red.scope():
            seen = Alarm.objects.filter(acknowledged_by=red.operator)
            assert set(seen.values_list("id", flat=True)) == {one.id, two.id}
            assert {e.text for e in AlarmEvent.objects.all()} == {"on my way"}
            assert not AlarmEvent.objects.filter(alarm=other).exists()

    @pytest.mark.parametrize(
        ("form", "field", "value"),
        [
            ({"action": "snooze", "snooze": "1h"}, "snoozed_until", NOW + HOUR),
            (
                {"action": "snooze", "snooze": "tomorrow"}, "snoozed_until",
                dt.datetime(2026, 11, 21, 4, tzinfo=dt.UTC),
            ),
            ({"action": "clear"}, "ending", Ending.BY_HAND),
            ({"action": "rate", "rating": "false"}, "rating", Rating.FALSE),
        ],
    )  # fmt: skip
    def test_each_action_has_its_effect(self, operator, red, form, field, value):
        alarm = make(red, "one")

        answer = operator.post(f"/alarms/{alarm.id}/act", form)

        assert answer["Location"] == f"/alarms/{alarm.id}/"
        alarm = _again(red, alarm)
        assert getattr(alarm, field) == value

    def test_assigns_and_takes_back(self, operator, red):
        alarm = make(red, "one")
        for form, assignee in (
            ({"assignee": "me"}, red.operator), ({"assignee": red.viewer.pk}, red.viewer),
            ({"assignee": ""}, None),
        ):  # fmt: skip
            operator.post(f"/alarms/{alarm.id}/act", {"action": "assign"} | form)
            assert _again(red, alarm).assignee == assignee

    def test_people_of_others_are_no_assignees(self, operator, red, blue):
        alarm = make(red, "one")

        page = operator.post(
            f"/alarms/{alarm.id}/act", {"action": "assign", "assignee": blue.owner.pk}, follow=True
        )

        assert "somebody of this organisation" in page.content.decode()
        assert _again(red, alarm).assignee is None

    def test_says_what_is_missing(self, operator, red):
        alarm = make(red, "one")

        nothing = operator.post("/alarms/act", {"action": "clear"}, follow=True)
        silent = operator.post(f"/alarms/{alarm.id}/act", {"action": "comment"}, follow=True)

        assert "Choose at least one alarm first." in nothing.content.decode()
        assert "Write a comment." in silent.content.decode()

    def test_says_what_stays_as_it_is(self, operator, red):
        alarm = make(red, "one", raised_at=NOW - HOUR, cleared_at=NOW, ending="cleared")

        page = operator.post(f"/alarms/{alarm.id}/act", {"action": "clear"}, follow=True)

        assert "stays as it is" in page.content.decode()

    def test_goes_back_only_to_the_inbox(self, operator, red):
        alarm = make(red, "one")
        for address in ("https://evil.example/alarms/", "//evil.example", "/fleet", ""):
            form = {"alarm": alarm.id, "action": "acknowledge", "next": address}
            assert operator.post("/alarms/act", form)["Location"] == INBOX

    def test_viewers_may_not(self, viewer, red):
        alarm = make(red, "one")

        assert viewer.post(f"/alarms/{alarm.id}/act", {"action": "clear"}).status_code == 403
        assert viewer.post("/alarms/act", {"alarm": alarm.id}).status_code == 403

    def test_unknown_actions_do_not_exist(self, operator, red):
        alarm = make(red, "one")

        assert operator.post(f"/alarms/{alarm.id}/act", {"action": "x"}).status_code == 404


class TestHistory:
    def test_lists_what_ended_and_what_comes_most_often(self, viewer, red):
        rule = AlarmRuleFactory(tenant=red.tenant, name="Too hot")
        for minutes in (10, 20, 60):
            alarm = make(
                red, "hot", rule=rule, raised_at=NOW - 5 * HOUR,
                cleared_at=NOW - 5 * HOUR + dt.timedelta(minutes=minutes), ending="cleared",
            )  # fmt: skip
        with red.scope():
            rate_alarms(Chosen([alarm.id]), rating=Rating.FALSE, by=None, now=NOW)
        make(red, "very old", raised_at=NOW - dt.timedelta(days=40))

        text = viewer.get("/alarms/history/").content.decode()

        assert "Too hot" in text
        assert "20 min" in text
        assert "100 % false alarms" in text
        assert "very old" not in text
        assert "very old" in viewer.get("/alarms/history/", {"period": "90"}).content.decode()

    def test_filters_by_how_it_ended(self, viewer, red):
        make(red, "one", raised_at=NOW - HOUR, cleared_at=NOW, ending="withdrawn")
        make(red, "two", raised_at=NOW - HOUR, cleared_at=NOW, ending="cleared")
        make(red, "three")

        assert titles(viewer.get("/alarms/history/", {"ending": "withdrawn"})) == ["one"]
        assert titles(viewer.get("/alarms/history/", {"state": "open"})) == ["three"]


class TestOne:
    @pytest.fixture
    def hot(self, red):
        """A rule's alarm of twenty minutes, with samples around it."""
        device = DeviceFactory(site=SiteFactory(tenant=red.tenant), gateway=None)
        channel = ChannelFactory(device=device, name="air_temp", unit="Cel", decimals=1)
        rule = AlarmRuleFactory(channel=channel, name="Too hot")
        alarm = AlarmFactory(
            rule=rule, version=AlarmRuleVersionFactory(rule=rule), channel=channel,
            title="Too hot", subject=device.name, value=31.25, limit=30.0, unit="Cel",
            raised_at=NOW - 2 * HOUR, cleared_at=NOW - 2 * HOUR + dt.timedelta(minutes=20),
            ending="cleared", advice="Open the window.", key="rule:k",
        )  # fmt: skip
        measure(channel.id, alarm.raised_at)
        return alarm

    def test_tells_all_that_helps_to_judge_it(self, viewer, red, hot):
        make(red, "the same before", key="rule:k", raised_at=NOW - 20 * HOUR,
             cleared_at=NOW - 19 * HOUR, ending="cleared")  # fmt: skip
        with red.scope():
            chosen = Chosen([hot.id])
            acknowledge_alarms(chosen, by=red.operator, now=NOW, comment="looking")
            comment_alarms(chosen, text="<b>was the sun</b>", by=red.operator, now=NOW)

        text = viewer.get(f"/alarms/{hot.id}/").content.decode()

        for words in (
            "31.2 °C", "30 °C", "Open the window.", "Value above 30 °C, for 5 min",
            "Ended after 20 min", "looking", "&lt;b&gt;was the sun&lt;/b&gt;", "Too hot",
            "1 other of the same kind in 90 days", "Air temperature from",
            "lowest 20.0 °C, highest 34.5 °C. Limit 30.0 °C. Raised at",
        ):  # fmt: skip
            assert words in text, words
        assert text.count("achart__line") == 1
        assert 'class="achart__limit"' in text
        assert 'class="achart__ended"' in text

    def test_the_chart_says_what_is_not_kept(self, viewer, red):
        channel = ChannelFactory(tenant=red.tenant)
        alarm = AlarmFactory(channel=channel)

        text = viewer.get(f"/alarms/{alarm.id}/").content.decode()

        assert "No values are kept of that time." in text

    def test_measurements_need_their_own_permission(self, client_for, red, hot):
        with red.scope():
            role = Role.objects.create(name="guard", codes=["read:alarm"])
        person = MembershipFactory(tenant=red.tenant, role="", custom_role=role).user

        page = client_for(person).get(f"/alarms/{hot.id}/")

        assert page.status_code == 200
        assert b"achart" not in page.content
        assert client_for(person).get(f"/api/v1/alarms/{hot.id}/chart").status_code == 403

    def test_without_a_channel_there_is_no_chart(self, viewer, red):
        text = viewer.get(f"/alarms/{make(red, 'one').id}/").content.decode()

        assert "achart" not in text
        assert "It never happened before." in text

    def test_an_incident_lists_what_it_explains(self, viewer, red):
        root = make(red, "gateway is off")
        child = make(red, "silent", parent=root, suppressed_because=Suppression.PARENT)

        assert "silent" in viewer.get(f"/alarms/{root.id}/").content.decode()
        text = viewer.get(f"/alarms/{child.id}/").content.decode()
        assert "Explained by another alarm: gateway is off." in text


def measure(channel_id, around):
    """Store a sample a minute that rises from 20 to 34.5."""
    ensure_partitions({week_of(around)}, now=around)
    start = around - HOUR
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_sample (channel_id, time, value, quality)"
            " VALUES (%s, %s, %s, 0)",
            [(channel_id, start + dt.timedelta(minutes=n), 20 + n % 30 / 2) for n in range(120)],
        )


def _again(team, alarm):
    with team.scope():
        return Alarm.objects.select_related("assignee").get(id=alarm.id)


class TestElsewhere:
    def test_a_device_shows_its_open_alarms(self, client_for, viewer, red):
        alarm = make(red, "too hot")
        make(red, "of another device")
        page = reverse("device", args=[alarm.device_id])

        text = viewer.get(page).content.decode()

        assert "too hot" in text
        assert "of another device" not in text
        assert f"/alarms/history/?explained=1&amp;device={alarm.device_id}" in text
        assert "too hot" not in viewer.get(f"{page}?part=events").content.decode()

    def test_a_site_counts_its_open_alarms(self, viewer, red):
        alarm = make(red, "too hot")
        AlarmFactory(device=alarm.device)
        AlarmFactory(device=alarm.device, cleared_at=NOW, ending="cleared")
        AlarmFactory(device=alarm.device, snoozed_until=NOW + HOUR)
        AlarmFactory(device=alarm.device, parent=alarm, suppressed_because=Suppression.PARENT)

        text = viewer.get("/").content.decode()

        assert "2 open alarms" in text
        assert f"/alarms/?site={alarm.site_id}" in text


class TestTold:
    def test_an_alarm_says_who_was_told_and_who_will_be(self, operator, red):
        alarm = make(red, "too hot")
        with red.scope():
            target = NotificationTarget.objects.create(
                name="Night shift", kind="email", address="night@red.example"
            )
            message = NotificationMessage.objects.create(
                target=target, subject="x", made_at=NOW, state="sent", sent_at=NOW
            )
            Notification.objects.create(
                alarm=alarm, target=target, kind="raised", occasion="1", due_at=NOW,
                state="handed", message=message,
            )  # fmt: skip
            Notification.objects.create(
                alarm=alarm, target=target, kind="raised", occasion="2", due_at=NOW + HOUR
            )

        text = operator.get(f"/alarms/{alarm.id}/").content.decode()

        assert text.count("Night shift") == 2
        assert "Handed over" in text
        assert "Waiting" in text

    def test_who_may_write_rules_goes_to_the_rule(self, operator, viewer, red):
        rule = AlarmRuleFactory(tenant=red.tenant)
        alarm = make(red, "too hot", rule=rule)
        edit = reverse("alarm-rule-edit", args=[rule.id])

        assert edit in operator.get(f"/alarms/{alarm.id}/").content.decode()
        assert edit not in viewer.get(f"/alarms/{alarm.id}/").content.decode()

    def test_an_alarm_is_shelved_from_its_page(self, operator, red):
        alarm = make(red, "too hot")
        text = operator.get(f"/alarms/{alarm.id}/").content.decode()
        assert f'action="{reverse("alarm-shelving-new")}"' in text

        form = {"alarm": alarm.id, "hours": "24", "reason": "spare part ordered"}
        operator.post(reverse("alarm-shelving-new"), form)

        assert _again(red, alarm).suppressed_because == Suppression.SHELVED
