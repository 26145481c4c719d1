"""The form of one version of an alarm rule, as it is stored, exported and compiled.

    {"when": {"kind": "threshold", "above": 30, "clear_above": 28}, "for_seconds": 300}

Numbers are in the unit of the channel; times of the week are local times of the site.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from alarms.engine.conditions import Limits, States
from alarms.engine.fold import NEVER, Timing
from energy.lib.documents import read_document

MAX_BYTES = 16_384
DAY_SECONDS = 86_400
SECOND_US = 1_000_000

Seconds = Annotated[int, msgspec.Meta(ge=0, le=30 * DAY_SECONDS)]
Clock = Annotated[str, msgspec.Meta(pattern=r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z")]
IsoWeekday = Annotated[int, msgspec.Meta(ge=1, le=7)]


class BadRule(ValueError):
    """A rule that cannot be used.

    `field` is the place, such as `when.clear_above`; `code` one of bad_shape, too_large,
    no_limit, contradiction, not_finite, empty_slot. `message` says what to do.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class _Limited(_Strict, frozen=True):
    """Limits; where a clear value is left out, the alarm ends at its limit."""

    above: float | None = None
    clear_above: float | None = None
    below: float | None = None
    clear_below: float | None = None

    def limits(self) -> Limits:
        """Return them complete. Raises: BadRule."""
        if self.above is None and self.below is None:
            raise BadRule("no_limit", "when.above", "Give a limit: above, below, or both.")
        for clear, limit in (("clear_above", "above"), ("clear_below", "below")):
            if getattr(self, clear) is not None and getattr(self, limit) is None:
                raise BadRule("no_limit", f"when.{clear}", f"Give the limit {limit} as well.")
        above, below = _or(self.above, math.inf), _or(self.below, -math.inf)
        try:
            return Limits(
                above=above, clear_above=_or(self.clear_above, above),
                below=below, clear_below=_or(self.clear_below, below),
            )  # fmt: skip
        except ValueError as error:
            raise BadRule("contradiction", "when.clear_above", str(error)) from None


class Threshold(_Limited, frozen=True, tag_field="kind", tag="threshold"):
    """A value above or below a limit."""


class Rate(_Limited, frozen=True, tag_field="kind", tag="rate"):
    """A change a minute above or below a limit; a fall is negative."""


class LastWeek(_Limited, frozen=True, tag_field="kind", tag="last_week"):
    """A value that differs from the one a week before, in percent of that."""


class InState(_Strict, frozen=True, tag_field="kind", tag="state"):
    """A state channel that has one of these values."""

    values: Annotated[tuple[float, ...], msgspec.Meta(min_length=1, max_length=50)]


class NoData(_Strict, frozen=True, tag_field="kind", tag="no_data"):
    """Nothing was heard for so long."""

    seconds: Annotated[int, msgspec.Meta(ge=10, le=30 * DAY_SECONDS)]


class Slot(_Strict, frozen=True):
    """A part of the week, in the zone of the site; from 22:00 to 06:00 goes into the next day."""

    days: Annotated[tuple[IsoWeekday, ...], msgspec.Meta(max_length=7)] = ()
    start: Clock = msgspec.field(default="00:00", name="from")
    end: Clock = msgspec.field(default="24:00", name="to")


When = Threshold | Rate | LastWeek | InState | NoData


class RuleDefinition(_Strict, frozen=True):
    """When an alarm is raised, and when it ends.

    for_seconds: wrong without a break before it is raised. clear_seconds: right without a
    break before it ends. times: samples in one stretch that must say so. hold_seconds: how
    long a sample stands for the time after it; left out, as long as the type of the device
    may be silent. active: when the rule is looked at; left out, always.
    """

    when: When
    for_seconds: Seconds = 0
    clear_seconds: Seconds = 0
    times: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    hold_seconds: Annotated[int, msgspec.Meta(ge=1, le=30 * DAY_SECONDS)] | None = None
    active: Annotated[tuple[Slot, ...], msgspec.Meta(max_length=50)] = ()
    severity: Literal["info", "warning", "error", "critical"] = "warning"

    def condition(self) -> Limits | States:
        """Return what values are judged by: the channel's, or those made of it. Raises: BadRule."""
        match self.when:
            case InState(values=values):
                return States(frozenset(values))
            case NoData():
                return Limits()
            case when:
                return when.limits()

    def timing(self, hold: int) -> Timing:
        """Return how long and how often. Args: hold: µs, where the rule does not say."""
        if isinstance(self.when, NoData):
            return Timing(silence=self.when.seconds * SECOND_US)
        own = self.hold_seconds
        return Timing(
            raise_after=self.for_seconds * SECOND_US,
            clear_after=self.clear_seconds * SECOND_US,
            count=self.times,
            hold=min(hold, NEVER) if own is None else own * SECOND_US,
        )


def read_rule(document: bytes | dict[str, Any]) -> RuleDefinition:
    """Return a rule, every member of its type and all of it consistent.

    Raises: BadRule.
    """
    rule = read_document(document, RuleDefinition, most_bytes=MAX_BYTES, refuse=BadRule)
    _check(rule)
    return rule


def write_rule(rule: RuleDefinition) -> dict[str, Any]:
    """Return a rule as it is stored; what stands at its default is left out."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(rule))
    return written


def _check(rule: RuleDefinition) -> None:
    for name, number in _numbers(rule.when):
        if not math.isfinite(number):
            raise BadRule("not_finite", f"when.{name}", "Write a number.")
    rule.condition()
    for place, slot in enumerate(rule.active):
        if slot.start == slot.end or slot.start == "24:00":
            raise BadRule("empty_slot", f"active[{place}].from", "This slot is empty.")


def _numbers(when: When) -> Iterator[tuple[str, float]]:
    for name in when.__struct_fields__:
        value = getattr(when, name)
        for number in value if isinstance(value, tuple) else [value]:
            if isinstance(number, float):
                yield name, number


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
