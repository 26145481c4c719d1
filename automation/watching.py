"""Makes a board of all rules that look at samples, with each where it stood."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Count, Max

from accounts.tenancy import all_tenants
from alarms.watching.reading import AHEAD, usable_since
from automation.engine.board import Board, Entry, Found
from automation.engine.watch import Watch
from automation.models import AutomationRule, AutomationRuleVersion, RuleState
from automation.rules.compiled import compile_condition
from automation.rules.definition import SECOND_US, Samples, read_rule
from automation.services.facts import latest_values
from automation.services.ready import Ready, formula_channels, ready, units_of, with_newest_version
from telemetry.ingest.batch import to_microseconds

logger = logging.getLogger(__name__)

LOOK_BACK = dt.timedelta(hours=1)  # no rule acts upon what is older
_SAVE = """
INSERT INTO automation_rulestate (tenant_id, rule_id, version, states, updated_at)
SELECT rule.tenant_id, rule.id, fresh.version, fresh.states, now()
FROM unnest(%s::uuid[], %s::int[], %s::jsonb[]) AS fresh (rule_id, version, states)
JOIN automation_automationrule AS rule ON rule.id = fresh.rule_id
ON CONFLICT (rule_id) DO UPDATE SET version = excluded.version, states = excluded.states,
    updated_at = excluded.updated_at
