"""S29: a rule is data. Whatever somebody writes into one, nothing of it is ever run."""

from __future__ import annotations

import json
import time
import timeit
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.rules.compiled import BUDGET_SECONDS, Scene, TooSlow, compile_condition
from automation.rules.definition import MAX_NODES, BadRule, conditions, read_rule

DEVICE = "0192e4a0-0000-7000-8000-000000000000"
THEN = [{"kind": "command", "device": DEVICE, "name": "pump_on"}]
UTC = ZoneInfo("UTC")

# what has opened sandboxes elsewhere, as values, names, formulas and structures
EXPRESSIONS = [
    "__import__('os').system('touch /tmp/escaped')", "().__class__.__bases__[0].__subclasses__()",
    "(lambda: 1)()", "[x for x in (1).__class__.__mro__]", "a.__class__", "a.__globals__",
    "getattr(a, 'x')", "eval('1')", "exec('1')", "open('/etc/passwd')", "globals()", "locals()",
    "vars()", "dir()", "type(a)", "breakpoint()", "input()", "print(a)", "compile('1','','eval')",
    "__builtins__", "__name__", "a if a else b.c", "f'{a.__class__}'", "'%s' % a", "'{}'.format(a)",
    "a[0]", "a[0:1]", "{a: 1}", "{a}", "[a]", "(a, b)", "a := 1", "lambda x: x", "await a",
    "yield a", "yield from a", "*a", "**a", "a @ b", "a ** a", "9**9**9", "9**9**9**9", "1 << 99",
    "a // b", "a % b", "a & b", "a | b", "a ^ b", "~a", "not a", "a and b", "a or b", "a in b",
    "a is b", "a < b < a", "'x' * 10**9", "'a'", "b'a'", "True", "None", "...", "1j", "a.b",
    "a()", "abs()", "abs(a, b, a)", "abs(x=a)", "min(a)", "max(*a)", "if(a, b)", "if(a)",
    "import os",
    "from os import *", "del a", "assert a", "raise a", "return a", "pass", "a = 1", "a; b", "a\nb",
    "# a", "\\", "\x00", "a\x00b", "__a", "a__class__", "A", "1e999", "-1e999",
    "(" * 300 + "a" + ")" * 300, "-" * 500 + "a", "abs(" * 120 + "a" + ")" * 120, "a+" * 400 + "a",
    "0x" + "f" * 400, "1" * 490, "9" * 300 + "." + "9" * 100, "a" * 501, "", " ", "\t", "()",
    "if(a > b, eval('1'), a)", "a if __import__('os') else b", "max(a, open('x'))",
    "abs(a.__class__)", "min(a, (1).__class__)", "[].append(a)", "a.real.__class__", "__loader__",
    "a.__init__.__globals__['os']", "copyright", "credits", "exit()", "quit()", "help()",
    "memoryview(a)", "object()", "super()", "classmethod(a)", "setattr(a, 'b', 1)", "id(a)",
    "hash(a)", "bytearray(10**10)", "range(10**10)", "sum(a)", "sorted(a)", "pow(9, 999999)",
    "a if a > b else a.__class__", "{**a}", "[*a]", "print", "abs", "min", "max", "if",
    "np.array(a)", "numpy.load('x')", "os.system('x')", "sys.exit()", "subprocess.run('x')",
]  # fmt: skip
DOCUMENTS: list[Any] = [
    None, 1, "rule", [], {}, {"when": []}, {"when": {}}, {"when": [None]}, {"when": [{}]},
    {"when": [{"kind": "python", "code": "1"}]}, {"when": [{"kind": "eval"}]},
    {"when": [{"kind": "__class__"}]}, {"when": [{"kind": ["samples"]}]},
    {"when": [{"kind": "samples"}]}, {"when": [{"kind": "samples", "that": "True"}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": "1; DROP TABLE"}}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": -1, "above": 1}}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": 1e300, "above": 1}}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": True, "above": 1}}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": 1, "above": "1"}}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": 1}}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": 1, "above": 1}, "for": -1}]},
    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": 1, "above": 1},
               "for": 10**12}]},
    {"when": [{"kind": "samples", "that": {"kind": "device", "device": DEVICE, "is": "online"}}]},
    {"when": [{"kind": "samples", "that": {"kind": "week", "slots": [{"from": "6"}]}}]},
    {"when": [{"kind": "samples", "that": {"kind": "all", "of": []}}]},
    {"when": [{"kind": "time", "schedule": {"when": {"kind": "cron", "line": "* * * * * rm"}}}]},
    {"when": [{"kind": "time", "schedule": {"when": {"kind": "every", "seconds": 1}}}]},
    {"when": [{"kind": "webhook", "url": "http://169.254.169.254/"}]},
    {"when": [{"kind": "webhook"}], "then": []},
    {"when": [{"kind": "webhook"}], "then": [{"kind": "shell", "command": "id"}]},
    {"when": [{"kind": "webhook"}], "then": [{"kind": "command", "device": "../x", "name": "a"}]},
    {"when": [{"kind": "webhook"}], "then": [{"kind": "command", "device": DEVICE, "name": ""}]},
    {"when": [{"kind": "webhook"}],
     "then": [{"kind": "command", "device": DEVICE, "name": "a", "params": {"a": {"b": 1}}}]},
    {"when": [{"kind": "webhook"}],
     "then": [{"kind": "command", "device": DEVICE, "name": "a", "principal": "user:1"}]},
    {"when": [{"kind": "webhook"}],
     "then": [{"kind": "command", "device": DEVICE, "name": "a", "expires_in": 10**9}]},
    {"when": [{"kind": "webhook"}], "then": [{"kind": "delay", "seconds": 10**9}]},
    {"when": [{"kind": "webhook"}], "then": [{"kind": "webhook", "target": "http://localhost/"}]},
    {"when": [{"kind": "webhook"}], "then": THEN, "if": {"kind": "payload", "path": "a.x()"}},
    {"when": [{"kind": "webhook"}], "then": THEN, "if": {"kind": "payload", "path": "a" * 999}},
    {"when": [{"kind": "webhook"}], "then": THEN, "if": "1 == 1"},
    {"when": [{"kind": "webhook"}], "then": THEN, "unsafe": True},
    {"when": [{"kind": "webhook"}], "then": THEN, "cooldown": -1},
    {"when": [{"kind": "webhook"}], "then": THEN, "most_per_hour": 10**9},
    {"when": [{"kind": "webhook"}] * 11, "then": THEN},
    {"when": [{"kind": "webhook"}], "then": THEN * 21},
    {"__class__": "x", "when": [{"kind": "webhook"}], "then": THEN},
]  # fmt: skip


