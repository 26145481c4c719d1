"""A definition as what the builder would have sent; None where its form cannot say it."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from alarms.pages.rule_slots import LengthWidget
from automation.actions import (
    Action,
    CommandAction,
    DelayAction,
    ModeAction,
    NotifyAction,
    ScheduleAction,
    WebhookAction,
)
from automation.pages.rule_actions import PARAM
from automation.rules.definition import (
    ActuatorIs,
    AlarmIs,
    All,
    Condition,
    DeviceIs,
    InDaylight,
    InWeek,
    ModeIs,
    Not,
    OnActuator,
    OnAlarm,
    OnCommand,
    OnDevice,
    OneOf,
    OnTime,
    OnWebhook,
    Payload,
    RuleDefinition,
    Samples,
    Trigger,
    Value,
)
from automation.schedules.definition import Every, Sun, Times

Row = dict[str, Any]


class NotInForm(ValueError):
    """The form of the builder cannot say this."""


def draft_of(definition: RuleDefinition) -> QueryDict:
    """Return the rows of a definition as a form sends them.

    Raises: NotInForm. What is lost on the way is found by whoever reads the rows again.
    """
    data = QueryDict(mutable=True)
    for number, trigger in enumerate(definition.when):
        put(data, f"when-{number}", _when(trigger))
    lasting = {one.for_ for one in definition.when if isinstance(one, Samples)}
    if len(lasting) > 1:
        raise NotInForm
    put_length(data, "lasting", next(iter(lasting), 0))
    join, inner = _joined(definition.if_)
    data["join"] = join
    for number, part in enumerate(inner):
        put(data, f"if-{number}", _if(part))
    for number, action in enumerate(definition.then):
        put(data, f"then-{number}", _then(action))
    put_length(data, "cooldown", definition.cooldown)
    put_length(data, "late", definition.late)
    data["most_per_hour"] = str(definition.most_per_hour)
    return data


def put(data: QueryDict, prefix: str, row: Row) -> None:
    """Write a row under its prefix; lengths as number and unit."""
    for name, said in row.items():
        if name in {"lasting", "interval", "length"}:
            put_length(data, f"{prefix}-{name}", said)
        elif isinstance(said, list | tuple):
            data.setlist(f"{prefix}-{name}", [str(one) for one in said])
        elif said is True:
            data[f"{prefix}-{name}"] = "on"
        elif said is not None and said is not False:
            data[f"{prefix}-{name}"] = _text(said)


def put_length(data: QueryDict, name: str, seconds: int) -> None:
    """Write a length of time as its widget sends it."""
    number, unit = LengthWidget().decompress(seconds)
    data[f"{name}_0"], data[f"{name}_1"] = "" if number is None else str(number), unit


def _text(said: Any) -> str:
    return f"{said:.10g}" if isinstance(said, float) else str(said)


def _when(trigger: Trigger) -> Row:
    match trigger:
        case Samples(that=Value() as that, each=False):
            return {"kind": "value", "channel": that.channel, "above": that.above,
                    "below": that.below, "clear": that.clear}  # fmt: skip
        case OnTime():
            return _times(trigger)
        case OnAlarm(rule=None, site=None):
            return {"kind": "alarm", "alarm": trigger.is_, "severity": trigger.severity,
                    "any_device": trigger.device}  # fmt: skip
        case OnDevice(site=None):
            return {"kind": "device", "presence": trigger.is_, "any_device": trigger.device}
        case OnActuator():
            return {"kind": "actuator", "device": trigger.device, "actuator": trigger.actuator,
                    "switched": trigger.is_}  # fmt: skip
        case OnCommand() if trigger.name:
            return {"kind": "command", "command": f"{trigger.device}|{trigger.name}",
                    "state": trigger.is_}  # fmt: skip
        case OnWebhook():
            return {"kind": "webhook"}
    raise NotInForm


def _times(trigger: OnTime) -> Row:
    schedule = trigger.schedule
    match schedule.when:
        case Times(at=at):
            row: Row = {"kind": "time", "times": " ".join(at)}
        case Every(seconds=seconds):
            row = {"kind": "every", "interval": seconds}
        case Sun(event=event, offset=offset):
            row = {"kind": "sun", "event": event, "offset": offset or None}
        case _:
            raise NotInForm
    return row | {"days": list(schedule.days)}


def _joined(condition: Condition | None) -> tuple[str, tuple[Condition, ...]]:
    match condition:
        case None:
            return "all", ()
        case All(of=inner):
            return "all", inner
        case OneOf(of=inner):
            return "any", inner
    return "all", (condition,)


def _if(part: Condition) -> Row:
    if isinstance(part, Not):
        return _if(part.of) | {"negated": True}
    match part:
        case Value(clear=None):
            return {"kind": "value", "channel": part.channel, "above": part.above,
                    "below": part.below, "lasting": part.for_}  # fmt: skip
        case InWeek(slots=(slot,)):
            end = "00:00" if slot.end == "24:00" else slot.end
            return {"kind": "week", "start": slot.start, "end": end, "days": list(slot.days)}
        case InDaylight():
            return {"kind": "sun", "daylight": part.is_}
        case AlarmIs(rule=None, site=None):
            return {"kind": "alarm", "alarm": part.is_, "severity": part.severity,
                    "any_device": part.device}  # fmt: skip
        case DeviceIs():
            return {"kind": "device", "device": part.device, "presence": part.is_}
        case ActuatorIs():
            return {"kind": "actuator", "device": part.device, "actuator": part.actuator,
                    "switched": part.is_}  # fmt: skip
        case ModeIs():
            return {"kind": "mode", "zone": part.zone, "mode": part.is_}
        case Payload(above=None, below=None) if part.equals is not None:
            equals = str(part.equals).lower() if isinstance(part.equals, bool) else part.equals
            return {"kind": "payload", "path": part.path, "equals": _text(equals)}
    raise NotInForm


def _then(action: Action) -> Row:
    match action:
        case CommandAction():
            params = {
                PARAM + name: "1" if said is True else "0" if said is False else said
                for name, said in action.params.items()
            }
            return {"kind": "command", "command": f"{action.device}|{action.name}",
                    "wait": action.wait} | params  # fmt: skip
        case DelayAction():
            return {"kind": "delay", "length": action.seconds}
        case NotifyAction():
            return {"kind": "notify", "targets": list(action.targets), "text": action.text,
                    "severity": action.severity}  # fmt: skip
        case WebhookAction():
            return {"kind": "webhook", "webhook": action.target}
        case ModeAction():
            return {"kind": "mode", "zone": action.zone, "mode": action.mode}
        case ScheduleAction():
            return {"kind": "schedule", "schedule": action.schedule, "do": action.do}
    raise NotInForm
