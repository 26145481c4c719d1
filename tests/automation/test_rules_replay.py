"""What a rule would have done, and what it saw lately, by the samples that are stored."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from automation.models import Execution, Reason
from automation.schedules.place import Place
from automation.services import replay as replaying
from automation.services.deciding import Fired, decide_triggers
from automation.services.evaluations import Result, evaluations_of
from automation.services.replay import Outcome, replay_rule
from automation.services.rule_refusals import RuleRefused
from automation.services.rules import Wish, create_rule
from tests.automation.making import dry
from tests.factories import NOW
from tests.telemetry.samples import every, store_samples

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
ISTANBUL = Place(ZoneInfo("Europe/Istanbul"))


def replay(red, definition, **more):
    with red.scope():
        return replay_rule(
            definition, place=ISTANBUL, actor=red.owner, tenant_id=red.tenant.id, now=NOW, **more
        )


@pytest.fixture
def two_dry_days(place):
    """Moist for five days; dry for ten minutes at noon of the two last ones; always warm."""
    values = [30.0] * (7 * 96)
    store_samples(place.moisture, every(15 * MINUTE, NOW - 7 * DAY, values))
    for day in (2, 1):
        noon = NOW - day * DAY + MINUTE
        store_samples(place.moisture, every(MINUTE, noon, [10.0] * 10 + [30.0]))
    store_samples(place.warmth, every(15 * MINUTE, NOW - 7 * DAY, [20.0] * (7 * 96)))


def test_it_counts_what_it_would_have_done_by_day(red, place, two_dry_days):
    found = replay(red, dry(place))

    assert dict(found.counts) == {Outcome.ACTED: 2}
    assert [(day.acted, day.held) for day in found.days] == [(0, 0)] * 5 + [(1, 0), (1, 0), (0, 0)]
    newest = found.listed[0]
    assert newest.at == NOW - DAY + 3 * MINUTE  # dry for two minutes
    assert [(one.place, one.value, one.holds) for one in newest.seen] == [
        ("when[0].that", 10.0, True), ("if.of[0]", None, True), ("if.of[1]", 20.0, True),
    ]  # fmt: skip
    assert (found.is_cut, found.start, found.end) == (False, NOW - 7 * DAY, NOW)
    with red.scope():
        assert not Execution.objects.exists()


def test_conditions_and_cooldown_hold_it_back(red, place, two_dry_days):
    cold = {"kind": "value", "channel": place.warmth.id, "above": 25.0}
    assert dict(replay(red, dry(place) | {"if": cold}).counts) == {Outcome.CONDITIONS: 2}

    slow = replay(red, dry(place, cooldown=86_400))
    assert dict(slow.counts) == {Outcome.ACTED: 2}  # a day lies between them
    each = dry(place, cooldown=300)
    each["when"][0] |= {"each": True, "for": 0}
    # the first of ten dry minutes, then every five minutes
    assert dict(replay(red, each).counts) == {Outcome.ACTED: 4, Outcome.COOLDOWN: 16}


def test_what_nobody_knows_of_the_past_is_named(red, place, two_dry_days):
    online = {"kind": "device", "device": str(place.pump.id), "is": "online"}
    definition = dry(place) | {"if": {"kind": "all", "of": [online]}}
    definition["when"].append({"kind": "alarm"})
    found = replay(red, definition)

    assert dict(found.counts) == {Outcome.UNKNOWN: 2}
    assert found.unknown == ("when[1]", "if.of[0]")


def test_times_and_the_length_of_values_are_looked_at(red, place, two_dry_days):
    times = {"kind": "time", "schedule": {"when": {"kind": "times", "at": ["15:02", "15:09"]}}}
    is_dry = {"kind": "value", "channel": place.moisture.id, "below": 20.0, "for": 300}
    found = replay(red, dry(place, when=[times]) | {"if": is_dry})

    # 12:02 UTC is one minute after it began, 12:09 eight
    assert dict(found.counts) == {Outcome.ACTED: 2, Outcome.CONDITIONS: 12}


def test_too_often_is_said(red, place, two_dry_days):
    each = dry(place, cooldown=10, most_per_hour=3)
    each["when"][0] |= {"each": True, "for": 0}
    found = replay(red, each)

    assert dict(found.counts) == {Outcome.ACTED: 3, Outcome.STOPPED: 17}
    assert found.stopped_at == NOW - 2 * DAY + 4 * MINUTE


def test_it_looks_at_no_more_than_there_is_room_for(red, place, two_dry_days, monkeypatch):
    monkeypatch.setattr(replaying, "MAX_SAMPLES", 500)
    found = replay(red, dry(place))

    assert found.is_cut
    assert found.start == NOW - 2 * DAY
    assert found.samples <= 500


def test_who_may_not_control_may_try_and_what_is_wrong_is_said(red, blue, place):
    with red.scope(), pytest.raises(RuleRefused) as caught:
        replay_rule({"when": []}, place=ISTANBUL, actor=red.owner, tenant_id=red.tenant.id,
                    now=NOW)  # fmt: skip
    assert caught.value.code == "bad_shape"
    with blue.scope(), pytest.raises(RuleRefused) as caught:
        replay_rule(dry(place), place=ISTANBUL, actor=blue.owner, tenant_id=blue.tenant.id,
                    now=NOW)  # fmt: skip
    assert caught.value.code == "unknown_channel"


def make(red, place, **changes):
    with red.scope():
        return create_rule(
            Wish(name="R", site=place.site.id, definition=dry(place, **changes), is_enabled=True),
            actor=red.owner, now=NOW,
        )  # fmt: skip


def looks(red, rule):
    with red.scope():
        return evaluations_of(rule, now=NOW)


def test_each_look_says_what_it_saw_and_why_nothing_came_of_it(red, place):
    rule = make(red, place)
    values = [30.0, 22.0, 19.0, 19.0, 19.0, 19.0, 23.0, 30.0]
    store_samples(place.moisture, every(MINUTE, NOW - 8 * MINUTE, values))
    found = looks(red, rule)

    assert [one.result for one in reversed(found)] == [
        Result.NOT, Result.NOT, Result.WAITS, Result.WAITS, Result.FIRED, Result.STILL,
        Result.STILL, Result.NOT,
    ]  # fmt: skip
    assert [one.seen[0].value for one in reversed(found)] == values
    assert found[4].since == NOW - 6 * MINUTE


def test_an_execution_says_more_than_the_sample(red, place):
    rule = make(red, place)
    store_samples(place.moisture, every(MINUTE, NOW - 5 * MINUTE, [19.0] * 4))
    fired = looks(red, rule)[1]
    assert fired.result == Result.FIRED
    key = Fired(rule.id, 1, "1:0:x", fired.at, {"number": 0}, seen=fired.seen)
    with red.scope():
        decide_triggers([key], now=fired.at)
    found = looks(red, rule)

    assert [one.result for one in found if one.at == fired.at] == [Result.DECIDED]
    decided = found[1]
    assert (decided.reason, decided.acted) == (Reason.CONDITIONS, False)  # no temperature
    assert [one.place for one in decided.seen] == ["when[0].that", "if.of[0]", "if.of[1]"]


def test_a_rule_of_many_samples_is_looked_at_from_its_newest_ones(red, place):
    rule = make(red, place)
    store_samples(place.moisture, every(dt.timedelta(seconds=1), NOW - 3 * DAY / 24, [30.0] * 9000))
    found = looks(red, rule)

    assert len(found) == 20
    assert found[0].at == NOW - 3 * DAY / 24 + dt.timedelta(seconds=8999)
