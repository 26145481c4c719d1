"""The form of a rule, as it is stored and exported.

    {"when": [{"kind": "samples", "that": {"kind": "value", "channel": 7, "below": 20.0,
                                           "clear": 25.0}, "for": 120}],
     "if": {"kind": "all", "of": [{"kind": "week", "slots": [{"from": "06:00", "to": "20:00"}]},
                                  {"kind": "device", "device": "…", "is": "online"}]},
     "then": [{"kind": "command", "device": "…", "name": "pump_on", "params": {"runtime_s": 60}}],
     "cooldown": 600}

Any of `when` sets it off; `if` is looked at once, at that moment. Local times are those of the
rule's site. A rule is data: what is not named here cannot be said.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from alarms.rules.definition import Slot
from automation.actions import Actions, BadActions, Mode, check_actions
from automation.schedules.definition import BadSchedule, ScheduleDefinition, check_schedule
from energy.lib.documents import read_document

MAX_BYTES = 32_768
MAX_NODES = 100
MAX_DEPTH = 10
MAX_CHANNELS = 20
LEAST_COOLDOWN = 10  # seconds, of what every sample may set off
SECOND_US = 1_000_000

Channel = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=86_400)]
Age = Annotated[int, msgspec.Meta(ge=1, le=604_800)]
Severity = Literal["info", "warning", "error", "critical"]


class BadRule(ValueError):
    """A rule that cannot be used.

    `field` is the place, such as `when[0].that.above`; `code` one of bad_shape, too_large,
    too_many_nodes, too_deep, too_short, not_finite, no_limit, no_gap, not_here, empty_slot,
    bad_formula, and those of actions and schedules. `message` says what to do.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


# ── conditions ──────────────────────────────────────────────────────────────────────────────


class Value(_Strict, frozen=True, tag_field="kind", tag="value"):
    """A channel is above or below a limit, or outside of both.

    clear: only when it has come back to this the condition ends (hysteresis; of samples only).
    max_age: seconds after which the value counts as unknown; for_: seconds for which it must
    have been so (of `if` only).
    """

    channel: Channel
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    max_age: Age = 3600
    for_: Seconds = msgspec.field(default=0, name="for")


class Formula(_Strict, frozen=True, tag_field="kind", tag="formula"):
    """A formula over channels is above or below a limit; see `telemetry.virtual.formula`.

    unit: in which the limits are.
    """

    formula: Annotated[str, msgspec.Meta(max_length=500)]
    inputs: Mapping[str, Channel]
    unit: Annotated[str, msgspec.Meta(max_length=20)] = ""
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    max_age: Age = 3600


class InWeek(_Strict, frozen=True, tag_field="kind", tag="week"):
    """It is a part of the local week."""

    slots: Annotated[tuple[Slot, ...], msgspec.Meta(min_length=1, max_length=50)]


class InDaylight(_Strict, frozen=True, tag_field="kind", tag="sun"):
    """The sun is up, or down; of `if` only. Unknown where the site has no coordinates."""

    is_: Literal["up", "down"] = msgspec.field(name="is")


class AlarmIs(_Strict, frozen=True, tag_field="kind", tag="alarm"):
    """There is an open alarm like this, or none; of `if` only. What is left out fits all."""

    is_: Literal["open", "none"] = msgspec.field(name="is")
    rule: uuid.UUID | None = None
    device: uuid.UUID | None = None
    site: uuid.UUID | None = None
    severity: Severity = "info"


class DeviceIs(_Strict, frozen=True, tag_field="kind", tag="device"):
    """A device is online or offline; of `if` only."""

    device: uuid.UUID
    is_: Literal["online", "offline"] = msgspec.field(name="is")


class ActuatorIs(_Strict, frozen=True, tag_field="kind", tag="actuator"):
    """An actuator is on or off, as far as is known; of `if` only."""

    device: uuid.UUID
    actuator: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    is_: Literal["on", "off"] = msgspec.field(name="is")


class ModeIs(_Strict, frozen=True, tag_field="kind", tag="mode"):
    """A zone is controlled in this way; of `if` only."""

    zone: uuid.UUID
    is_: Mode = msgspec.field(name="is")


