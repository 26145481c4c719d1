"""Each rule of safety, as a table; and that what stops always passes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from devices.command_schema import read_commands
from devices.safety import REASONS, Facts, Peer, Request, judge
from tests.commands.conftest import COMMANDS, NOW, after

SPECS = read_commands(COMMANDS)
FREE = Facts(now=NOW)


def refusal(name, params, facts=FREE, requester="user:1"):
    """Return the code with which a command is refused; "" when it passes."""
    found = judge(Request(SPECS[name], params, requester), facts).refusal
    return found.code if found else ""


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (FREE, ""),
        (replace(FREE, lifecycle="maintenance"), "maintenance"),
        (replace(FREE, lifecycle="decommissioned"), "decommissioned"),
        (replace(FREE, is_revoked=True), "revoked"),
        (replace(FREE, stops=("Bench",)), "emergency_stop"),
        (replace(FREE, lease_holder="system:recipe", lease_until=after(1)), "zone_leased"),
        (replace(FREE, lease_holder="system:recipe", lease_until=NOW), ""),
        (replace(FREE, lease_holder="user:1", lease_until=after(1)), ""),
        (replace(FREE, peers=(Peer("a", "b", False, True, True),)), "interlock"),
        (replace(FREE, peers=(Peer("a", "b", False, False, False),)), ""),
        (replace(FREE, peers=(Peer("a", "b", True, True, False),)), "interlock_requires"),
        (replace(FREE, peers=(Peer("a", "b", True, True, True),)), ""),
        (replace(FREE, off_since=after(-29)), "min_off_time"),
        (replace(FREE, off_since=after(-30)), ""),
        (replace(FREE, may_be_on=True, on_since=after(-121)), "runtime_used_up"),
        (replace(FREE, may_be_on=True, on_since=after(-10)), ""),
    ],
)
def test_starting(facts, code):
    assert refusal("pump_on", {"duration_s": 60}, facts) == code


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("pump_on", {"duration_s": 121}, "runtime_too_long"),
        ("pump_on", {"duration_s": 120}, ""),
        ("pump_on", {"duration_s": -1}, "not_positive"),
        ("dose", {"ml": 500}, ""),
        ("dose", {"ml": 500.1}, "dose_too_large"),
        ("dose", {"ml": 0}, "not_positive"),
        ("set_valve", {"percent": 80}, ""),
        ("set_valve", {"percent": 80.5}, "value_too_large"),
        ("set_valve", {"percent": -1}, "value_too_small"),
    ],
)
def test_limits(name, params, code):
    assert refusal(name, params) == code


def test_without_limits_of_its_own_a_run_ends_after_five_minutes():
    spec = read_commands(
        [{"name": "x", "effect": "on", "actuator": "a", "params": [{"name": "seconds"}]}]
    )["x"]

    verdicts = [
        judge(Request(spec, {"seconds": seconds}, "user:1"), FREE).refusal for seconds in (300, 301)
    ]

    assert verdicts[0] is None
    assert verdicts[1].code == "runtime_too_long"


HOSTILE = [
    replace(
        FREE,
        lifecycle=lifecycle,
        stops=stops,
        lease_holder="somebody",
        lease_until=after(60),
        may_be_on=may_be_on,
        on_since=after(-1000),
        off_since=after(-1),
        peers=(Peer("a", "b", needs_on, True, False),),
    )
    for lifecycle, stops, may_be_on, needs_on in itertools.product(
        ("active", "maintenance"), ((), ("site",)), (False, True), (False, True)
    )
]


@pytest.mark.parametrize("facts", HOSTILE)
@pytest.mark.parametrize(
    ("name", "params"), [("pump_off", {}), ("state", {}), ("set_valve", {"percent": 0})]
)
def test_off_and_read_always_pass(name, params, facts):
    assert refusal(name, params, facts) == ""


@pytest.mark.parametrize("name", ["pump_off", "state", "restart"])
def test_what_is_not_ours_any_more_gets_nothing(name):
    assert refusal(name, {}, replace(FREE, lifecycle="decommissioned")) == "decommissioned"


def test_a_restart_is_allowed_under_maintenance():
    assert refusal("restart", {}, replace(FREE, lifecycle="maintenance")) == ""


def test_every_reason_says_what_to_do():
    facts = replace(FREE, off_since=after(-10))

    check = judge(Request(SPECS["pump_on"], {}, "user:1"), facts).refusal

    assert check.detail == "It must rest 30 s; try again in 20 s."
    assert all(str(text) for text in REASONS.values())
