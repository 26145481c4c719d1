"""When units are asked: on a grid, spread, late cycles left out, dead units left alone."""

from __future__ import annotations

import uuid

import pytest

from devices.wires.modbus.schedule import Backoff, Beat, Ring, phase_of


def test_cycles_lie_on_a_grid_of_the_wall_clock() -> None:
    beat = Beat(10.0, 3.0)
    beat.begin(1_000_000_001.0)
    assert beat.due == 1_000_000_003.0
    assert beat.move_on(1_000_000_003.2) == 0
    assert beat.due == 1_000_000_013.0


def test_a_late_cycle_is_left_out_and_counted() -> None:
    beat = Beat(1.0, 0.25)
    beat.begin(100.0)
    assert beat.move_on(103.9) == 3
    assert beat.due == 104.25


def test_a_clock_that_is_set_back_does_not_stop_the_cycles() -> None:
    beat, backoff = Beat(10.0, 0.0), Backoff()
    beat.begin(10_000.0)
    backoff.fail(10_000.0)
    assert beat.due_at(6_400.0) == 6_410.0
    assert backoff.until_at(6_400.0) == 6_400.0


def test_phases_spread_units_over_the_whole_cycle_and_stay() -> None:
    ids = [uuid.uuid5(uuid.NAMESPACE_OID, str(number)) for number in range(500)]
    phases = [phase_of(id_, 10.0) for id_ in ids]
    in_a_second = [sum(second <= phase < second + 1 for phase in phases) for second in range(10)]
    assert sum(in_a_second) == 500
    assert min(in_a_second) > 25
    assert phases == [phase_of(id_, 10.0) for id_ in ids]


def test_a_dead_unit_is_left_alone_longer_each_time() -> None:
    backoff = Backoff()
    pauses = []
    for _ in range(200):
        backoff.fail(1000.0)
        pauses.append(backoff.until - 1000.0)
    assert pauses[:4] == [2.0, 4.0, 6.0, 8.0]
    assert pauses[-1] == max(pauses) == 300.0
    backoff.succeed()
    assert (backoff.failures, backoff.until) == (0, 0.0)


@pytest.mark.parametrize(
    ("failing", "asked"),
    [
        ({1}, [[0, 1], [1], [2, 0, 1], [2, 0, 1], [2, 0, 1]]),
        (set(), [[0, 1, 2]] * 5),
        ({0, 2}, [[0], [0], [1, 2], [2], [0]]),
    ],
)
def test_a_cycle_goes_on_where_an_error_interrupted_it(
    failing: set[int], asked: list[list[int]]
) -> None:
    ring, seen = Ring(3), []
    for _ in range(5):
        cycle: list[int] = []
        for position in ring.order():
            cycle.append(position)
            if position in failing:
                ring.interrupt(position)
                break
        else:
            ring.finish()
        seen.append(cycle)
    assert seen == asked


def test_every_block_that_can_be_read_is_read_equally_often() -> None:
    ring, read = Ring(5), [0] * 5
    for _ in range(200):
        for position in ring.order():
            if position == 3:
                ring.interrupt(position)
                break
            read[position] += 1
    assert read[3] == 0
    assert min(read[0], read[1], read[2], read[4]) >= 99
