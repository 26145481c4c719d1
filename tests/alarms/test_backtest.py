"""A rule tried on stored samples tells the alarms that there would have been."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alarms.models import Alarm
from alarms.queries.scopes import Scope
from alarms.rules.compiled import against, compile_rule
from alarms.rules.definition import read_rule
from alarms.rules.trial import WEEK_US, Trial
from alarms.services import backtest
from alarms.services.backtest import BackTest, back_test
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import Content
from devices.models import Channel
from telemetry.quality import Quality
from tests.alarms.oracle import try_on
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.samples import every, store_samples

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
UTC = ZoneInfo("UTC")
OVER = {"when": {"kind": "threshold", "above": 30.0, "clear_above": 28.0}, "for_seconds": 120}


def channel(team: Team, **fields: Any) -> Channel:
    site = SiteFactory(tenant=team.tenant, timezone="Europe/Istanbul")
    device = DeviceFactory(site=site, gateway__site=site)
    made: Channel = ChannelFactory(
        device=device, **{"name": "power", "expected_interval_seconds": 60} | fields
    )
    return made


def run(team: Team, now: dt.datetime, definition: dict[str, Any], days: int = 30, **scope: Any
        ) -> BackTest:  # fmt: skip
    with team.scope():
        return back_test(
            scope=Scope(**scope or {"metric": "power"}), content=Content(definition), days=days,
            zone=ZoneInfo("Europe/Istanbul"), tenant_id=team.tenant.id, now=now,
        )  # fmt: skip


def test_alarms_of_the_past_are_told(red: Team, now: dt.datetime) -> None:
    one, other = channel(red), channel(red)
    calm = [20.0] * 5
    store_samples(one, every(MINUTE, now - 2 * DAY, calm + [31.0] * 4 + [29.0] * 3 + [27.0] * 2))
    # 31 for one minute is too short; 40 at the end is open still
    store_samples(other, every(MINUTE, now - 8 * MINUTE, [31.0, *calm[:4], 40.0, 41.0, 42.0]))

    found = run(red, now, OVER)

    assert (found.fired, found.open, found.channels, found.tried) == (2, 1, 2, 2)
    newest, oldest = found.listed
    assert (newest.channel, newest.raised_at) == (other, now - MINUTE)
    assert (newest.cleared_at, newest.seconds, newest.value) == (None, 60.0, 42.0)
    begin = now - 2 * DAY + 7 * MINUTE
    assert (oldest.raised_at, oldest.cleared_at) == (begin, begin + 5 * MINUTE)
    assert found.days == tuple(
        (one.raised_at.astimezone(ZoneInfo("Europe/Istanbul")).date(), 1)
        for one in (oldest, newest)
    )
    assert (found.samples, found.with_samples, found.unit) == (22, 2, one.unit)
    with red.scope():
        assert not Alarm.objects.exists()


def test_bad_values_and_other_channels_do_not_count(
    red: Team, blue: Team, now: dt.datetime
) -> None:
    mine = channel(red)
    hot = every(MINUTE, now - DAY, [35.0] * 5)
    store_samples(mine, [(at, value, Quality.BAD) for at, value in hot])
    store_samples(channel(red, name="voltage"), hot)
    store_samples(channel(blue), hot)

    found = run(red, now, OVER)

    assert (found.fired, found.channels) == (0, 1)


def test_only_the_days_asked_for_count_but_what_leads_to_them_is_known(
    red: Team, now: dt.datetime
) -> None:
    mine = channel(red)
    start = now - 3 * DAY
    store_samples(mine, [
        *every(MINUTE, start - 2 * DAY, [35.0] * 4 + [20.0]),
        *every(MINUTE, start - 1.5 * MINUTE, [35.0] * 3 + [20.0]),
    ])  # fmt: skip

    found = run(red, now, OVER, days=3)

    assert [one.raised_at for one in found.listed] == [start + 0.5 * MINUTE]


def test_silence_and_last_week_are_tried(red: Team, now: dt.datetime) -> None:
    mine = channel(red)
    hour = 60 * MINUTE
    start = now - 10 * DAY
    store_samples(mine, [
        *every(MINUTE, start, [10.0] * 120),
        *every(MINUTE, start + 7 * DAY, [10.0] * 60 + [15.0] * 30 + [10.0] * 30),
    ])  # fmt: skip

    silent = run(red, now, {"when": {"kind": "no_data", "seconds": 3600}})
    week = run(red, now, {"when": {"kind": "last_week", "above": 20.0}, "for_seconds": 60}, days=5)

    assert [one.raised_at for one in silent.listed] == [
        start + 7 * DAY + 119 * MINUTE + hour, start + 119 * MINUTE + hour,
    ]  # fmt: skip
    assert [one.cleared_at for one in silent.listed] == [None, start + 7 * DAY]
    begin = start + 7 * DAY + hour
    assert [(o.raised_at, o.cleared_at, o.value) for o in week.listed] == [
        (begin + MINUTE, begin + 30 * MINUTE, 50.0)
    ]
    assert week.unit == "%"


def test_hours_are_those_of_the_site(red: Team, now: dt.datetime) -> None:
    mine = channel(red)
    night = dt.datetime(2026, 3, 3, tzinfo=ZoneInfo("Europe/Istanbul"))
    store_samples(mine, every(10 * MINUTE, night.astimezone(dt.UTC), [35.0] * 144))
    rule = OVER | {"active": [{"from": "22:00", "to": "06:00"}], "hold_seconds": 900}

    found = run(red, night + 2 * DAY, rule)

    begins = [one.raised_at.astimezone(night.tzinfo).time() for one in found.listed]
    assert begins == [dt.time(22, 2), dt.time(0, 2)]


def test_samples_are_bounded_and_what_is_left_out_is_said(
    red: Team, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        store_samples(channel(red), every(MINUTE, now - 60 * MINUTE, [35.0] * 50))
    monkeypatch.setattr(backtest, "PORTION", 20)
    monkeypatch.setattr(backtest, "CHANNELS_A_READ", 1)
    monkeypatch.setattr(backtest, "MAX_SAMPLES", 90)

    found = run(red, now, OVER)

    assert (found.channels, found.tried, found.left_out) == (3, 1, 2)
    assert found.fired == 1
    assert found.samples <= 90 + 20


@pytest.mark.parametrize(
    "definition",
    [
        OVER,
        {"when": {"kind": "rate", "above": 4.0}},
        {"when": {"kind": "last_week", "above": 60.0, "below": -60.0}},
        {"when": {"kind": "no_data", "seconds": 100}},
        {"when": {"kind": "threshold", "below": 12.0}, "times": 3, "hold_seconds": 90},
    ],
)
def test_portions_make_no_difference(definition: dict[str, Any]) -> None:
    rule = compile_rule(read_rule(definition), zone=UTC, hold=180_000_000)
    rng = np.random.default_rng(7)
    steps = rng.choice([60, 60, 60, 60, 75, 400], 20_000).astype(np.int64) * 1_000_000
    times, values = np.cumsum(steps), np.cumsum(rng.normal(0, 1, 20_000)) % 40
    begin, until = int(times[8_000]), int(times[-1]) + 10**9
    series, place = values, np.searchsorted(times, times - WEEK_US, side="right") - 1
    if rule.against_last_week:
        earlier = np.where(
            (place >= 0) & (times - WEEK_US - times[place] <= rule.timing.hold),
            values[place], np.nan,
        )  # fmt: skip
        series = against(values, earlier)
    expected = try_on(rule, times[8_000:], series[8_000:], until=until)
    assert len(expected) > 5

    trial = Trial(rule, begin=begin)
    for part in np.split(np.arange(20_000), [1, 50, 7_990, 8_010, 9_000, 9_001, 15_000]):
        trial.take(times[part], values[part])

    found = trial.end(until)
    assert [one[::2] for one in found] == [one[::2] for one in expected]
    assert [one.value for one in found] == pytest.approx([one.value for one in expected])


def test_a_bad_rule_is_refused(red: Team, now: dt.datetime) -> None:
    with pytest.raises(RuleRefused) as error:
        run(red, now, {"when": {"kind": "threshold"}})

    assert error.value.field == "definition.when.above"