def with_formula(text: str) -> dict[str, Any]:
    part = {"kind": "formula", "formula": text, "inputs": {"a": 1, "b": 2}, "above": 0}
    return {"when": [{"kind": "samples", "that": part}], "then": THEN}


def compiled(document: Any) -> list[Any]:
    rule = read_rule(document)
    return [compile_condition(one, zone=UTC, place=at) for at, one, _of in conditions(rule)]


def test_there_are_two_hundred_attempts() -> None:
    assert len(EXPRESSIONS) + len(DOCUMENTS) + 2 * 8 >= 200


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_refused_as_a_formula(text: str) -> None:
    with pytest.raises(BadRule) as refused:
        compiled(with_formula(text))
    assert refused.value.code in {"bad_formula", "bad_shape", "too_large"}
    assert refused.value.message


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_a_document_that_is_no_rule_is_refused(document: Any) -> None:
    given = json.dumps(document).encode() if not isinstance(document, dict) else document
    with pytest.raises(BadRule):
        compiled(given)


NESTED = [
    '{"when":' * 5000, "[" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000, "\xff\xfe", "NaN",
    '{"when": [{"kind": "webhook"}], "then": [], "then": []}', "{" + '"a":1,' * 6000 + '"b":1}',
    '{"when": "' + "x" * 40_000 + '"}',
]  # fmt: skip