class Payload(_Strict, frozen=True, tag_field="kind", tag="payload"):
    """A member of what a webhook sent, such as `state` or `data.state`; of `if` only."""

    path: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,64}(?:\.[A-Za-z0-9_]{1,64}){0,4}\Z")
    ]
    equals: str | bool | float | None = None
    above: float | None = None
    below: float | None = None


class All(_Strict, frozen=True, tag_field="kind", tag="all"):
    """All of these hold."""

    of: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1, max_length=20)]


class OneOf(_Strict, frozen=True, tag_field="kind", tag="any"):
    """One of these holds."""

    of: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1, max_length=20)]


class Not(_Strict, frozen=True, tag_field="kind", tag="not"):
    """This is known not to hold."""

    of: Condition


Condition = (
    Value | Formula | InWeek | InDaylight | AlarmIs | DeviceIs | ActuatorIs | ModeIs | Payload
    | All | OneOf | Not
)  # fmt: skip
# what is known of samples alone, without asking anybody
OF_SAMPLES = (Value, Formula, InWeek, All, OneOf, Not)


# ── triggers ────────────────────────────────────────────────────────────────────────────────


class Samples(_Strict, frozen=True, tag_field="kind", tag="samples"):
    """A condition on samples becomes true, and stays so for `for` seconds.

    each: every sample while it is true, not only the turn.
    """

    that: Condition
    for_: Seconds = msgspec.field(default=0, name="for")
    each: bool = False


class OnAlarm(_Strict, frozen=True, tag_field="kind", tag="alarm"):
    """An alarm is raised or over. What is left out fits all."""

    is_: Literal["raised", "over"] = msgspec.field(default="raised", name="is")
    rule: uuid.UUID | None = None
    device: uuid.UUID | None = None
    site: uuid.UUID | None = None
    severity: Severity = "info"


class OnDevice(_Strict, frozen=True, tag_field="kind", tag="device"):
    """A device comes online or goes offline; without `device` any, at `site` if given."""

    is_: Literal["online", "offline"] = msgspec.field(name="is")
    device: uuid.UUID | None = None
    site: uuid.UUID | None = None


class OnActuator(_Strict, frozen=True, tag_field="kind", tag="actuator"):
    """An actuator says that it is on or off now."""

    device: uuid.UUID
    actuator: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    is_: Literal["on", "off"] = msgspec.field(name="is")


class OnCommand(_Strict, frozen=True, tag_field="kind", tag="command"):
    """A command has come to this state; without `name` any of the device."""

    device: uuid.UUID
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""
    is_: Literal["succeeded", "failed", "rejected", "expired"] = msgspec.field(
        default="succeeded", name="is"
    )


class OnTime(_Strict, frozen=True, tag_field="kind", tag="time"):
    """At the times of a schedule; of a window its begin. Also sunrise and sunset."""

    schedule: ScheduleDefinition


class OnWebhook(_Strict, frozen=True, tag_field="kind", tag="webhook"):
    """Another program calls the rule's own address."""


Trigger = Samples | OnAlarm | OnDevice | OnActuator | OnCommand | OnTime | OnWebhook


class RuleDefinition(_Strict, frozen=True):
    """What a rule does.

    cooldown: seconds after it acted in which it does not again. late: seconds after which a
    trigger that becomes known late is not acted upon. most_per_hour: how often it may act in
    any hour before it is stopped as one that sets itself off.
    """

    when: Annotated[tuple[Trigger, ...], msgspec.Meta(min_length=1, max_length=10)]
    then: Annotated[Actions, msgspec.Meta(min_length=1)]
    if_: Condition | None = msgspec.field(default=None, name="if")
    cooldown: Seconds = 0
    late: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 60
    most_per_hour: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60


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


