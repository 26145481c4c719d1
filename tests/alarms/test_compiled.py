"""Rules tried on the past: what they would have told."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alarms.engine.fold import NEVER, Episode
from alarms.rules.compiled import Compiled, against, compile_rule
from alarms.rules.definition import read_rule
from tests.alarms.oracle import try_on

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60_000_000
START = int(dt.datetime(2026, 11, 20, 8, tzinfo=BERLIN).timestamp()) * 1_000_000


def compiled(when: dict[str, Any], **more: Any) -> Compiled:
    return compile_rule(read_rule({"when": when, **more}), zone=BERLIN, hold=10 * MINUTE)


def tried(rule: Compiled, values: list[float], *, step: int = 1, until: int = 600) -> list[Any]:
    times = START + np.arange(len(values), dtype=np.int64) * step * MINUTE
    found = try_on(rule, times, np.array(values, dtype=np.float64), until=START + until * MINUTE)
    return [
        (((one.raised_at - START) / MINUTE), one.value,
         None if one.cleared_at == NEVER else (one.cleared_at - START) / MINUTE)
        for one in found
    ]  # fmt: skip


def test_too_warm_for_five_minutes() -> None:
    rule = compiled({"kind": "threshold", "above": 30, "clear_above": 28}, for_seconds=300)

    values = [25, 31, 29, 31, 32, 33, 34, 31, 29, 27, 25, 31, 31, 27]
    assert tried(rule, values) == [(6, 34, 9)]


def test_a_quick_rise() -> None:
    assert tried(compiled({"kind": "rate", "above": 4}), [10, 12, 18, 19, 19], step=1) == [
        (2, 18, 3)
    ]  # fmt: skip


def test_nothing_is_heard() -> None:
    rule = compiled({"kind": "no_data", "seconds": 300})

    assert tried(rule, [1, 1, 1], step=4) == [(13, 1, None)]
    assert tried(rule, [1, 1, 1], step=6) == [(5, 1, 6), (11, 1, 12), (17, 1, None)]


def test_only_in_working_hours() -> None:
    hours = [{"days": [1, 2, 3, 4, 5], "from": "09:00", "to": "10:00"}]  # START is a Friday at 8
    warm = compiled({"kind": "threshold", "above": 30}, active=hours)
    silent = compiled({"kind": "no_data", "seconds": 300}, active=hours)

    assert tried(warm, [35.0] * 200) == [(60, 35, 120)]
    assert tried(silent, [1.0]) == [(60, 1, None)]
    assert tried(silent, [1.0] * 3, step=30) == [(65, 1, None)]


def test_compared_with_last_week() -> None:
    rule = compiled({"kind": "last_week", "above": 50, "below": -50})
    percent = against(np.array([150.0, 151, 40, 100, 7]), np.array([100.0, 100, 100, math.nan, 0]))

    assert percent.tolist()[:3] == pytest.approx([50, 51, -60])
    assert np.isnan(percent[3:]).all()
    times = START + np.arange(3, dtype=np.int64)
    assert try_on(rule, times, percent[:3], until=NEVER) == [
        Episode(START + 1, pytest.approx(51.0), NEVER)
    ]  # fmt: skip