@pytest.mark.parametrize("text", NESTED, ids=range(len(NESTED)))
def test_bytes_that_are_no_rule_are_refused_quickly(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(BadRule):
        read_rule(text.encode("latin-1"))
    assert time.perf_counter() - began < 1


def nested(depth: int, kind: str) -> dict[str, Any]:
    part: dict[str, Any] = {"kind": "value", "channel": 1, "above": 1}
    for _ in range(depth):
        part = {"kind": kind, "of": part if kind == "not" else [part]}
    return part


@pytest.mark.parametrize("depth", [10, 50, 200, 400])
@pytest.mark.parametrize("kind", ["not", "all"])
def test_deep_nesting_is_refused(depth: int, kind: str) -> None:
    with pytest.raises(BadRule) as refused:
        read_rule({"when": [{"kind": "webhook"}], "then": THEN, "if": nested(depth, kind)})
    assert refused.value.code in {"too_deep", "bad_shape", "too_large", "too_many_nodes"}


def test_many_parts_are_refused() -> None:
    part = {"kind": "any", "of": [{"kind": "value", "channel": 1, "above": 1}] * 20}
    whole = {"kind": "all", "of": [part] * 6}
    with pytest.raises(BadRule) as refused:
        read_rule({"when": [{"kind": "samples", "that": whole}], "then": THEN})
    assert refused.value.code == "too_many_nodes"


def test_the_largest_rule_stays_within_its_time() -> None:
    """Formulas as long as they may be, as many as there may be parts."""
    text = "+".join(["(a+a+a+a+a+a+a)"] * 5)
    part = {"kind": "formula", "formula": text, "inputs": {"a": 1}, "above": 1e9}
    whole = {"kind": "any", "of": [{"kind": "any", "of": [part] * 19}] * 4}
    [one] = compiled({"when": [{"kind": "webhook"}], "then": THEN, "if": whole})
    scene = Scene()
    scene.inputs[1] = (0, 1.0)
    one.holds(scene, budget=10.0)
    # 5 ms on two slow cores; the limit leaves room for others that work beside it
    assert min(timeit.repeat(lambda: one.test(scene), number=1, repeat=5)) < BUDGET_SECONDS


@pytest.mark.parametrize("text", ["ａ", "𝒶𝒷𝓈(a)", "\ta", "a  # b", "1 if a > b else 0", "((a))"])
def test_what_looks_odd_is_a_sum_all_the_same(text: str) -> None:
    [one] = compiled(with_formula(text))
    scene = Scene()
    scene.inputs |= {1: (0, 3.0), 2: (0, 2.0)}
    assert one.test(scene) is True


def test_a_condition_that_takes_too_long_is_stopped() -> None:
    small = {"kind": "any", "of": [{"kind": "value", "channel": 1, "above": 1}] * 20}
    [one] = compiled({"when": [{"kind": "webhook"}], "then": THEN, "if": small})
    with pytest.raises(TooSlow):
        one.holds(Scene(), budget=0.0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["value", "all", "not", "samples", "webhook", "command", DEVICE]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["kind", "of", "that", "when", "then", "if", "channel", "above", "formula"])
        | st.text(max_size=8), inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["when", "then", "if", "cooldown", "x"]), JSON))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_a_rule_or_refused_in_words(document: dict[str, Any]) -> None:
    try:
        compiled(document)
    except BadRule as refused:
        assert refused.code
        assert refused.message


def test_hundred_parts_are_allowed() -> None:
    part = {"kind": "any", "of": [{"kind": "value", "channel": 1, "above": 1}] * 18}
    whole = {"kind": "all", "of": [part] * 5}
    rule = read_rule({"when": [{"kind": "samples", "that": whole}], "then": THEN})
    assert len(list(conditions(rule))) == 1
    assert MAX_NODES >= 1 + 5 * 19
