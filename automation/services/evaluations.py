"""How often a rule was looked at lately, what it saw, and why nothing came of it.

Samples that set nothing off leave no trace: the newest ones that are stored are looked at again,
by the same engine. What was decided is read from the executions.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from automation.engine.watch import Watch
from automation.models import AutomationRule, Execution, ExecutionState, Reason
from automation.queries.rules import latest_executions, newest_versions
from automation.rules.compiled import Seen
from automation.rules.definition import Condition, RuleDefinition, Samples, channels_of
from automation.schedules.place import Place
from automation.services.past import lead_of, make_ready, read_usable
from automation.services.rule_checks import read_definition
from automation.services.timing import place_of_site
from automation.watching import watch_of
from telemetry.ingest.batch import SampleBatch, from_microseconds, to_microseconds

MOST = 20
MAX_SAMPLES = 20_000  # of a channel
_LEAD = dt.timedelta(hours=2)
_WINDOWS = (dt.timedelta(hours=1), dt.timedelta(hours=12), dt.timedelta(days=7))


class Result(StrEnum):
    """What came of a look."""

    FIRED = "fired"  # the trigger came
    NOT = "not"  # the condition does not hold
    UNKNOWN = "unknown"  # a value is missing or too old
    WAITS = "waits"  # it holds, but not long enough yet
    STILL = "still"  # it holds since it last fired
    DECIDED = "decided"  # an execution says more


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A look at a rule. number: of the trigger. since: since when its condition holds."""

    at: dt.datetime
    number: int
    result: Result
    seen: tuple[Seen, ...]
    since: dt.datetime | None = None
    execution: Execution | None = None

    @property
    def acted(self) -> bool:
        """Tell whether something was done, or begun."""
        return self.execution is not None and self.execution.state != ExecutionState.SKIPPED

    @property
    def reason(self) -> str:
        """Return why nothing was done, as of `Reason`; blank: something was, or see `result`."""
        return self.execution.reason if self.execution else Reason.NONE.value


def evaluations_of(rule: AutomationRule, *, now: dt.datetime) -> list[Evaluation]:
    """Return the newest looks at a rule, the newest first.

    Raises: RuleRefused: its definition cannot be read any more. BadRule.
    """
    version = newest_versions([rule]).get(rule.id)
    if version is None:
        return []
    definition = read_definition(version.definition)
    decided = [_decided(one) for one in latest_executions(rule, MOST)]
    known = {(one.at, one.number) for one in decided}
    looks = _looks(definition, place_of_site(rule.site), rule.tenant_id, now)
    found = [
        one for one in looks if one.result != Result.FIRED or (one.at, one.number) not in known
    ]
    return sorted([*found, *decided], key=lambda one: one.at, reverse=True)[:MOST]


def _looks(
    definition: RuleDefinition, place: Place, tenant_id: uuid.UUID, now: dt.datetime
) -> list[Evaluation]:
    found = make_ready(definition, place)
    watches = {
        number: watch_of(trigger, found, number)
        for number, trigger in enumerate(definition.when)
        if isinstance(trigger, Samples)
    }
    if not watches:
        return []
    rows = _newest(definition, tenant_id, now)
    looks: deque[Evaluation] = deque(maxlen=MOST)
    for channel, time, value in rows[["channel", "time", "value"]].tolist():
        for number, watch in watches.items():
            if channel in watch.compiled.channels:
                looks.append(_look(watch, number, channel, time, value))
    return list(looks)


def _newest(definition: RuleDefinition, tenant_id: uuid.UUID, now: dt.datetime) -> SampleBatch:
    """Return samples in order of time: of so much time that there are enough of them."""
    channels = {
        channel for one in definition.when if isinstance(one, Samples)
        for channel in channels_of(one.that)
    }  # fmt: skip
    lead, end = min(lead_of(definition), _LEAD), now + dt.timedelta(minutes=1)
    for window in _WINDOWS:
        since = now - max(window, lead)
        rows = read_usable(channels, since, end, most=MAX_SAMPLES, tenant_id=tenant_id)
        if len(rows) >= 2 * MOST:
            break
    while len(rows) >= MAX_SAMPLES:  # those read are the oldest ones
        since = now - (now - since) / 4
        rows = read_usable(channels, since, end, most=MAX_SAMPLES, tenant_id=tenant_id)
    return rows[np.argsort(rows["time"], kind="stable")]


def _look(watch: Watch, number: int, channel: int, time: int, value: float) -> Evaluation:
    firing = watch.take(channel, time, value)
    seen, at = watch.compiled.explain(watch.scene), from_microseconds(time)
    if firing is not None:
        return Evaluation(from_microseconds(firing.at), number, Result.FIRED, tuple(firing.seen))
    if watch.holds:
        result = Result.STILL if watch.has_fired else Result.WAITS
        return Evaluation(at, number, result, tuple(seen), from_microseconds(watch.since))
    is_unknown = watch.compiled.test(watch.scene) is None
    return Evaluation(at, number, Result.UNKNOWN if is_unknown else Result.NOT, tuple(seen))


def _decided(execution: Execution) -> Evaluation:
    number = execution.trigger.get("number", 0)
    return Evaluation(
        execution.triggered_at, number if isinstance(number, int) else 0, Result.DECIDED,
        tuple(seen_of(execution.seen)), execution=execution,
    )  # fmt: skip


def seen_of(stored: Sequence[Mapping[str, Any]]) -> list[Seen]:
    """Return what an execution saw; what cannot be read any more is left out."""
    found = []
    for one in stored:
        try:
            part: Any = msgspec.convert(one["part"], Condition)
        except (KeyError, msgspec.ValidationError):
            continue
        at = one.get("at")
        moment = to_microseconds(dt.datetime.fromisoformat(at)) if at else None
        found.append(Seen(str(one.get("place", "")), part, one.get("holds"), one.get("value"),
                          moment))  # fmt: skip
    return found
