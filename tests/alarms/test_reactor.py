"""The alarms of rules follow what is stored, however it came."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tenancy import all_tenants
from alarms.engine.fold import NEVER
from alarms.models import Alarm, AlarmEvent, AlarmRule, Ending, WatchState
from alarms.rules.compiled import compile_rule
from alarms.rules.definition import read_rule
from devices.models import Channel
from telemetry.ingest.batch import to_microseconds
from tests.alarms.oracle import try_on
from tests.alarms.watchman import START, Watchman, alarms_of
from tests.factories import ChannelFactory, DeviceFactory, DeviceProfileFactory

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

HIGH = {"when": {"kind": "threshold", "above": 30, "clear_above": 28}}
SILENT = {"when": {"kind": "no_data", "seconds": 60}}
END = 700  # s after START, when everything has been said

definitions = st.builds(
    lambda when, wait, clear, times, hold: {
        "when": when, "for_seconds": wait, "clear_seconds": clear, "times": times,
        "hold_seconds": hold,
    },
    st.sampled_from([
        {"kind": "threshold", "above": 6.0, "clear_above": 4.0},
        {"kind": "threshold", "above": 7.0, "below": 1.0, "clear_below": 2.0},
        {"kind": "rate", "above": 12.0},
        {"kind": "state", "values": [3.0, 9.0]},
        {"kind": "no_data", "seconds": 45},
    ]),
    st.sampled_from([0, 20, 30]), st.sampled_from([0, 15]), st.integers(1, 3),
    st.sampled_from([30, 3600]),
)  # fmt: skip
samples = st.dictionaries(
    st.integers(0, 60).map(lambda tens: tens * 10), st.integers(0, 10).map(float), min_size=1,
    max_size=25,
)  # fmt: skip


@pytest.fixture
def channel(red: Any) -> Channel:
    """A channel of a device that may be silent for two minutes."""
    profile = DeviceProfileFactory(offline_after_seconds=120)
    found: Channel = ChannelFactory(
        device=DeviceFactory(tenant=red.tenant, profile=profile), name="power", unit="kW"
    )
    return found


def expected(definition: dict[str, Any], points: dict[int, float]) -> list[tuple[Any, ...]]:
    """Return what a look at all samples at once finds, as `alarms_of`."""
    compiled = compile_rule(read_rule(definition), zone=_zone(), hold=120_000_000)
    times = np.array(sorted(points), dtype=np.int64) * 1_000_000 + to_microseconds(START)
    values = np.array([points[at] for at in sorted(points)])
    until = to_microseconds(START) + (END - 5) * 1_000_000
    found = try_on(compiled, times, values, until=until)
    return [
        (_after(one.raised_at), None if one.cleared_at == NEVER else _after(one.cleared_at),
         one.value)
        for one in found
    ]  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(definitions, samples, st.randoms(use_true_random=False))
def test_any_order_repetition_and_delay_gives_the_same_alarms(
    watchman: Watchman, red: Any, definition: dict[str, Any], points: dict[int, float],
    chance: random.Random,
) -> None:  # fmt: skip
    channel = fresh_channel(red)
    rule = watchman.rule(channel, definition)
    watchman.crash()
    watchman.look(0)
    sent = list(points.items()) + chance.sample(list(points.items()), len(points) // 2)
    chance.shuffle(sent)
    for now in range(0, len(sent), 4):
        watchman.send(channel, sent[now : now + 4])
        match chance.randrange(6):
            case 0:
                watchman.look(chance.randrange(END))
            case 1:
                watchman.look(chance.randrange(END))
                watchman.crash()
            case 2:
                watchman.look(chance.randrange(END))
                watchman.restart()
            case 3:
                pass  # more comes in the same round
            case _:
                watchman.look(max(points) + now)
    watchman.look(END)

    assert alarms_of(channel) == expected(definition, points)
    assert_consistent(rule)


def test_a_crash_before_anything_is_written_loses_nothing(watchman, channel):
    watchman.rule(channel, HIGH)
    watchman.look(0)
    batch = watchman.store(channel, [(10, 35.0)])
    watchman.reactor.react(batch)
    watchman.crash()

    watchman.look(20)

    assert alarms_of(channel) == [(10, None, 35.0)]


def test_a_batch_that_comes_again_changes_nothing(watchman, channel):
    watchman.rule(channel, HIGH)
    watchman.look(0)
    batch = watchman.store(channel, [(10, 35.0), (20, 20.0), (30, 36.0)])
    for _ in range(3):
        watchman.reactor.react(batch)
        watchman.look(40)

    assert alarms_of(channel) == [(10, 20, 35.0), (30, None, 36.0)]
    with all_tenants():
        kinds = AlarmEvent.objects.order_by("id").values_list("kind", flat=True)
        assert list(kinds) == ["raised", "cleared", "raised"]


def test_a_late_sample_takes_an_alarm_back_and_says_so(watchman, channel):
    watchman.rule(channel, HIGH | {"for_seconds": 30})
    watchman.look(0)
    watchman.send(channel, [(10, 35.0), (50, 36.0)])
    watchman.look(60)
    assert alarms_of(channel) == [(40, None, 35.0)]

    watchman.send(channel, [(20, 10.0)])
    watchman.look(62)

    with all_tenants():
        alarm = Alarm.objects.get()
        assert alarm.ending == Ending.WITHDRAWN
        assert alarm.events.order_by("id").last().kind == AlarmEvent.Kind.WITHDRAWN


def test_silence_is_an_alarm_until_something_is_heard(watchman, channel):
    watchman.rule(channel, SILENT)
    watchman.look(0)
    watchman.send(channel, [(0, 1.0)])
    watchman.look(64)
    assert alarms_of(channel) == []
    watchman.look(66)
    assert alarms_of(channel) == [(60, None, 1.0)]

    watchman.send(channel, [(90, 1.0)])
    watchman.look(91)

    assert alarms_of(channel) == [(60, 90, 1.0)]


def test_a_standstill_of_ours_is_no_silence_of_others(watchman, channel):
    watchman.rule(channel, SILENT)
    watchman.look(0)
    watchman.send(channel, [(0, 1.0)])
    set_latest(channel, 0, 1.0)
    watchman.look(1)
    watchman.restart()  # and nothing was received meanwhile

    watchman.look(600)
    watchman.look(660)
    assert alarms_of(channel) == []
    watchman.look(666)

    assert alarms_of(channel) == [(60, None, 1.0)]


def test_a_channel_that_is_silent_when_a_rule_comes_is_an_alarm_at_once(watchman, channel):
    watchman.store(channel, [(-400, 1.0)])
    set_latest(channel, -400, 1.0, received=1)
    watchman.look(0)
    watchman.rule(channel, SILENT)

    watchman.look(10)

    assert alarms_of(channel) == [(-340, None, 1.0)]


def test_only_what_is_wrong_when_a_rule_comes_is_told(watchman, channel):
    watchman.store(channel, [(-300, 35.0), (-200, 20.0), (-100, 36.0)])
    watchman.look(0)
    watchman.rule(channel, HIGH)

    watchman.look(10)

    assert alarms_of(channel) == [(-100, None, 36.0)]


def test_a_new_version_goes_on_with_the_open_alarm_or_ends_it(watchman, channel):
    rule = watchman.rule(channel, HIGH)
    watchman.look(0)
    watchman.send(channel, [(10, 35.0)])
    watchman.look(20)
    watchman.version(rule, 2, {"when": {"kind": "threshold", "above": 32}, "severity": "critical"})
    watchman.look(30)
    with all_tenants():
        alarm = Alarm.objects.get()
        assert (alarm.ending, alarm.severity, alarm.version.number) == ("", "critical", 2)

    watchman.version(rule, 3, {"when": {"kind": "threshold", "above": 50}})
    watchman.look(40)

    with all_tenants():
        assert Alarm.objects.get().ending == Ending.RULE_CHANGED


def test_a_rule_that_is_switched_off_ends_its_alarms_and_begins_anew(watchman, channel):
    rule = watchman.rule(channel, HIGH)
    watchman.look(0)
    watchman.send(channel, [(10, 35.0)])
    watchman.look(20)
    switch(rule, is_enabled=False)
    watchman.look(30)
    with all_tenants():
        assert Alarm.objects.get().ending == Ending.RULE_CHANGED
        assert not WatchState.objects.exists()

    switch(rule, is_enabled=True)
    watchman.look(40)

    with all_tenants():
        assert Alarm.objects.filter(ending="").count() == 1


def test_what_somebody_cleared_stays_cleared_while_it_goes_on(watchman, channel):
    watchman.rule(channel, HIGH)
    watchman.look(0)
    watchman.send(channel, [(10, 35.0)])
    watchman.look(20)
    with all_tenants():
        Alarm.objects.update(ending=Ending.BY_HAND, cleared_at=START + dt.timedelta(seconds=25))
    watchman.send(channel, [(30, 36.0)])
    watchman.look(40)
    watchman.send(channel, [(15, 36.0)])  # late, so it is folded again
    watchman.look(41)
    assert alarms_of(channel) == [(10, 25, 35.0)]

    watchman.send(channel, [(50, 10.0), (60, 35.0)])
    watchman.look(70)

    assert alarms_of(channel) == [(10, 25, 35.0), (60, None, 35.0)]


def test_a_rule_compares_with_the_week_before(watchman, channel):
    week = 7 * 86_400
    watchman.store(channel, [(at - week, 10.0) for at in range(0, 120, 30)])
    watchman.rule(channel, {"when": {"kind": "last_week", "above": 50, "clear_above": 20}})
    watchman.look(0)
    watchman.send(channel, [(30, 14.0), (60, 16.0)])
    watchman.look(61)

    assert alarms_of(channel) == [(60, None, 60.0)]


def test_where_nothing_is_known_of_the_week_before_nothing_is_raised(watchman, channel):
    week = 7 * 86_400
    watchman.store(channel, [(90 - week, 10.0)])
    watchman.rule(channel, {"when": {"kind": "last_week", "above": 50}})
    watchman.look(0)
    watchman.send(channel, [(30, 14.0), (60, 16.0)])
    watchman.look(61)
    watchman.restart()
    watchman.send(channel, [(90, 16.0)])
    watchman.look(161)

    assert alarms_of(channel) == [(90, None, 60.0)]


def test_a_channel_that_is_deleted_meanwhile_stops_no_other(watchman, red, channel):
    other = ChannelFactory(device=DeviceFactory(tenant=red.tenant), name="power")
    watchman.rule(channel, HIGH)
    watchman.rule(other, HIGH)
    watchman.look(0)
    watchman.send(channel, [(10, 35.0)])
    watchman.send(other, [(10, 36.0)])
    with all_tenants():
        channel.delete()
    watchman.look(1)
    assert alarms_of(other) == [(10, None, 36.0)]

    watchman.look(10)
    watchman.send(other, [(20, 10.0)])
    watchman.look(21)

    assert alarms_of(other) == [(10, 20, 36.0)]


def test_values_of_no_use_raise_nothing(watchman, channel):
    watchman.rule(channel, HIGH)
    watchman.look(0)
    batch = watchman.batch(channel, [(10, 35.0)])
    rows = batch.samples().copy()
    rows["quality"] = 2
    watchman.reactor.react(type(batch)(rows.tobytes(), batch.live, batch.received))
    watchman.look(20)

    assert alarms_of(channel) == []


def test_a_rule_of_a_metric_watches_all_devices_it_fits(watchman, red, channel):
    other = ChannelFactory(device=DeviceFactory(tenant=red.tenant, tags=["cooling"]), name="power")
    rule = watchman.rule(channel, HIGH)
    with all_tenants():
        AlarmRule.objects.filter(id=rule.id).update(channel=None, metric="power", tag="cooling")
    watchman.look(0)
    watchman.send(channel, [(10, 35.0)])
    watchman.send(other, [(10, 36.0)])
    watchman.look(20)

    assert (alarms_of(channel), alarms_of(other)) == ([], [(10, None, 36.0)])


def test_states_grow_old_so_that_hours_of_late_samples_are_folded_in(watchman, channel):
    watchman.rule(channel, HIGH)
    watchman.look(0)
    for minute in range(1, 90):
        watchman.send(channel, [(minute * 60, 20.0)])
        watchman.look(minute * 60 + 1)

    watchman.send(channel, [(45 * 60 + 10, 35.0)])
    watchman.look(90 * 60)

    assert alarms_of(channel) == [(2710, 2760, 35.0)]
    with all_tenants():  # long over when it became known
        assert not AlarmEvent.objects.filter(planned_at=None).exists()


def test_what_is_older_than_a_rule_only_fills_history_and_hides_no_news(watchman, channel):
    watchman.rule(channel, HIGH)
    watchman.look(0)
    watchman.send(channel, [(-3000, 35.0), (-2900, 20.0), (10, 36.0)])
    watchman.look(20)
    assert alarms_of(channel) == [(10, None, 36.0)]

    watchman.send(channel, [(-2000, 35.0), (30, 10.0)])
    watchman.look(40)

    assert alarms_of(channel) == [(10, 30, 36.0)]


def test_an_alarm_says_what_its_rule_is_to_say(watchman, channel):
    rule = watchman.rule(channel, HIGH, name="Too much")  # the site is in Istanbul
    text = "{device}: {value} {unit}, not above {limit}, since {since}"
    watchman.version(rule, 2, HIGH, text=text, advice="Switch a pump off.")
    watchman.look(0)
    watchman.send(channel, [(10, 35.5)])
    watchman.look(20)

    with all_tenants():
        alarm = Alarm.objects.get()
    assert alarm.text == f"{channel.device.name}: 35.5 kW, not above 30, since 2026-11-20 15:00"
    assert (alarm.title, alarm.advice, alarm.limit) == ("Too much", "Switch a pump off.", 30.0)


def fresh_channel(red: Any) -> Channel:
    """Return a channel that no other example has used; other rules are gone."""
    with all_tenants():
        AlarmRule.objects.all().delete()
    profile = DeviceProfileFactory(offline_after_seconds=120)
    made: Channel = ChannelFactory(
        device=DeviceFactory(tenant=red.tenant, profile=profile), name="power"
    )
    return made


def assert_consistent(rule: AlarmRule) -> None:
    """Each alarm was raised once, and is told to end as often as it did."""
    with all_tenants():
        for alarm in Alarm.objects.filter(rule=rule):
            kinds = list(alarm.events.values_list("kind", flat=True))
            assert (
                kinds.count("raised") - kinds.count("cleared") - kinds.count("withdrawn")
                == (1 if alarm.is_open else 0)
                or alarm.ending == Ending.WITHDRAWN
            )


def switch(rule: AlarmRule, *, is_enabled: bool) -> None:
    with all_tenants():
        rule.is_enabled = is_enabled
        rule.save()


def set_latest(channel: Channel, at: float, value: float, received: float | None = None) -> None:
    from telemetry.models import LatestValue

    with all_tenants():
        LatestValue.objects.update_or_create(
            channel=channel,
            defaults={
                "tenant_id": channel.tenant_id, "time": START + dt.timedelta(seconds=at),
                "value": value, "quality": 0,
                "received_at": START + dt.timedelta(seconds=received or at),
            },
        )  # fmt: skip


def _zone() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo("UTC")


def _after(at: int) -> float:
    return (at - to_microseconds(START)) / 1_000_000
