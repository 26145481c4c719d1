"""What the commands of a profile may say."""

from __future__ import annotations

import pytest

from devices.command_schema import BadCommandSchema, Effect, check_params, read_commands
from tests.commands.conftest import COMMANDS


def test_reads_every_command():
    specs = read_commands(COMMANDS)

    pump = specs["pump_on"]
    assert (pump.effect, pump.actuator, pump.limits.max_runtime_s) == (Effect.ON, "pump", 120)
    assert pump.measured({"duration_s": 5}, "runtime_s") == 5
    assert specs["relay"].actuator_for({"channel": "r2"}) == "r2"


@pytest.mark.parametrize(
    ("commands", "hint"),
    [
        ("restart", "list"),
        (["restart"], "object"),
        ([{"name": "a/b"}], "letters"),
        ([{"name": "a"}, {"name": "a"}], "twice"),
        ([{"name": "a", "colour": "red"}], "unknown colour"),
        ([{"name": "a", "effect": "on"}], "actuator"),
        ([{"name": "a", "effect": "explode"}], "effect"),
        ([{"name": "a", "actuator": "{x}"}], "actuator"),
        ([{"name": "a", "params": [{"name": "x", "type": "date"}]}], "type"),
        ([{"name": "a", "params": [{"name": "x", "min": "low"}]}], "number"),
        ([{"name": "a", "limits": {"max_speed": 1}}], "max_speed"),
        ([{"name": "a", "limits": {"max_value": float("nan")}}], "number"),
    ],
)
def test_says_what_is_wrong(commands, hint):
    with pytest.raises(BadCommandSchema, match=hint):
        read_commands(commands)


_SPEC = read_commands(
    [
        {
            "name": "x",
            "params": [
                {"name": "n", "type": "integer", "min": 1, "max": 9, "required": True},
                {"name": "mode", "type": "string", "choices": ["eco", "boost"]},
                {"name": "dry", "type": "boolean", "default": False},
            ],
        }
    ]
)["x"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "required"),
        ({"n": 0}, "too_small"),
        ({"n": 10}, "too_large"),
        ({"n": 1.5}, "wrong_type"),
        ({"n": True}, "wrong_type"),
        ({"n": float("inf")}, "wrong_type"),
        ({"n": 1, "mode": "fast"}, "invalid_choice"),
        ({"n": 1, "m": 2}, "unknown_param"),
    ],
)
def test_names_the_parameter_that_does_not_fit(params, code):
    _values, problems = check_params(_SPEC, params)

    assert [problem.code for problem in problems] == [code]


def test_fills_defaults():
    assert check_params(_SPEC, {"n": 3}) == ({"n": 3, "dry": False}, [])
