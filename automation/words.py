"""Rules of automation in words, in the active language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from alarms.words import amount, describe_week, length
from automation.action_words import describe_actions
from automation.rules.definition import (
    ActuatorIs,
    AlarmIs,
    All,
    Condition,
    DeviceIs,
    Formula,
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
    read_rule,
)
from automation.time_words import describe_times
from devices.command_schema import CommandSpec
from devices.models import Severity


@dataclass(frozen=True, slots=True)
class ChannelWords:
    """What people call a channel, its stored unit, and what names it: device and metric."""

    label: str
    unit: str
    device: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What people call that which rules name; what is gone has no words."""

    channels: dict[int, ChannelWords] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    commands: dict[tuple[str, str], CommandSpec] = field(default_factory=dict)

    def channel(self, key: int) -> ChannelWords:
        """Return what a channel is called."""
        return self.channels.get(key) or ChannelWords(_("a channel that is gone"), "")

    def thing(self, key: Any) -> str:
        """Return what something is called."""
        return self.things.get(str(key)) or _("something that is gone")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a rule does, part by part. when: any of them. limits: how often and how late."""

    when: tuple[str, ...]
    if_: str
    then: tuple[str, ...]
    limits: str

    def __str__(self) -> str:
        """Return all of it in one line."""
        parts = {
            "when": _(" or ").join(self.when), "if": self.if_,
            "then": pgettext("one action after another", ", then ").join(self.then),
        }  # fmt: skip
        text = (
            _("When %(when)s, and if %(if)s: %(then)s.")
            if self.if_
            else _("When %(when)s: %(then)s.")
        )
        return f"{text % parts} {self.limits}".strip()


def describe_rule(definition: RuleDefinition | Mapping[str, Any], words: Words) -> Sentence:
    """Say what a rule does.

    Such as: When Bed 3: Soil moisture below 20 % (until 25 %) for 2 min, and if 06:00–20:00:
    Pump 1: Water (For: 60 s), then tell Night shift. At most once in 10 min.

    Raises: BadRule: it is no definition.
    """
    rule = definition if isinstance(definition, RuleDefinition) else read_rule(dict(definition))
    return Sentence(
        tuple(describe_trigger(one, words) for one in rule.when),
        "" if rule.if_ is None else describe_condition(rule.if_, words),
        tuple(describe_actions(rule.then, words)),
        _("At most once in %(time)s.") % {"time": length(rule.cooldown)} if rule.cooldown else "",
    )  # fmt: skip


def describe_trigger(trigger: Trigger, words: Words) -> str:
    """Say what sets a rule off."""
    match trigger:
        case Samples(that=that, for_=lasting, each=each):
            text = describe_condition(that, words)
            if lasting:
                values = {"what": text, "time": length(lasting)}
                text = _("%(what)s for %(time)s") % values
            return _("%(what)s (with each value)") % {"what": text} if each else text
        case OnAlarm():
            return _alarm(trigger, words, _RAISED[trigger.is_]())
        case OnDevice(device=device, site=site, is_=state):
            return _DEVICE[state]() % {"device": _which_device(device, site, words)}
        case OnActuator(device=device, actuator=actuator, is_=state):
            values = {"device": words.thing(device), "actuator": actuator}
            return _SWITCHES[state]() % values
        case OnCommand(device=device, name=name, is_=state):
            return _command(str(device), name, state, words)
        case OnTime(schedule=schedule):
            return describe_times(schedule)
        case OnWebhook():
            return _("another program calls its address")
    raise TypeError(trigger)


def describe_condition(part: Condition, words: Words, *, inner: bool = False) -> str:
    """Say what is asked. Args: inner: it stands within another one."""
    match part:
        case All(of=parts) | OneOf(of=parts):
            join = _(" and ") if isinstance(part, All) else _(" or ")
            text = join.join(describe_condition(one, words, inner=True) for one in parts)
            return f"({text})" if inner and len(parts) > 1 else text
        case Not(of=one):
            return _("not %(what)s") % {"what": f"({describe_condition(one, words)})"}
        case Value(channel=channel):
            return _value(part, words.channel(channel))
        case Formula(formula=formula, unit=unit):
            return _limits(formula, part, unit)
        case InWeek(slots=slots):
            return describe_week(slots)
    return _fact(part, words)


def _fact(part: Condition, words: Words) -> str:
    match part:
        case InDaylight(is_=state):
            return _("the sun is up") if state == "up" else _("the sun is down")
        case AlarmIs():
            return _alarm(part, words, _OPEN[part.is_]())
        case DeviceIs(device=device, is_=state):
            return _DEVICE_IS[state]() % {"device": words.thing(device)}
        case ActuatorIs(device=device, actuator=actuator, is_=state):
            return _ACTUATOR_IS[state]() % {"device": words.thing(device), "actuator": actuator}
        case ModeIs(zone=zone, is_=mode):
            return _MODE[mode]() % {"zone": words.thing(zone)}
        case Payload():
            return _payload(part)
    raise TypeError(part)


def _value(part: Value, channel: ChannelWords) -> str:
    text = _limits(channel.label, part, channel.unit)
    if part.for_:
        text = _("%(what)s for %(time)s") % {"what": text, "time": length(part.for_)}
    return text


def _limits(what: str, part: Value | Formula, unit: str) -> str:
    values = {
        name: amount(value, unit)
        for name in ("above", "below", "clear")
        if (value := getattr(part, name)) is not None
    } | {"what": what}  # fmt: skip
    if "above" in values and "below" in values:
        text = _("%(what)s above %(above)s or below %(below)s") % values
    elif "above" in values:
        text = _("%(what)s above %(above)s") % values
    else:
        text = _("%(what)s below %(below)s") % values
    return text + (_(" (until %(clear)s)") % values if "clear" in values else "")


def _alarm(part: OnAlarm | AlarmIs, words: Words, text: str) -> str:
    found = [words.thing(key) for key in (part.rule, part.device, part.site) if key]
    if part.severity != "info":
        severity = str(Severity(part.severity).label)
        found.append(_("at least %(severity)s") % {"severity": severity})
    return f"{text} ({', '.join(found)})" if found else text


def _which_device(device: Any, site: Any, words: Words) -> str:
    if device is not None:
        return words.thing(device)
    if site is not None:
        return _("any device of %(site)s") % {"site": words.thing(site)}
    return _("any device")


def _command(device: str, name: str, state: str, words: Words) -> str:
    spec = words.commands.get((device, name))
    values = {"device": words.thing(device), "command": spec.label if spec else name}
    if not name:
        return _ANY_COMMAND[state]() % values
    return _COMMAND[state]() % values


def _payload(part: Payload) -> str:
    texts = []
    if part.equals is not None:
        texts.append(f"{part.path} = {part.equals}")
    if part.above is not None:
        texts.append(f"{part.path} > {part.above:g}")
    if part.below is not None:
        texts.append(f"{part.path} < {part.below:g}")
    if not texts:
        texts.append(_("%(path)s is there") % {"path": part.path})
    return _("the call says: %(what)s") % {"what": _(" or ").join(texts)}


_Say = Mapping[str, Callable[[], str]]
_RAISED: _Say = {
    "raised": lambda: _("an alarm is raised"), "over": lambda: _("an alarm is over"),
}  # fmt: skip
_OPEN: _Say = {
    "open": lambda: _("an alarm is open"), "none": lambda: _("no alarm is open"),
}  # fmt: skip
_DEVICE: _Say = {
    "online": lambda: _("%(device)s comes online"), "offline": lambda: _("%(device)s goes offline"),
}  # fmt: skip
_DEVICE_IS: _Say = {
    "online": lambda: _("%(device)s is online"), "offline": lambda: _("%(device)s is offline"),
}  # fmt: skip
_SWITCHES: _Say = {
    "on": lambda: _("%(device)s switches %(actuator)s on"),
    "off": lambda: _("%(device)s switches %(actuator)s off"),
}
_ACTUATOR_IS: _Say = {
    "on": lambda: _("%(actuator)s of %(device)s is on"),
    "off": lambda: _("%(actuator)s of %(device)s is off"),
}
_MODE: _Say = {
    "auto": lambda: _("%(zone)s is controlled automatically"),
    "semi": lambda: _("%(zone)s is controlled half automatically"),
    "manual": lambda: _("%(zone)s is controlled by hand"),
}
_COMMAND: _Say = {
    "succeeded": lambda: _("%(device)s has done “%(command)s”"),
    "failed": lambda: _("%(device)s could not do “%(command)s”"),
    "rejected": lambda: _("%(device)s rejects “%(command)s”"),
    "expired": lambda: _("%(device)s did not answer “%(command)s” in time"),
}
_ANY_COMMAND: _Say = {
    "succeeded": lambda: _("%(device)s has done a command"),
    "failed": lambda: _("%(device)s could not do a command"),
    "rejected": lambda: _("%(device)s rejects a command"),
    "expired": lambda: _("%(device)s did not answer a command in time"),
}