def write_condition(condition: Condition) -> dict[str, Any]:
    """Return a condition as it is stored."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(condition))
    return written


def parts(condition: Condition, place: str = "") -> Iterator[tuple[str, Condition, int]]:
    """Yield each part of a condition with its place and depth, the outer ones first."""
    waiting = [(place, condition, 1)]
    while waiting:
        where, part, depth = waiting.pop()
        yield where, part, depth
        if isinstance(part, All | OneOf):
            inner = enumerate(part.of)
            waiting += [(f"{where}.of[{n}]", one, depth + 1) for n, one in inner]
        elif isinstance(part, Not):
            waiting.append((f"{where}.of", part.of, depth + 1))


def channels_of(condition: Condition) -> set[int]:
    """Return the channels that a condition looks at."""
    found: set[int] = set()
    for _place, part, _depth in parts(condition):
        if isinstance(part, Value):
            found.add(part.channel)
        elif isinstance(part, Formula):
            found |= set(part.inputs.values())
    return found


def conditions(rule: RuleDefinition) -> Iterator[tuple[str, Condition, bool]]:
    """Yield the conditions of a rule with their places; True: of samples."""
    for number, trigger in enumerate(rule.when):
        if isinstance(trigger, Samples):
            yield f"when[{number}].that", trigger.that, True
    if rule.if_ is not None:
        yield "if", rule.if_, False


def _check(rule: RuleDefinition) -> None:
    for place, condition, of_samples in conditions(rule):
        _check_condition(place, condition, of_samples=of_samples)
    for number, trigger in enumerate(rule.when):
        if isinstance(trigger, Samples) and trigger.each and rule.cooldown < LEAST_COOLDOWN:
            detail = f"With `each` it is at least {LEAST_COOLDOWN} s."
            raise BadRule("too_short", "cooldown", detail)
        if isinstance(trigger, OnTime):
            try:
                check_schedule(trigger.schedule)
            except BadSchedule as error:
                raise BadRule(
                    error.code, f"when[{number}].schedule.{error.field}", error.message
                ) from None
    try:
        check_actions(rule.then, "then")
    except BadActions as error:
        raise BadRule(error.code, error.field, error.message) from None


def _check_condition(place: str, condition: Condition, *, of_samples: bool) -> None:
    for number, (where, part, depth) in enumerate(parts(condition, place)):
        if number == MAX_NODES:
            raise BadRule("too_many_nodes", place, f"Use at most {MAX_NODES} parts.")
        if depth > MAX_DEPTH:
            raise BadRule("too_deep", where, f"Nest at most {MAX_DEPTH} deep.")
        if of_samples and not isinstance(part, OF_SAMPLES):
            raise BadRule("not_here", where, "Only values and times; put it under `if`.")
        _check_part(where, part, of_samples=of_samples)
    if len(channels_of(condition)) > MAX_CHANNELS:
        raise BadRule("too_many_nodes", place, f"Look at no more than {MAX_CHANNELS} channels.")
    if of_samples and not channels_of(condition):
        raise BadRule("no_channel", place, "Name a channel; for times alone use a time.")


def _check_part(where: str, part: Condition, *, of_samples: bool) -> None:
    for name in part.__struct_fields__:
        number = getattr(part, name)
        if isinstance(number, float) and not math.isfinite(number):
            raise BadRule("not_finite", f"{where}.{name}", "Write a number.")
    if isinstance(part, Value | Formula):
        _check_limits(where, part)
        if not of_samples and part.clear is not None:
            raise BadRule("not_here", f"{where}.clear", "It stands with samples only.")
    if isinstance(part, Value) and of_samples and part.for_:
        raise BadRule("not_here", f"{where}.for", "Give it beside `that`.")
    if isinstance(part, InWeek):
        for number, slot in enumerate(part.slots):
            if slot.start == slot.end or slot.start == "24:00":
                raise BadRule("empty_slot", f"{where}.slots[{number}].from", "It is empty.")


def _check_limits(where: str, part: Value | Formula) -> None:
    if part.above is None and part.below is None:
        raise BadRule("no_limit", where, "Give `above` or `below`.")
    if part.clear is None:
        return
    if part.above is not None and part.below is not None:
        raise BadRule("no_gap", f"{where}.clear", "With two limits there is none.")
    if part.above is not None and part.clear > part.above:
        raise BadRule("no_gap", f"{where}.clear", "It is not above the limit.")
    if part.below is not None and part.clear < part.below:
        raise BadRule("no_gap", f"{where}.clear", "It is not below the limit.")
