"""Whatever rules, schedules and controllers ask for, no command that leaves breaks a limit.

The safety check stands in `devices`; here everything that decides by itself is driven through
its own code up to that door, with orders that nobody in their senses would give.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from accounts.tenancy import all_tenants
from automation.models import (
    AutomationRule,
    Execution,
    ExecutionState,
    Origin,
    Schedule,
    StepState,
    ZoneControl,
    ZoneController,
)
from automation.running.clock import Clock
from automation.running.executor import _due, _take_up
from automation.services.controlling import control_zone
from automation.services.executions import Wanted, begin_executions
from devices.command_states import State
from devices.models import (
    ActuatorState,
    Command,
    Device,
    EmergencyStop,
    Interlock,
    ShutOut,
    ZoneLease,
)
from devices.services.command_answers import note_actuator
from devices.services.command_safety import take_lease
from devices.services.emergency_stop import press_emergency_stop
from tests.automation.operator import rule_of
from tests.automation.zoning import Bench, make_bench
from tests.commands.conftest import COMMANDS
from tests.conftest import Team
from tests.factories import NOW, DeviceFactory

pytestmark = pytest.mark.django_db
EXAMPLES, STEPS = 25, 20
SECOND = dt.timedelta(seconds=1)
STARTS = {"pump_on", "heater_on", "dose", "relay"}

names = st.sampled_from([command["name"] for command in COMMANDS] + ["emergency_stop", "x"])
numbers = st.one_of(
    st.sampled_from([0, -1, 1, 40, 80, 80.01, 100, 120, 121, 300, 301, 500, 501, 1e300]),
    st.floats(-1e6, 1e6), st.integers(-10, 1000), st.booleans(), st.text(max_size=3),
)  # fmt: skip
params = st.dictionaries(
    st.sampled_from(["duration_s", "ml", "percent", "channel", "runtime_s", "other"]), numbers,
    max_size=3,
)  # fmt: skip
sane = st.one_of(
    st.tuples(st.just("pump_on"), st.fixed_dictionaries({"duration_s": st.integers(1, 200)})),
    st.tuples(st.just("set_valve"), st.fixed_dictionaries({"percent": st.integers(-5, 120)})),
    st.tuples(st.just("dose"), st.fixed_dictionaries({"ml": st.integers(-5, 900)})),
    st.tuples(st.sampled_from(["heater_on", "heater_off", "pump_off", "state"]), st.just({})),
    st.tuples(st.just("relay"), st.just({"channel": "r1"})),
)  # fmt: skip
orders = st.builds(
    lambda where, what, wait, seconds: {
        "kind": "command", "device": where, "name": what[0], "params": what[1], "wait": wait,
        "expires_in": seconds,
    },
    st.sampled_from(["bench", "other", "foreign", "nobody"]),
    st.one_of(sane, sane, st.tuples(names, params)), st.booleans(), st.integers(1, 86_400),
)  # fmt: skip
delays = st.integers(1, 60).map(lambda seconds: {"kind": "delay", "seconds": seconds})
actions = st.builds(
    lambda before, last: [*before, last], st.lists(st.one_of(orders, delays), max_size=3), orders
)
steps = st.one_of(
    st.tuples(st.sampled_from(["rule", "schedule", "controller", "guard"]), actions),
    st.tuples(st.sampled_from(["rule", "schedule"]), actions),
    st.tuples(st.just("dose"), st.floats(0, 14)),
    st.tuples(st.sampled_from(["stop", "release"]), st.sampled_from(["device", "zone", "site"])),
    st.tuples(st.sampled_from(["lease", "end lease", "interlocks", "maintenance", "at work",
                               "revoke", "let in"]), st.none()),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("time"), st.integers(1, 400)),
)  # fmt: skip


@dataclass
class World:
    """What stands around the hardware, and what left."""

    team: Team
    bench: Bench
    other: Device
    foreign: Device
    now: dt.datetime = NOW
    seen: set[uuid.UUID] = field(default_factory=set)
    verdicts: set[str] = field(default_factory=set)

    def device(self, where: str) -> str:
        found = {"bench": self.bench.device, "other": self.other, "foreign": self.foreign}
        return str(found[where].id) if where in found else str(uuid.UUID(int=5))

    def placed(self, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            one | {"device": self.device(one["device"])} if one["kind"] == "command" else one
            for one in wanted
        ]


def make_world(red: Team, blue: Team) -> World:
    bench = make_bench(red)
    profile = bench.device.profile
    profile.commands = COMMANDS
    profile.save()
    other = DeviceFactory(
        tenant=red.tenant, site=bench.zone.site, gateway=None, profile=profile, lifecycle="active"
    )
    foreign = DeviceFactory(tenant=blue.tenant, gateway=None, profile=profile, lifecycle="active")
    bench.configure()
    with all_tenants():
        ZoneController.objects.update(gain=1e6, most=1e6, per_hour=None, per_day=None)
        for name, kind, actuator, peer in (
            ("never both", "not_both", "heater", "pump"),
            ("heater needs the pump", "requires", "valve", "pump"),
        ):
            Interlock.objects.create(
                tenant=red.tenant, name=name, kind=kind, device=bench.device, actuator=actuator,
                other_device=other, other_actuator=peer, is_active=False,
            )  # fmt: skip
    return World(red, bench, other, foreign)


def do(world: World, what: str, given_: Any) -> None:
    """Let something happen to the plant, or be decided."""
    with world.team.scope():
        if what in {"rule", "schedule", "controller", "guard"}:
            _decide(world, what, world.placed(given_))
        elif what == "dose":
            world.bench.measure(world.bench.ph, given_, world.now)
            control_zone(control_id=ZoneControl.objects.get().id, now=world.now)
        elif what == "answer":
            _answer(world, is_done=given_)
        else:
            _between(world, what, given_)


def _decide(world: World, what: str, wanted: list[dict[str, Any]]) -> None:
    tenant, site, now = world.team.tenant, world.bench.zone.site, world.now
    every = {"when": {"kind": "every", "seconds": 60}}
    if what == "rule":
        rule_of(
            {"when": [{"kind": "time", "schedule": every}], "then": wanted},
            tenant=tenant, site=site, position=now - 90 * SECOND, next_at=now,
        )  # fmt: skip
    elif what == "schedule":
        Schedule.objects.create(
            name=f"S {uuid.uuid4()}", site=site, zone=world.bench.zone, definition=every,
            actions=wanted, position=now - 90 * SECOND, next_at=now,
        )  # fmt: skip
    else:
        begun = Wanted(
            tenant_id=tenant.id, origin=Origin(what), origin_id=uuid.uuid4(), trigger_key="fuzz",
            label=what, triggered_at=now, actions=wanted, zone_id=world.bench.zone.id,
        )  # fmt: skip
        begin_executions([begun], now=now)


def _between(world: World, what: str, given_: Any) -> None:
    bench, now = world.bench, world.now
    targets = {"device": bench.device, "zone": bench.zone, "site": bench.zone.site}
    if what == "stop":
        press_emergency_stop(
            actor=world.team.owner, target=targets[given_], reason="", now=now
        )  # fmt: skip
    elif what == "release":
        EmergencyStop.objects.filter(scope=given_).update(released_at=now)
    elif what in {"maintenance", "at work"}:
        lifecycle = "maintenance" if what == "maintenance" else "active"
        Device.objects.update(lifecycle=lifecycle)
    elif what == "revoke":
        ShutOut.objects.get_or_create(device=bench.device, defaults={"at": now, "reason": "lost"})
    elif what == "let in":
        ShutOut.objects.all().delete()
    else:
        _lease_or_lock(world, what)


def _lease_or_lock(world: World, what: str) -> None:
    if what == "lease":
        ZoneLease.objects.all().delete()
        take_lease(
            zone=world.bench.zone, holder="system:somebody", until=world.now + 100 * SECOND,
            now=world.now,
        )  # fmt: skip
    elif what == "end lease":
        ZoneLease.objects.all().delete()
    elif not ActuatorState.objects.filter(actuator__in=["heater", "valve"]).exists():
        Interlock.objects.update(is_active=True)  # later they would be broken already


def _answer(world: World, *, is_done: bool) -> None:
    """Let the devices do what waits, or refuse it."""
    open_ = Command.objects.exclude(state__in=[State.DONE, State.INVALID, State.CANCELLED])
    for command in open_.select_related("device").order_by("requested_at", "id"):
        Command.objects.filter(id=command.id).update(
            state=State.DONE if is_done else State.ERROR, finished_at=world.now
        )
        if is_done and command.actuator and command.actuator != "valve":
            note_actuator(
                device=command.device, actuator=command.actuator, at=world.now,
                is_on=command.effect == "on",
            )  # fmt: skip


def act(world: World) -> None:
    """Let the clock and the executor work, and look at every command that is new."""
    before = {
        (row.device_id, row.actuator): (row.may_be_on, row.off_since)
        for row in ActuatorState.objects.all()
    }
    Clock().round(world.now)
    for execution_id, tenant_id in _due(world.now):
        _take_up(execution_id, tenant_id, world.now)
    for command in Command.objects.exclude(id__in=world.seen).select_related("device"):
        world.seen.add(command.id)
        if command.principal.startswith("system:") and not command.idempotency_key.startswith(
            "stop:"
        ):
            check(world, command, before)
    _check_interlocks(world)


def check(world: World, command: Command, before: dict[Any, Any]) -> None:
    """Look at one command as somebody would who has the manual of the plant in hand."""
    assert command.device.tenant_id == world.team.tenant.id, "of another tenant"
    world.verdicts.add(f"{command.state} {command.code}")
    if command.state == State.INVALID:
        assert command.code
        return
    given_ = command.params
    starts = command.name in STARTS or (command.name == "set_valve" and given_["percent"] != 0)
    if command.name == "dose":
        assert 0 < given_["ml"] <= 500
    if command.name == "pump_on":
        assert 0 < given_.get("duration_s", 120) <= 120
        assert (command.max_runtime_seconds or 0) <= 120
    if command.name == "set_valve":
        assert 0 <= given_["percent"] <= 80
    assert (command.max_runtime_seconds or 0) <= 300
    assert not ShutOut.objects.filter(device_id=command.device_id).exists(), "revoked"
    if not starts:
        return
    device = Device.objects.get(id=command.device_id)
    assert device.lifecycle == "active"
    stopped = {
        row.target_id for row in EmergencyStop.objects.filter(released_at=None)
    }  # fmt: skip
    assert not {device.id, device.zone_id, device.site_id} & stopped, "under an emergency stop"
    lease = ZoneLease.objects.filter(zone_id=device.zone_id, until__gt=world.now).first()
    assert lease is None or lease.holder == command.principal
    may_be_on, off_since = before.get((device.id, command.actuator), (False, None))
    if command.name == "pump_on" and not may_be_on and off_since is not None:
        assert world.now - off_since >= 30 * SECOND, "it has to rest"


def _check_interlocks(world: World) -> None:
    if not Interlock.objects.filter(is_active=True, kind="not_both").exists():
        return
    running = {
        (row.device_id, row.actuator) for row in ActuatorState.objects.all() if row.may_be_on
    }
    both = {(world.bench.device.id, "heater"), (world.other.id, "pump")}
    assert not both <= running, "the interlock is broken"


def check_blame() -> None:
    """What the safety check refused is kept as refused, and no rule is blamed for it."""
    for execution in Execution.objects.prefetch_related("steps").exclude(next_at__isnull=False):
        states = {step.state for step in execution.steps.all()}
        if StepState.REFUSED in states and StepState.FAILED not in states:
            assert execution.state == ExecutionState.REFUSED
    blamed = Execution.objects.filter(steps__state=StepState.FAILED).values("rule_id")
    innocent = AutomationRule.objects.exclude(id__in=blamed.exclude(rule_id=None))
    assert not innocent.exclude(failures=0, quarantine="").exists()


@contextmanager
def apart() -> Iterator[None]:
    """Leave nothing behind."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(st.lists(steps, min_size=8, max_size=STEPS))
