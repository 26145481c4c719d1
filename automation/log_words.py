"""Executions in words, in the active language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from automation.models import Execution, Origin
from automation.queries.rule_words import load_words
from automation.queries.rules_of_log import definition_of
from automation.rules.definition import BadRule, Condition, read_rule
from automation.words import Words, describe_condition, describe_trigger


def describe_cause(execution: Execution) -> str:
    """Say what set an execution off; "" where nobody knows more than that it was."""
    trigger = execution.trigger
    match trigger.get("kind"):
        case "hand":
            return _("by hand: %(who)s") % {"who": trigger.get("by", "")}
        case "execution":
            return _("by “%(name)s”") % {"name": trigger.get("name", "")}
        case "time" if execution.origin == Origin.SCHEDULE:
            edges = {"start": _("the window began"), "end": _("the window ended")}
            return edges.get(trigger.get("edge", ""), _("its time came"))
    return _by_rule(execution) if execution.origin == Origin.RULE else ""


def describe_seen(seen: Mapping[str, Any], words: Words) -> str:
    """Say which part of a condition was looked at."""
    try:
        part: Condition = msgspec.convert(seen.get("part"), Condition)  # type: ignore[arg-type]
        return describe_condition(part, words)
    except (msgspec.ValidationError, TypeError):
        return str(seen.get("what", ""))


def words_of_seen(execution: Execution) -> Words:
    """Return what is needed to say what an execution saw."""
    return load_words([{"if": one["part"]} for one in execution.seen if one.get("part")])


def moment_of(seen: Mapping[str, Any]) -> dt.datetime | None:
    """Return when a value was measured, if it was."""
    try:
        return dt.datetime.fromisoformat(seen["at"]) if seen.get("at") else None
    except (TypeError, ValueError):
        return None


def _by_rule(execution: Execution) -> str:
    definition, number = definition_of(execution), execution.trigger.get("number", 0)
    try:
        when = read_rule(definition or {}).when
        return describe_trigger(when[number], load_words([definition or {}]))
    except (BadRule, IndexError, TypeError):
        return ""
