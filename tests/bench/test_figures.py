"""What the bench computes from what it saw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.ledger import Ledger
from bench.websocket import ages_on_arrival

BALANCED = Ledger(
    published=101,
    poisoned=1,
    unacknowledged=0,
    stored=100,
    rejected=1,
    rows=1000,
    distinct_keys=1000,
    uneven_channels=0,
    left_in_stream=0,
    points=10,
)


def test_a_ledger_balances_when_everything_is_stored_or_rejected_once():
    assert BALANCED.is_balanced
    assert (BALANCED.lost, BALANCED.duplicated) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"stored": 99},
        {"published": 102},
        {"rejected": 2},
        {"rows": 1001},
        {"distinct_keys": 999},
        {"uneven_channels": 1},
        {"left_in_stream": 1},
        {"unacknowledged": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_ledger_does_not_balance_when_one_count_differs(change):
    assert not replace(BALANCED, **change).is_balanced


def test_a_reading_is_shown_by_the_first_frame_that_is_as_new():
    arrivals = [(1_300.0, 1_200), (1_550.0, 1_500)]

    ages = ages_on_arrival(arrivals, [1_100, 1_200, 1_300, 1_500])

    assert ages.tolist() == [200.0, 100.0, 250.0, 50.0]


def test_a_reading_that_no_frame_showed_has_no_age():
    assert ages_on_arrival([(1_300.0, 1_200)], [1_250]).tolist() == []
    assert ages_on_arrival([], [1_250]).tolist() == []
