"""Conditions as closures. They look at a `Scene` and know nothing else.

A condition holds (True), does not (False), or nobody knows (None): a value that is missing or
too old is neither above nor below a limit, and what is unknown is not the opposite of anything.
Only what is known to hold sets something off.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from alarms.rules.week import Week
from automation.rules.definition import (
    SECOND_US,
    ActuatorIs,
    AlarmIs,
    All,
    BadRule,
    Condition,
    DeviceIs,
    Formula,
    InDaylight,
    InWeek,
    ModeIs,
    Not,
    OneOf,
    Payload,
    Value,
    channels_of,
)
from telemetry.virtual.formula import FormulaError, compile_formula

BUDGET_SECONDS = 0.05
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Truth = bool | None
Sample = tuple[int, float]  # µs since 1970 UTC, stored unit


class TooSlow(RuntimeError):
    """A condition took longer than 50 ms."""


class Facts(Protocol):
    """What is known besides samples; each answers None where it does not know."""

    def lasted(self, part: Value) -> Truth:
        """Tell whether a value has been beyond its limit for `for_` seconds."""

    def daylight(self) -> Truth:
        """Tell whether the sun is up."""

    def has_alarm(self, part: AlarmIs) -> Truth:
        """Tell whether such an alarm is open."""

    def is_online(self, part: DeviceIs) -> Truth:
        """Tell whether a device is online."""

    def is_on(self, part: ActuatorIs) -> Truth:
        """Tell whether an actuator is on."""

    def mode(self, part: ModeIs) -> str | None:
        """Return how a zone is controlled."""

    def member(self, part: Payload) -> Any:
        """Return what a webhook sent under a path."""


class Scene:
    """What a condition looks at.

    inputs: newest sample of each channel. now: µs. latches: of limits with a way back.
    until: when the time for looking is used up, by `time.perf_counter`; None: without limit.
    """

    __slots__ = ("facts", "inputs", "latches", "now", "until")

    def __init__(self, latches: int = 0, facts: Facts | None = None) -> None:
        self.inputs: dict[int, Sample] = {}
        self.now = 0
        self.latches: list[bool] = [False] * latches
        self.facts = facts
        self.until: float | None = None


Test = Callable[[Scene], Truth]


class Latch(NamedTuple):
    """A limit with a way back: `step` says what it is after a sample of one of `channels`."""

    channels: frozenset[int]
    step: Callable[[Scene, bool], bool]


class Seen(NamedTuple):
    """What a part of a condition saw. value, at: of the newest sample, or of the formula."""

    place: str
    part: Condition
    holds: Truth
    value: float | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition made ready for one site. `leaves`: what `explain` shows, in order."""

    condition: Condition
    test: Test
    channels: frozenset[int]
    latches: tuple[Latch, ...]
    leaves: tuple[tuple[str, Condition, Test, Callable[[Scene], Sample | None]], ...]

    def holds(self, scene: Scene, *, budget: float = BUDGET_SECONDS) -> Truth:
        """Look once. Raises: TooSlow."""
        scene.until = time.perf_counter() + budget
        found = self.test(scene)
        if time.perf_counter() > scene.until:
            raise TooSlow
        return found

    def explain(self, scene: Scene) -> list[Seen]:
        """Return what each part saw, also those that did not matter."""
        found = []
        for place, part, test, sample in self.leaves:
            at, value = sample(scene) or (None, None)
            found.append(Seen(place, part, test(scene), value, at))
        return found


def compile_condition(
    condition: Condition, *, zone: ZoneInfo, units: Mapping[int, str] | None = None, place: str = ""
) -> Compiled:
    """Make a condition ready.

    Args: units: of its channels, where it has formulas.

    Raises: BadRule: bad_formula.
    """
    making = _Making(zone, units or {})
    test = making.test(condition, place)
    return Compiled(
        condition, test, frozenset(channels_of(condition)), tuple(making.latches),
        tuple(making.leaves),
    )  # fmt: skip