"""
SAVED_AT_ONCE = 2_000


@dataclass(slots=True, eq=False)
class Followed:
    """A rule that looks at samples. quiet_until: µs; before that it does not act again."""

    id: uuid.UUID
    version: int
    zone: str
    cooldown: int
    entries: list[Entry[Followed]] = field(default_factory=list)
    quiet_until: int = 0


Rules = dict[uuid.UUID, Followed]


@dataclass(slots=True)
class Loaded:
    """A board, its rules, and what has fired while it was made."""

    board: Board[Followed]
    rules: Rules
    found: list[Found[Followed]]


def rules_mark() -> object:
    """Return something that becomes different when a rule is changed."""
    with all_tenants():
        rules = AutomationRule.objects.aggregate(Max("updated_at"), Count("id"))
        versions = AutomationRuleVersion.objects.aggregate(Max("created_at"), Count("id"))
    return tuple(rules.values()), tuple(versions.values())


def load_board(previous: Rules | None, *, now: dt.datetime) -> Loaded:
    """Return a board of all rules that are on.

    Args: previous: rules that go on as they stand; None: with what was kept, and what is stored
        since.
    """
    with all_tenants():
        going_on, kept = previous or {}, {} if previous else _kept()
        rules = _read_rules(going_on)
        fresh: list[Followed] = []
        restored: list[Followed] = []
        for rule in rules.values():
            if rule.id in going_on and going_on[rule.id].version == rule.version:
                continue
            (restored if _restore(rule, kept.get(rule.id)) else fresh).append(rule)
        board = Board(entry for rule in rules.values() for entry in rule.entries)
        found = _begin(fresh, now)
        found += _catch_up(board, restored, now)
        _forget((going_on.keys() | kept.keys()) - rules.keys())
    for entry in board.entries:
        board.wait(entry)
    return Loaded(board, rules, found)


def save_states(rules: Iterable[Followed]) -> None:
    """Keep where rules stand; call it in the transaction of what followed from it."""
    rows = [(rule.id, rule.version, _state_of(rule)) for rule in rules]
    for begin in range(0, len(rows), SAVED_AT_ONCE):
        part = rows[begin : begin + SAVED_AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, [list(column) for column in zip(*part, strict=True)])


def _state_of(rule: Followed) -> str:
    return json.dumps(
        {
            "quiet_until": rule.quiet_until,
            "watches": {str(entry.number): entry.watch.keep() for entry in rule.entries},
        }
    )


def _read_rules(going_on: Mapping[uuid.UUID, Followed]) -> Rules:
    looking = AutomationRule.objects.filter(is_enabled=True, quarantine="").exclude(channels=[])
    rows = list(with_newest_version(looking.select_related("site")).order_by("id"))
    units = units_of(_formula_channels(row for row in rows if not _is_same(row, going_on)))
    found: Rules = {}
    for row in rows:
        if _is_same(row, going_on):
            found[row.id] = going_on[row.id]
            _quiet(found[row.id], row)
            continue
        try:
            found[row.id] = _followed(row, ready(row, units), going_on.get(row.id))
        except Exception:  # one bad rule never stops the others; its page says what is wrong
            logger.exception("The rule %s cannot be followed", row.id)
    return found


def _is_same(row: Any, going_on: Mapping[uuid.UUID, Followed]) -> bool:
    before = going_on.get(row.id)
    return before is not None and (before.version, before.zone) == (row.newest, _zone(row))


def _zone(row: Any) -> str:
    return row.site.timezone if row.site_id else "UTC"


def _formula_channels(rows: Iterable[Any]) -> set[int]:
    found: set[int] = set()
    for row in rows:
        try:
            found |= formula_channels(read_rule(row.definition))
        except ValueError:
            continue
    return found


def _followed(row: Any, found: Ready, before: Followed | None) -> Followed:
    rule = Followed(row.id, row.newest, _zone(row), found.definition.cooldown * SECOND_US)
    _quiet(rule, row)
    for number, trigger in enumerate(found.definition.when):
        if isinstance(trigger, Samples):
            rule.entries.append(Entry(rule, number, watch_of(trigger, found, number)))
    if before is not None and before.version == rule.version:  # in another zone now
        for entry, old in zip(rule.entries, before.entries, strict=True):
            entry.watch.restore(old.watch.keep())
        rule.quiet_until = max(before.quiet_until, rule.quiet_until)
    return rule


def _quiet(rule: Followed, row: Any) -> None:
    if row.acted_at is not None:
        rule.quiet_until = max(rule.quiet_until, to_microseconds(row.acted_at) + rule.cooldown)


def watch_of(trigger: Samples, found: Ready, number: int) -> Watch:
    """Return a trigger of a rule as a watch that has seen nothing yet. Raises: BadRule."""
    compiled = compile_condition(
        trigger.that, zone=found.zone, units=found.units, place=f"when[{number}].that"
    )
    return Watch(compiled, lasting=trigger.for_ * SECOND_US, each=trigger.each)


def _kept() -> dict[uuid.UUID, tuple[int, Mapping[str, Any]]]:
    rows = RuleState.objects.values_list("rule_id", "version", "states")
    return {rule: (version, states) for rule, version, states in rows.iterator()}


def _forget(rules: Collection[uuid.UUID]) -> None:
    """Let rules that are off now begin anew when they are on again."""
    if rules:
        RuleState.objects.filter(rule_id__in=rules).delete()


def _restore(rule: Followed, kept: tuple[int, Mapping[str, Any]] | None) -> bool:
    if kept is None or kept[0] != rule.version:
        return False
    try:
        for entry in rule.entries:
            entry.watch.restore(kept[1]["watches"][str(entry.number)])
        rule.quiet_until = max(rule.quiet_until, int(kept[1]["quiet_until"]))
    except (KeyError, TypeError, ValueError):  # written by another release
        return False
    return True


def _begin(rules: list[Followed], now: dt.datetime) -> list[Found[Followed]]:
    """Begin new rules with the newest values: what holds already counts from now."""
    channels = {c for rule in rules for e in rule.entries for c in e.watch.compiled.channels}
    latest = latest_values(channels) if channels else {}
    moment, found = to_microseconds(now), []
    for rule in rules:
        for entry in rule.entries:
            known = {c: latest[c] for c in entry.watch.compiled.channels if c in latest}
            firing = entry.watch.begin(known, moment) if known else None
            entry.has_moved = True
            if firing is not None:
                found.append(Found(rule, entry.number, firing))
    return found


def _catch_up(
    board: Board[Followed], rules: list[Followed], now: dt.datetime
) -> list[Found[Followed]]:
    """Look at what was stored since rules were kept, as if it came now."""
    earliest = to_microseconds(now - LOOK_BACK)
    since: dict[int, int] = {}
    for rule in rules:
        for entry in rule.entries:
            for channel in entry.watch.compiled.channels:
                known = entry.watch.scene.inputs.get(channel)
                after = max(known[0] if known else earliest, earliest)
                since[channel] = min(after, since.get(channel, after))
    rows = usable_since(list(since.items()), now + AHEAD)
    return board.take(rows[np.argsort(rows["time"], kind="stable")])
