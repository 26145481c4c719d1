"""Inputs that nobody should send: shapes of the product, wrong in one place or in many.

`FUZZ_EXAMPLES` sets how many examples each test tries; above the usual number they are
different ones each time.
"""

from __future__ import annotations

import json
import math
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

USUAL = 25
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", USUAL))
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= USUAL,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

EDGES = st.sampled_from([
    None, True, False, 0, -1, -0.0, 1e308, -1e308, 1e-320, 2**31, 2**53 + 1, 2**63, 2**70, -(2**70),
    10**400, "", " ", "0", "NaN", "-Infinity", "1e400", "0x10", "1,5", "٣", "1_000", "null", "\x00",
    "\ud800", "\u202e", "x" * 5000, "9" * 5000, "2026-13-45T99:99:99Z", "9999-12-31T23:59:59Z",
    "0000-00-00", "2026-02-29", "1763600000", "300000-01-01T00:00:00Z", [], {}, [[]], [{}],
    {"": ""}, {"a": {"a": {"a": 1}}}, [None], math.nan, math.inf, -math.inf, 1763600000,
    1763600000000, 1763600000000000, 10**20, -62135596800000, 253402300800,
])  # fmt: skip
KEYS = st.sampled_from([
    "ts", "timestamp", "time", "values", "value", "device", "devices", "deviceId", "unit",
    "quality", "boot", "seq", "metric", "registers", "voltage_l1", "power", "data", "", " ", ".",
    "__proto__", "a.b", "x" * 300, "\x00", "\ud800", "TS", "v\u0131", "1", "-",
])  # fmt: skip
LEAVES = st.one_of(EDGES, st.floats(), st.integers(), st.text(max_size=20))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(KEYS | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """Return a document with something else in one to three places."""
    found = document
    for _ in range(draw(st.integers(1, 3))):
        found = _change(draw, found, depth=0)
    return found


def _change(draw: st.DrawFn, node: Any, *, depth: int) -> Any:
    """Go down some way, and put something else there, take it away or put it there twice."""
    if not isinstance(node, dict | list) or not node or (depth and draw(st.integers(0, 3)) == 0):
        return draw(TREES)
    names = list(node) if isinstance(node, dict) else list(range(len(node)))
    at = draw(st.sampled_from(names))
    copy: Any = dict(node) if isinstance(node, dict) else list(node)
    match draw(st.sampled_from(["down", "down", "down", "drop", "add"])):
        case "drop":
            del copy[at]
        case "add" if isinstance(copy, dict):
            copy[draw(KEYS)] = draw(TREES)
        case "add":
            copy.append(draw(TREES))
        case _:
            copy[at] = _change(draw, copy[at], depth=depth + 1)
    return copy


def encode(document: Any) -> bytes:
    """Return JSON, lone surrogates and NaN included."""
    return json.dumps(document, default=str).encode("utf-8", "surrogatepass")


@st.composite
def garbled(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes of which some are cut, changed, repeated or added."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(found) - 1)))
        match draw(st.sampled_from(["cut", "flip", "insert", "repeat", "swap"])):
            case "cut":
                del found[at:]
            case "flip" if found:
                found[at] ^= 1 << draw(st.integers(0, 7))
            case "repeat":
                found[at:at] = found[at : at + 20] * draw(st.integers(1, 50))
            case "swap":
                found[at : at + 1] = draw(st.sampled_from([b'"', b"{", b"]", b",", b"\n", b";"]))
            case _:
                found[at:at] = draw(st.binary(max_size=8))
    return bytes(found)


def payloads(documents: list[Any]) -> st.SearchStrategy[bytes]:
    """Return what is sent instead of one of these documents."""
    known = st.sampled_from(documents)
    return st.one_of(
        known.flatmap(changed).map(encode),
        known.map(encode).flatmap(garbled),
        TREES.map(encode),
        st.binary(max_size=64),
    )
