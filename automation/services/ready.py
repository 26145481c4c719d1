"""Rules as they stand now, compiled once for each version."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import OuterRef, QuerySet, Subquery

from automation.models import AutomationRule, AutomationRuleVersion
from automation.rules.compiled import Compiled, compile_condition
from automation.rules.definition import (
    Formula,
    RuleDefinition,
    channels_of,
    conditions,
    parts,
    read_rule,
)
from devices.models import Channel

MAX_COMPILED = 20_000


@dataclass(frozen=True, slots=True)
class Ready:
    """A version of a rule made ready for its site. `only_if`: compiled, if there is one."""

    definition: RuleDefinition
    only_if: Compiled | None
    zone: ZoneInfo
    units: dict[int, str]


def with_newest_version(rules: QuerySet[AutomationRule]) -> QuerySet[Any]:
    """Annotate `newest` (number) and `definition` of the newest version."""
    versions = AutomationRuleVersion.objects.filter(rule=OuterRef("pk")).order_by("-number")
    return rules.annotate(
        newest=Subquery(versions.values("number")[:1]),
        definition=Subquery(versions.values("definition")[:1]),
    )


def ready(rule: Any, units: dict[int, str] | None = None) -> Ready:
    """Return a rule of `with_newest_version` made ready; compiled once for each version.

    Args: units: of the channels of its formulas, where the caller has them.

    Raises: BadRule.
    """
    text = msgspec.json.encode(rule.definition)
    zone = rule.site.timezone if rule.site_id else "UTC"
    needed = _channels_with_units(text)
    if units is None:
        units = units_of(needed)
    known = tuple(sorted((channel, units.get(channel, "")) for channel in needed))
    return _ready(rule.id, rule.newest, text, zone, known)


def units_of(channels: Iterable[int]) -> dict[int, str]:
    """Return the units in which channels are stored."""
    wanted = set(channels)
    if not wanted:
        return {}
    return dict(Channel.objects.filter(id__in=wanted).values_list("id", "unit"))


def formula_channels(definition: RuleDefinition) -> set[int]:
    """Return the channels of formulas, whose units are needed to compile them."""
    return {
        channel
        for _place, condition, _of_samples in conditions(definition)
        for _where, part, _depth in parts(condition)
        if isinstance(part, Formula)
        for channel in channels_of(part)
    }


@lru_cache(maxsize=MAX_COMPILED)
def _channels_with_units(text: bytes) -> frozenset[int]:
    return frozenset(formula_channels(read_rule(text)))


@lru_cache(maxsize=MAX_COMPILED)
def _ready(
    _rule: uuid.UUID, _number: int, text: bytes, zone_name: str, units: tuple[tuple[int, str], ...]
) -> Ready:
    definition, zone = read_rule(text), ZoneInfo(zone_name)
    compiled = None
    if definition.if_ is not None:
        compiled = compile_condition(definition.if_, zone=zone, units=dict(units), place="if")
    return Ready(definition, compiled, zone, dict(units))
