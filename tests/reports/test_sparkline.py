"""Sparklines draw what is there and nothing else."""

from __future__ import annotations

from reports.sparkline import draw_sparkline


def test_draws_one_run_from_edge_to_edge() -> None:
    spark = draw_sparkline([0.0, 5.0, 10.0])

    assert spark is not None
    assert [run.line for run in spark.runs] == ["0,28 60,15 120,2"]
    assert spark.runs[0].area == "0,30 0,28 60,15 120,2 120,30"


def test_a_gap_breaks_the_line() -> None:
    spark = draw_sparkline([1.0, 2.0, None, 2.0, 1.0])

    assert spark is not None
    assert len(spark.runs) == 2


def test_a_flat_line_runs_through_the_middle() -> None:
    spark = draw_sparkline([-4.0, -4.0])

    assert spark is not None
    assert spark.runs[0].line == "0,15 120,15"


def test_one_value_is_no_line() -> None:
    assert draw_sparkline([None, 3.0, None]) is None
