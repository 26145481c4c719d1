"""The state machine: each edge, and what was skipped between two looks."""

from __future__ import annotations

import pytest

from charging.states import EDGES, KNOWN, steps_between


def shown(before: int | None, after: int, **more: bool) -> list[str]:
    return [
        f"{step.begin}>{step.end}{'?' if step.is_inferred else ''}{'' if step.is_known else '!'}"
        for step in steps_between(before, after, **more)
    ]


@pytest.mark.parametrize("edge", sorted(EDGES))
def test_each_edge_is_one_known_step(edge: tuple[int, int]) -> None:
    assert shown(*edge) == [f"{edge[0]}>{edge[1]}"]


def test_any_state_may_become_a_fault() -> None:
    assert {(state, 8) for state in KNOWN - {8}} <= EDGES


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (1, 3, ["1>2?", "2>3"]),
        (1, 4, ["1>2?", "2>3?", "3>4"]),
        (2, 5, ["2>3?", "3>5"]),
        (3, 6, ["3>5?", "5>6"]),
        (4, 7, ["4>5?", "5>7"]),
        (1, 7, ["1>5?", "5>7"]),
        (5, 4, ["5>6?", "6>4"]),
        (5, 3, ["5>1?", "1>2?", "2>3"]),
        (7, 3, ["7>1?", "1>2?", "2>3"]),
        (8, 3, ["8>1?", "1>2?", "2>3"]),
        (0, 5, ["0>1?", "1>5"]),
    ],
)
def test_what_was_skipped_is_inferred_in_order(before: int, after: int, wanted: list[str]) -> None:
    assert shown(before, after) == wanted


@pytest.mark.parametrize(
    ("before", "after"), [(4, 1), (4, 2), (4, 3), (1, 0), (5, 0), (5, 9), (9, 5)]
)
def test_what_the_machine_does_not_allow_is_one_unknown_step(before: int, after: int) -> None:
    assert shown(before, after) == [f"{before}>{after}!"]


@pytest.mark.parametrize("state", sorted(KNOWN))
def test_staying_is_no_step(state: int) -> None:
    assert shown(state, state) == []


def test_a_stop_of_ours_proves_no_charging() -> None:
    assert shown(4, 7, is_forced=True) == ["4>7"]


def test_all_of_a_connector_that_was_never_seen_is_inferred() -> None:
    assert shown(None, 3) == ["1>2?", "2>3?"]
    assert shown(None, 1) == []


def test_no_way_leads_through_a_fault_or_invents_charging() -> None:
    for before in KNOWN:
        for after in KNOWN - {before}:
            steps = steps_between(before, after)
            between = {step.end for step in steps[:-1]}
            assert not between & {0, 8}
            assert 5 not in between or after in (6, 7)
            assert (steps[0].begin, steps[-1].end) == (before, after)
