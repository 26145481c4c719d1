"""Rules, replays and evaluations as templates show them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from alarms.words import amount, length
from automation.models import AutomationRuleVersion, Reason
from automation.queries.rule_words import load_words
from automation.queries.rules import RuleRow
from automation.rules.compiled import Seen
from automation.rules.definition import BadRule, Formula, RuleDefinition, Value, parts
from automation.services.evaluations import Evaluation, Result
from automation.services.replay import Moment, Outcome, Replay
from automation.words import Sentence, Words, describe_condition, describe_rule, describe_trigger

SHOWN = 30
_HEIGHT = 60.0


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in a list."""

    row: RuleRow
    words: Sentence | None


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in a list."""

    version: AutomationRuleVersion
    words: Sentence | None
    is_newest: bool


@dataclass(frozen=True, slots=True)
class SeenLine:
    """What a part saw: words and value; mark: yes, no or unknown."""

    words: str
    value: str
    mark: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of a replay; acted below, unknown above it, then held; sizes in the chart's units."""

    day: dt.date
    acted: int
    unknown: int
    held: int
    x: str
    width: str
    parts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class MomentLine:
    """A moment of a replay, or a look at a rule, with why."""

    at: dt.datetime
    text: str
    kind: str
    seen: list[SeenLine]


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A replay with its chart and list. unknown: what nobody knows of the past, in words."""

    found: Replay
    acted: int
    held: list[tuple[str, int]]
    bars: list[Bar]
    lines: list[MomentLine]
    more: int
    unknown: list[str]


def sentence(version: AutomationRuleVersion | None, words: Words) -> Sentence | None:
    """Return a version in words; None where another release has written it."""
    try:
        return describe_rule(version.definition, words) if version else None
    except BadRule:
        return None


def lines_of(rows: Sequence[RuleRow]) -> list[RuleLine]:
    """Return rules as the list shows them."""
    words = load_words(row.version.definition for row in rows if row.version)
    return [RuleLine(row, sentence(row.version, words)) for row in rows]


def versions_as_lines(versions: Iterable[AutomationRuleVersion]) -> list[VersionLine]:
    """Return versions, the newest first."""
    found = list(versions)
    words = load_words(version.definition for version in found)
    return [
        VersionLine(version, sentence(version, words), place == 0)
        for place, version in enumerate(found)
    ]


def show_replay(found: Replay, rule: RuleDefinition, words: Words) -> ReplayView:
    """Return what the template draws and lists."""
    most = max((day.acted + day.unknown + day.held for day in found.days), default=0)
    names = {
        Outcome.CONDITIONS: _("the conditions did not hold"),
        Outcome.COOLDOWN: _("it rested"), Outcome.UNKNOWN: _("nobody knows"),
        Outcome.STOPPED: _("it was stopped"),
    }  # fmt: skip
    return ReplayView(
        found, found.counts.get(Outcome.ACTED, 0),
        [(names[one], found.counts[one]) for one in names if found.counts.get(one)],
        [_bar(found, place, most) for place in range(len(found.days))],
        [_moment(one, words) for one in found.listed[:SHOWN]],
        max(0, found.triggers - SHOWN), _unknown(found, rule, words),
    )  # fmt: skip


def show_looks(looks: Iterable[Evaluation], words: Words) -> list[MomentLine]:
    """Return looks at a rule with why nothing came of them."""
    return [
        MomentLine(one.at, _why(one), _kind(one), [seen_line(seen, words) for seen in one.seen])
        for one in looks
    ]


def seen_line(seen: Seen, words: Words) -> SeenLine:
    """Return what a part saw."""
    unit = ""
    if isinstance(seen.part, Value):
        unit = words.channel(seen.part.channel).unit
    elif isinstance(seen.part, Formula):
        unit = seen.part.unit
    value = "" if seen.value is None else amount(float(f"{seen.value:.6g}"), unit)
    mark = "unknown" if seen.holds is None else "yes" if seen.holds else "no"
    return SeenLine(describe_condition(seen.part, words), value, mark)


def _bar(found: Replay, place: int, most: int) -> Bar:
    day, width = found.days[place], 100 / len(found.days)
    pieces, top = [], _HEIGHT
    for name in ("acted", "unknown", "held"):
        height = getattr(day, name) / most * _HEIGHT if most else 0.0
        top -= height
        if height:
            pieces.append((name, f"{top:.1f}", f"{height:.1f}"))
    return Bar(
        day.day, day.acted, day.unknown, day.held, f"{place * width + width * 0.15:.2f}%",
        f"{width * 0.7:.2f}%", tuple(pieces),
    )  # fmt: skip


def _moment(one: Moment, words: Words) -> MomentLine:
    texts = {
        Outcome.ACTED: _("It would have acted"),
        Outcome.UNKNOWN: _("It depends on what nobody knows"),
        Outcome.CONDITIONS: _("Held back: the conditions did not hold"),
        Outcome.COOLDOWN: _("Held back: it rested"),
        Outcome.STOPPED: _("Held back: it was stopped"),
    }  # fmt: skip
    kind = {"acted": "acted", "unknown": "unknown"}.get(one.outcome.value, "held")
    seen = [seen_line(seen, words) for seen in one.seen]
    return MomentLine(one.at, texts[one.outcome], kind, seen)


def _why(one: Evaluation) -> str:
    if one.execution is not None:
        if one.acted:
            return _("It acted: %(state)s") % {"state": one.execution.get_state_display()}
        reason = str(Reason(one.reason).label) if one.reason in Reason.values else one.reason
        detail = f" ({one.execution.detail})" if one.execution.detail else ""
        return f"{reason}{detail}"
    if one.result == Result.WAITS and one.since is not None:
        time = length(max(0, round((one.at - one.since).total_seconds())))
        return _("It holds, but not long enough yet: %(time)s") % {"time": time}
    return {
        Result.FIRED: _("The trigger came"), Result.NOT: _("It does not hold"),
        Result.UNKNOWN: _("A value is missing or too old"),
        Result.STILL: _("It still holds: it acts only when it begins to"),
    }.get(one.result, "")  # fmt: skip


def _kind(one: Evaluation) -> str:
    if one.acted or one.result == Result.FIRED:
        return "acted"
    return "unknown" if one.result in {Result.UNKNOWN, Result.WAITS} else "held"


def _unknown(found: Replay, rule: RuleDefinition, words: Words) -> list[str]:
    known = {f"when[{n}]": describe_trigger(one, words) for n, one in enumerate(rule.when)}
    if rule.if_ is not None:
        known |= {
            place: describe_condition(part, words) for place, part, _depth in parts(rule.if_, "if")
        }
    return [known.get(place, place) for place in found.unknown]
