"""What is watched, made ready for the engine."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from alarms.engine.fold import Timing
from alarms.engine.table import Watch
from alarms.models import Source
from alarms.queries.watched import WatchedRow, watched_rows
from alarms.rules.compiled import Compiled, compile_rule, hold_of
from alarms.rules.definition import BadRule, RuleDefinition, read_rule
from alarms.services.raising import Sign
from devices.labels import name_channel
from devices.models import Severity

logger = logging.getLogger(__name__)

SECOND_US = 1_000_000
CACHED = 20_000
# how far a rule that is new on a channel looks back: a day at most, a quarter of an hour at least
LEAST_LOOK_BACK_US = 900 * SECOND_US
MOST_LOOK_BACK_US = 86_400 * SECOND_US

Place = tuple[uuid.UUID, int]  # a rule and a channel


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule on a channel. number: of the rule's version. names: for `rules.text`, and `zone`."""

    place: Place
    number: int
    definition: RuleDefinition
    compiled: Compiled
    sign: Sign
    names: Mapping[str, str]

    @property
    def key(self) -> str:
        """Return the key of its alarms."""
        return self.sign.key

    @property
    def channel(self) -> int:
        """Return the key of the channel."""
        return self.place[1]

    def watch(self, channel: int) -> Watch:
        """Return what the engine follows. Args: channel: under which its samples come."""
        return Watch(0, channel, self.compiled.judge, self.compiled.timing)

    @property
    def look_back(self) -> int:
        """Return how much of the past decides whether something is wrong now, in µs."""
        timing: Timing = self.compiled.timing
        wanted = timing.raise_after + (timing.silence or 0)
        return min(MOST_LOOK_BACK_US, max(LEAST_LOOK_BACK_US, 2 * wanted))


def load_watched() -> list[Watched]:
    """Return what the enabled rules of all tenants watch, by rule and channel.

    A rule that cannot be read is left out and logged; the others are not concerned.
    """
    found = []
    for row in watched_rows():
        definition = _read(row.definition)
        if definition is None:
            logger.warning("Alarm rule %s cannot be read", row.rule)
            continue
        found.append(
            _watched(
                row,
                definition,
                _compiled(
                    row.definition,
                    row.zone,
                    hold_of(
                        interval=row.interval,
                        offline_after=row.offline_after,
                        channel_interval=row.channel_interval,
                    ),
                ),
            )
        )
    return found


def rule_key(rule: uuid.UUID, channel: int) -> str:
    """Return the key of the alarms of a rule on a channel."""
    return f"rule:{rule}:{channel}"


def _watched(row: WatchedRow, definition: RuleDefinition, compiled: Compiled) -> Watched:
    sign = Sign(
        tenant_id=row.tenant, key=rule_key(row.rule, row.channel), source=Source.RULE,
        code=definition.when.__struct_config__.tag or "", title=row.name,  # type: ignore[arg-type]
        subject=f"{row.device_name} · {_words(row)}"[:300],
        severity=Severity(definition.severity), text=row.text, advice=row.advice,
        unit=_unit(row, definition), site_id=row.site, gateway_id=row.gateway,
        device_id=row.device, channel_id=row.channel, rule_id=row.rule, version_id=row.version,
    )  # fmt: skip
    names = {
        "device": row.device_name, "channel": _words(row), "site": row.site_name,
        "unit": sign.unit, "zone": row.zone,
    }  # fmt: skip
    return Watched((row.rule, row.channel), row.number, definition, compiled, sign, names)


def _words(row: WatchedRow) -> str:
    return name_channel(row.channel_name, row.channel_label).label


def _unit(row: WatchedRow, definition: RuleDefinition) -> str:
    tag = definition.when.__struct_config__.tag
    return {"last_week": "%", "no_data": ""}.get(str(tag), row.unit)


@lru_cache(CACHED)
def _read(document: str) -> RuleDefinition | None:
    """Return a definition; many rules have the same, and all are read again when one changes."""
    try:
        return read_rule(document.encode())
    except BadRule:
        return None


@lru_cache(CACHED)
def _compiled(document: str, zone: str, hold: int) -> Compiled:
    return compile_rule(read_rule(document.encode()), zone=ZoneInfo(zone), hold=hold)
