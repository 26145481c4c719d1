"""The modules without a page: series, ages, back-off; and what all of them weigh."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from tests.browser.conftest import Visit

BUDGET_BYTES = 65 * 1024
MINUTE = 60_000


def run(visit: Callable[..., Visit], module: str, expression: str, argument: Any = None) -> Any:
    """Evaluate an expression of a module `m` and an argument `a` on the sign-in page."""
    page = visit().open("/accounts/login/")
    script = f"async (a) => {{ const m = await import('/static/ui/js/{module}'); {expression} }}"
    return page.evaluate(script, argument)


def answer(times: list[int], interval: str = "5m", **series: list[float | None]) -> dict[str, Any]:
    """Return what the API answers for one channel."""
    columns = [
        {"agg": agg, "t": times, "v": values, "q": ["good"] * len(times)}
        for agg, values in series.items()
    ]
    return {"from": 0, "to": 60 * MINUTE, "interval": interval, "series": columns}


def test_a_missing_stretch_becomes_a_null(visit: Callable[..., Visit]) -> None:
    times = [0, 5 * MINUTE, 40 * MINUTE]
    data = run(visit, "series.js", "return m.prepare(a)", answer(times, avg=[1, 2, 3]))

    assert data["v"] == [1, 2, None, 3]
    assert data["gaps"] == 1


def test_buckets_of_a_slow_device_are_no_gaps(visit: Callable[..., Visit]) -> None:
    times = [0, 15 * MINUTE, 30 * MINUTE]
    asked = answer(times, avg=[1, 2, 3])
    data = run(visit, "series.js", f"return m.prepare(a, {15 * MINUTE})", asked)

    assert data["v"] == [1, 2, 3]


def test_empty_buckets_are_left_to_the_gap_rule(visit: Callable[..., Visit]) -> None:
    times = [0, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 20 * MINUTE]
    asked = answer(times, avg=[1, None, 3, None, None])
    data = run(visit, "series.js", "return m.prepare(a)", asked)

    assert data["v"] == [1, None, 3]


def test_facts_come_from_the_extremes_of_the_buckets(visit: Callable[..., Visit]) -> None:
    asked = answer([0, 5 * MINUTE], avg=[10, 20], min=[4, 12], max=[15, 31])
    facts = run(visit, "series.js", "return m.factsOf(m.prepare(a))", asked)

    assert (facts["low"], facts["high"], facts["mean"]) == (4, 31, 15)
    assert facts["coverage"] == pytest.approx(2 / 12)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, [0, 108]),
        (225, 235, [224.2, 235.8]),
        (5, 5, [4.96, 5.04]),
        (-10, 10, [-11.6, 11.6]),
    ],
)
def test_the_value_axis_leaves_room(
    visit: Callable[..., Visit], low: float, high: float, expected: list[float]
) -> None:
    shown = run(visit, "series.js", f"return m.valueRange({low}, {high}, false)")

    assert shown == pytest.approx(expected)


def test_ages_are_said_like_on_the_server(visit: Callable[..., Visit]) -> None:
    ages = run(visit, "age.js", "return [0, 12, 61, 7200, 200000].map(m.describeAge)")

    assert ages == ["just now", "12 s ago", "1 min ago", "2 h ago", "2 d ago"]


def test_back_off_grows_to_a_bound_and_is_never_nothing(visit: Callable[..., Visit]) -> None:
    delays = run(
        visit, "live.js", "return [0, 1, 2, 20].flatMap(n => [m.backoff(n, 0), m.backoff(n, 1)])"
    )

    assert delays == [250, 500, 500, 1000, 1000, 2000, 15_000, 30_000]


def test_presence_follows_the_rule_of_the_server(visit: Callable[..., Visit]) -> None:
    states = run(
        visit, "presence.js", "return [0, 15, 16, 120, 121].map(s => m.presenceAfter(s, 15, 120))"
    )

    assert states == ["online", "online", "late", "late", "offline"]


def test_all_scripts_together_stay_small() -> None:
    static = settings.BASE_DIR / "static"
    scripts = [*(static / "ui" / "js").glob("*.js"), *(static / "vendor").rglob("*.js")]

    assert sum(len(gzip.compress(path.read_bytes())) for path in scripts) <= BUDGET_BYTES


def test_templates_hold_no_inline_code() -> None:
    folder = settings.BASE_DIR / "templates"
    pages = [path for path in folder.rglob("*.html") if not {"admin", "mail"} & {*path.parts}]
    forbidden = (" style=", "<style", " onclick=", " onload=", " onchange=", "javascript:")
    found = [
        (path.name, mark) for path in pages for mark in forbidden if mark in path.read_text("utf-8")
    ]

    assert found == []
