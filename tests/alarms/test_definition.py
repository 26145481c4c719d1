"""Rules as they are written: read, refused in the right place, written again, compiled."""

from __future__ import annotations

from typing import Any

import pytest

from alarms.engine.conditions import Limits, States
from alarms.engine.fold import NEVER, Timing
from alarms.rules.definition import BadRule, read_rule, write_rule

WARM = {"when": {"kind": "threshold", "above": 30.0, "clear_above": 28.0}, "for_seconds": 300}


@pytest.mark.parametrize(
    ("document", "condition", "timing"),
    [
        (WARM, Limits(above=30, clear_above=28), Timing(raise_after=300_000_000, hold=7)),
        ({"when": {"kind": "threshold", "below": 5.0}, "times": 3, "hold_seconds": 60},
         Limits(below=5, clear_below=5), Timing(count=3, hold=60_000_000)),
        ({"when": {"kind": "rate", "above": 2.0, "below": -2.0}, "clear_seconds": 60},
         Limits(2, 2, -2, -2), Timing(clear_after=60_000_000, hold=7)),
        ({"when": {"kind": "last_week", "above": 20.0}}, Limits(20, 20), Timing(hold=7)),
        ({"when": {"kind": "state", "values": [2.0, 3.0]}}, States(frozenset({2.0, 3.0})),
         Timing(hold=7)),
        ({"when": {"kind": "no_data", "seconds": 600}}, Limits(), Timing(silence=600_000_000)),
    ],
)  # fmt: skip
def test_a_rule_is_compiled_and_written_as_it_was(
    document: dict[str, Any], condition: Limits | States, timing: Timing
) -> None:
    rule = read_rule(document)

    assert rule.condition() == condition
    assert rule.timing(7) == timing
    assert write_rule(rule) == document
    assert rule.timing(NEVER + 5).hold in (NEVER, timing.hold)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"when": {"kind": "threshold"}}, "no_limit", "when.above"),
        ({"when": {"kind": "threshold", "below": 1, "clear_above": 2}}, "no_limit",
         "when.clear_above"),
        ({"when": {"kind": "threshold", "above": 1, "clear_above": 2}}, "contradiction",
         "when.clear_above"),
        ({"when": {"kind": "threshold", "abov": 1}}, "bad_shape", "when"),
        ({"when": {"kind": "guess"}}, "bad_shape", "when.kind"),
        ({"when": {"kind": "state", "values": []}}, "bad_shape", "when.values"),
        ({"when": {"kind": "no_data", "seconds": 1}}, "bad_shape", "when.seconds"),
        ({"for_seconds": -1}, "bad_shape", "for_seconds"),
        ({"times": 0}, "bad_shape", "times"),
        ({"active": [{"from": "25:00"}]}, "bad_shape", "active[0].from"),
        ({"active": [{"from": "06:00", "to": "06:00"}]}, "empty_slot", "active[0].from"),
        ({"severity": "loud"}, "bad_shape", "severity"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(BadRule) as caught:
        read_rule(WARM | changes)

    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.message


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"when": ' + b"[" * 5000, b'"' + b"x" * 20_000 + b'"', b"\xff"]
)
def test_what_is_no_rule_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(BadRule):
        read_rule(data)
