"""One effect per trigger, none lost: whatever crashes, comes twice, or is seen late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tenancy import all_tenants
from automation import reactor as reactor_module
from automation.engine.watch import Watch
from automation.models import AutomationRule, Execution
from automation.rules.definition import SECOND_US, RuleDefinition, Samples, read_rule
from automation.running import executor as executor_module
from automation.services.ready import Ready
from automation.watching import watch_of
from devices.models import Channel, Command, Device
from telemetry.ingest.batch import StoredBatch, to_microseconds
from tests.automation.operator import START, Operator, rule_of
from tests.factories import ChannelFactory

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

ORIGIN = to_microseconds(START)


def value(channel: int, **limits: Any) -> dict[str, Any]:
    return {"kind": "value", "channel": channel, **limits}


# of two channels, 1 and 2; numbers are put in their place later
CONDITIONS = st.sampled_from([
    value(1, below=4.0),
    value(1, above=6.0, clear=3.0),
    value(1, above=8.0, below=2.0),
    {"kind": "all", "of": [value(1, below=5.0), value(2, above=5.0, max_age=30)]},
    {"kind": "any", "of": [value(1, below=2.0, clear=4.0), value(2, above=7.0)]},
    {"kind": "all", "of": [value(1, above=4.0), {"kind": "not", "of": value(2, above=5.0)}]},
    {"kind": "formula", "formula": "a - b", "inputs": {"a": 1, "b": 2}, "unit": "kW",
     "above": 2.0, "clear": 0.0},
])  # fmt: skip
WAITS = st.sampled_from([0, 0, 15, 40])


def rule(when: list[dict[str, Any]], cooldown: int) -> dict[str, Any]:
    return {"when": when, "cooldown": cooldown, "late": 3600, "most_per_hour": 3600}


def trigger(that: dict[str, Any], wait: int, each: bool) -> dict[str, Any]:
    return {"kind": "samples", "that": that, "for": wait, "each": each}


# with a cooldown it would matter which of two triggers is noticed first
RULES = st.builds(
    rule,
    st.lists(st.builds(trigger, CONDITIONS, WAITS, st.booleans()), min_size=1, max_size=1),
    st.sampled_from([10, 45]),
) | st.builds(
    rule,
    st.lists(st.builds(trigger, CONDITIONS, WAITS, st.just(False)), min_size=2, max_size=2),
    st.just(0),
)
STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 2), st.integers(1, 12), st.integers(0, 9)),
    st.tuples(st.sampled_from(["look", "act", "crash", "stop", "fail", "fail_to_act", "again",
                               "answer", "unseen"])),
)  # fmt: skip


class World:
    """A rule, what was sent, and what has not been acknowledged yet."""

    def __init__(self, operator: Operator, device: Device, rule: dict[str, Any]) -> None:
        with all_tenants():
            Execution.objects.all().delete()
            Command.objects.all().delete()
            AutomationRule.objects.all().delete()
        self.operator = operator
        self.now = 0
        made: list[Channel] = [ChannelFactory(device=device) for _ in range(2)]
        self.channels = dict(enumerate(made, start=1))
        self.definition = _placed(rule, {n: one.id for n, one in self.channels.items()})
        self.definition["then"] = [
            {"kind": "command", "device": str(device.id), "name": "restart", "expires_in": 3600}
        ]
        self.rule = rule_of(self.definition, tenant=device.tenant)
        self.sent: list[tuple[int, int, float]] = []
        self.waiting: list[StoredBatch] = []
        operator.crash()
        operator.look(0)

    def send(self, number: int, later: int, given: int) -> None:
        self.now += later
        channel = self.channels[number]
        self.sent.append((channel.id, ORIGIN + self.now * SECOND_US, float(given)))
        self.waiting.append(self.operator.store(channel, [(self.now, float(given))]))
        self.operator.reactor.react(self.waiting[-1])

    def unseen(self) -> None:
        """What is stored now passes the stream by."""
        self.now += 3
        channel = self.channels[1]
        self.sent.append((channel.id, ORIGIN + self.now * SECOND_US, 0.0))
        self.operator.store(channel, [(self.now, 0.0)])
        self.operator.reactor.on_gap()
        self.redeliver()

    def look(self) -> None:
        self.operator.look(self.now + 0.5)
        self.waiting = self.waiting[-1:]  # the newest one comes again after a crash

    def act(self) -> None:
        self.operator.act(self.now + 0.5)

    def answer(self) -> None:
        """Devices have done what was ordered."""
        with all_tenants():
            Command.objects.filter(finished_at=None).update(state="done", finished_at=START)

    def crash(self) -> None:
        self.operator.crash()
        self.redeliver()

    def stop(self) -> None:
        self.operator.reactor.close()
        self.crash()

    def again(self) -> None:
        self.redeliver()

    def redeliver(self) -> None:
        """What was not acknowledged comes again, to whoever begins with what was kept."""
        self.operator.look(self.now + 0.5)
        for batch in self.waiting:
            self.operator.reactor.react(batch)

    def fail(self) -> None:
        """The database goes away before what was decided is committed."""
        with after(reactor_module, "save_states"), suppress(OperationalError):
            self.operator.look(self.now + 0.5)
        self.redeliver()

    def fail_to_act(self) -> None:
        """The process dies before what was done is committed."""
        with after(executor_module, "advance"), suppress(OperationalError):
            self.act()
        self.crash()

    def finish(self) -> None:
        for later in (70, 100, 140, 180, 220):
            self.now += later
            self.look()
            self.act()
            self.answer()


@contextmanager
def after(module: Any, name: str) -> Iterator[None]:
    """Let a function be followed by the loss of the connection."""
    whole = getattr(module, name)

    def lost(*args: Any, **named: Any) -> None:
        whole(*args, **named)
        raise OperationalError("the connection is lost")

    with mock.patch.object(module, name, lost):
        yield


def _placed(rule: Any, channels: dict[int, int]) -> Any:
    """Return a rule with the channels that there are."""
    if isinstance(rule, dict):
        found = {name: _placed(one, channels) for name, one in rule.items()}
        if isinstance(found.get("channel"), int):
            found["channel"] = channels[found["channel"]]
        if isinstance(found.get("inputs"), dict):
            found["inputs"] = {name: channels[one] for name, one in found["inputs"].items()}
        return found
    return [_placed(one, channels) for one in rule] if isinstance(rule, list) else rule


def expected(world: World) -> list[int]:
    """Return when the rule acts, in µs, if somebody looks once at all samples in order."""
    definition: RuleDefinition = read_rule(world.definition)
    units = {channel.id: channel.unit for channel in world.channels.values()}
    found = Ready(definition, None, ZoneInfo("UTC"), units)
    watches = [
        watch_of(one, found, n) for n, one in enumerate(definition.when) if isinstance(one, Samples)
    ]
    firings = sorted(
        at for watch in watches for at in _fired(watch, world.sent, world.now * SECOND_US)
    )
    acted: list[int] = []
    for at in firings:
        if not acted or at >= acted[-1] + definition.cooldown * SECOND_US:
            acted.append(at)
    return acted


def _fired(watch: Watch, sent: Sequence[tuple[int, int, float]], end: int) -> Iterator[int]:
    for channel, time, level in sent:
        if channel in watch.compiled.channels:
            firing = watch.take(channel, time, level)
            if firing is not None:
                yield firing.at
    firing = watch.due(ORIGIN + end)
    if firing is not None:
        yield firing.at


@given(definition=RULES, steps=st.lists(STEPS, min_size=5, max_size=30))
@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_each_trigger_has_one_effect(
    operator: Operator, device: Device, definition: dict[str, Any], steps: list[tuple[Any, ...]]
) -> None:
    world = World(operator, device, definition)
    for name, *arguments in steps:
        getattr(world, name)(*arguments)
    world.finish()

    with all_tenants():
        executions = list(Execution.objects.filter(rule=world.rule).order_by("triggered_at"))
        done = [to_microseconds(one.triggered_at) for one in executions if not one.reason]
        orders = list(Command.objects.values_list("idempotency_key", flat=True))
    assert done == expected(world)
    assert {one.state for one in executions if not one.reason} <= {"done"}
    assert sorted(orders) == sorted(f"{one.id}:0:0" for one in executions if not one.reason)
    assert {one.reason for one in executions} <= {"", "cooldown"}
