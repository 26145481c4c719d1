"""Waiting by a clock that people and time servers may set back."""

from __future__ import annotations


def must_wait(until: float, *, now: float, at_most: float) -> bool:
    """Tell whether it is too early.

    Nobody waits for more than `at_most` seconds: a later `until` was set by a clock that has
    been set back since.
    """
    return now < until <= now + at_most