def test_no_order_of_automation_breaks_a_limit(
    red: Team, blue: Team, happenings: list[tuple[str, Any]]
) -> None:
    with apart(), all_tenants():
        world = make_world(red, blue)
        for what, given_ in happenings:
            world.now += (given_ if what == "time" else 1) * SECOND
            do(world, what, given_)
            act(world)
        world.now += 120 * SECOND
        act(world)
        check_blame()
        assert not Command.objects.filter(device=world.foreign).exists()
    for verdict in world.verdicts:
        event(verdict)


def test_the_proof_sees_refusals_and_commands_that_leave(red: Team, blue: Team) -> None:
    """The fuzz above means something: sane orders pass, and each kind of wrong one is refused."""

    def order(name: str, where: str = "bench", **params_: Any) -> dict[str, Any]:
        return {"kind": "command", "device": where, "name": name, "params": params_}

    with apart(), all_tenants():
        world = make_world(red, blue)
        for happening in (
            ("rule", [order("pump_on", duration_s=60)]),
            ("schedule", [order("dose", ml=501)]),
            ("rule", [order("set_valve", percent=81)]),
            ("rule", [order("pump_on", duration_s=121)]),
            ("stop", "zone"), ("rule", [order("heater_on")]), ("release", "zone"),
            ("lease", None), ("rule", [order("heater_on")]), ("end lease", None),
            ("maintenance", None), ("schedule", [order("heater_on")]), ("at work", None),
            ("dose", 14.0),
        ):  # fmt: skip
            world.now += SECOND
            do(world, *happening)
            act(world)
        world.now += SECOND
        act(world)
        robots = Command.objects.filter(principal__startswith="system:")
        left = robots.exclude(state=State.INVALID).count()
        codes = set(robots.filter(state=State.INVALID).values_list("code", flat=True))
        refused = Execution.objects.filter(state=ExecutionState.REFUSED).count()
        check_blame()

    assert left >= 1
    assert {"dose_too_large", "value_too_large", "runtime_too_long", "emergency_stop",
            "zone_leased", "maintenance"} <= codes  # fmt: skip
    assert refused >= 6