@dataclass(slots=True)
class _Making:
    """Turns parts into closures; what is not named here cannot be said."""

    zone: ZoneInfo
    units: Mapping[int, str]
    latches: list[Latch] = field(default_factory=list)
    leaves: list[Any] = field(default_factory=list)

    def test(self, part: Condition, place: str) -> Test:
        match part:
            case All(of=inner):
                return _all([self.test(one, f"{place}.of[{n}]") for n, one in enumerate(inner)])
            case OneOf(of=inner):
                return _any([self.test(one, f"{place}.of[{n}]") for n, one in enumerate(inner)])
            case Not(of=one):
                return _not(self.test(one, f"{place}.of"))
        test, sample = self._leaf(part, place)
        self.leaves.append((place, part, test, sample))
        return test

    def _leaf(self, part: Condition, place: str) -> tuple[Test, Any]:
        match part:
            case Value():
                sample = _value_of(part.channel, part.max_age * SECOND_US)
                test = self._limits(part, sample, frozenset({part.channel}))
                return (_lasting(part, test) if part.for_ else test), sample
            case Formula():
                sample = self._formula(part, place)
                return self._limits(part, sample, frozenset(part.inputs.values())), sample
            case InWeek(slots=slots):
                return _in_week(Week(slots, self.zone)), _nothing
            case InDaylight(is_=wanted):
                return _fact(lambda facts: _equals(facts.daylight(), wanted == "up")), _nothing
            case AlarmIs():
                return _fact(
                    lambda facts: _equals(facts.has_alarm(part), part.is_ == "open")
                ), _nothing
            case DeviceIs():
                return _fact(
                    lambda facts: _equals(facts.is_online(part), part.is_ == "online")
                ), _nothing
            case ActuatorIs():
                return _fact(lambda facts: _equals(facts.is_on(part), part.is_ == "on")), _nothing
            case ModeIs():
                return _fact(lambda facts: _equals(facts.mode(part), part.is_)), _nothing
            case Payload():
                return _fact(lambda facts: _payload(facts.member(part), part)), _nothing
        raise BadRule("bad_shape", place, "This is no condition.")

    def _limits(
        self, part: Value | Formula, sample: Callable[[Scene], Sample | None],
        channels: frozenset[int],
    ) -> Test:  # fmt: skip
        above, below, clear = part.above, part.below, part.clear
        if clear is None:
            return _beyond(sample, above, below)
        number = len(self.latches)
        self.latches.append(Latch(channels, _latch(sample, above, below, clear)))

        def latched(scene: Scene) -> Truth:
            return scene.latches[number] if sample(scene) is not None else None

        return latched

    def _formula(self, part: Formula, place: str) -> Callable[[Scene], Sample | None]:
        units = {name: self.units.get(channel, "") for name, channel in part.inputs.items()}
        try:
            formula = compile_formula(part.formula, units, part.unit)
        except FormulaError as error:
            raise BadRule("bad_formula", f"{place}.formula", str(error)) from None
        inputs = [(name, part.inputs[name]) for name in sorted(formula.names)]
        oldest = part.max_age * SECOND_US

        def compute(scene: Scene) -> Sample | None:
            found = [scene.inputs.get(channel) for _name, channel in inputs]
            at = min((one[0] if one else -oldest for one in found), default=0)
            if None in found or scene.now - at > oldest:
                return None
            columns = {
                name: np.array([one[1]])
                for (name, _), one in zip(inputs, found, strict=True)
                if one
            }
            value = float(formula.evaluate(columns)[0])
            return None if value != value else (at, value)

        return compute


def _value_of(channel: int, oldest: int) -> Callable[[Scene], Sample | None]:
    def sample(scene: Scene) -> Sample | None:
        found = scene.inputs.get(channel)
        return None if found is None or scene.now - found[0] > oldest else found

    return sample


def _beyond(
    sample: Callable[[Scene], Sample | None], above: float | None, below: float | None
) -> Test:
    high = float("inf") if above is None else above
    low = float("-inf") if below is None else below

    def test(scene: Scene) -> Truth:
        found = sample(scene)
        return None if found is None else found[1] > high or found[1] < low

    return test


def _latch(
    sample: Callable[[Scene], Sample | None], above: float | None, below: float | None, clear: float
) -> Callable[[Scene, bool], bool]:
    def step(scene: Scene, was: bool) -> bool:
        found = sample(scene)
        if found is None:
            return was
        if above is not None:
            return found[1] > above or (was and found[1] > clear)
        return found[1] < (below or 0.0) or (was and found[1] < clear)

    return step


def _lasting(part: Value, test: Test) -> Test:
    def lasted(scene: Scene) -> Truth:
        now = test(scene)
        if now is not True or scene.facts is None:
            return now
        return scene.facts.lasted(part)

    return lasted


def _in_week(week: Week) -> Test:
    def test(scene: Scene) -> Truth:
        return week.holds(_EPOCH + dt.timedelta(microseconds=scene.now))

    return test


def _fact(ask: Callable[[Facts], Truth]) -> Test:
    def test(scene: Scene) -> Truth:
        return None if scene.facts is None else ask(scene.facts)

    return test


def _equals(found: object, wanted: object) -> Truth:
    return None if found is None else found == wanted


def _payload(found: Any, part: Payload) -> Truth:
    if found is None:
        return None
    if part.equals is not None:
        return type(found) in (type(part.equals), int) and found == part.equals
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if part.above is None and part.below is None:
        return True
    return (part.above is not None and found > part.above) or (
        part.below is not None and found < part.below
    )


def _all(tests: Sequence[Test]) -> Test:
    def test(scene: Scene) -> Truth:
        answer: Truth = True
        for one in tests:
            found = one(scene)
            if found is False:
                return False
            if found is None:
                answer = None
        _check_time(scene)
        return answer

    return test


def _any(tests: Sequence[Test]) -> Test:
    def test(scene: Scene) -> Truth:
        answer: Truth = False
        for one in tests:
            found = one(scene)
            if found:
                return True
            if found is None:
                answer = None
        _check_time(scene)
        return answer

    return test


def _not(test: Test) -> Test:
    def inverse(scene: Scene) -> Truth:
        found = test(scene)
        return None if found is None else not found

    return inverse


def _check_time(scene: Scene) -> None:
    if scene.until is not None and time.perf_counter() > scene.until:
        raise TooSlow


def _nothing(scene: Scene) -> Sample | None:
    return None
