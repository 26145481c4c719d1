"""Looks at the times that set rules off; see `timing`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

from automation.models import AutomationRule, Execution, Origin, Reason
from automation.rules.definition import OnTime, read_rule
from automation.schedules.missed import look
from automation.schedules.occurrences import Edge, Run, next_run
from automation.schedules.place import Place
from automation.services.deciding import Fired, decide_triggers
from automation.services.executions import Wanted, begin_executions
from automation.services.ready import with_newest_version
from automation.services.timing import MOST_MISSED, place_of_site


def look_at_rule(rule_id: uuid.UUID, now: dt.datetime) -> list[Execution]:
    """Decide what time has set off of a rule, and set when it is due next.

    As `timing.look_at_schedule`. What the policy of its times leaves out is kept as missed;
    of a window only the begin counts.
    """
    rule = _lock(rule_id, is_enabled=True, quarantine="", next_at__lte=now)
    if rule is None:
        return []
    place, position = place_of_site(rule.site), rule.position or now
    looks = [
        (number, look(trigger.schedule, place, position=position, now=now))
        for number, trigger in _times(rule)
    ]
    reached = min((seen.position for _number, seen in looks), default=now)
    missed, due = [], []
    for number, seen in looks:
        missed += [(number, run) for run in seen.missed[-MOST_MISSED:] if _counts(run, reached)]
        due += [(number, run) for run in seen.due if _counts(run, reached)]
    begun = begin_executions([_missed(rule, number, run) for number, run in missed], now=now)
    begun += decide_triggers([_fired(rule, number, run) for number, run in due], now=now)
    _move(rule, place, reached)
    return begun


def settle_rule(rule_id: uuid.UUID, now: dt.datetime) -> None:
    """Work out anew when a rule is due, because its site was changed."""
    rule = _lock(rule_id)
    if rule is not None and rule.site is not None:
        at = max(now, rule.site.updated_at)
        _move(rule, place_of_site(rule.site), rule.position or now, updated_at=at)


def _lock(rule_id: uuid.UUID, **wanted: Any) -> Any:
    rows = AutomationRule.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    found: Any = with_newest_version(
        rows.filter(id=rule_id, **wanted).select_related("site")
    ).first()
    return found if found is not None and found.definition is not None else None


def _times(rule: Any) -> Iterator[tuple[int, OnTime]]:
    for number, trigger in enumerate(read_rule(rule.definition).when):
        if isinstance(trigger, OnTime):
            yield number, trigger


def _counts(run: Run, reached: dt.datetime) -> bool:
    return run.edge != Edge.END and run.at <= reached


def _key(rule: Any, number: int, run: Run) -> str:
    return f"v{rule.newest}:time{number}:{run.key}"


def _trigger(number: int, run: Run) -> dict[str, Any]:
    return {"kind": "time", "number": number, "at": run.at.isoformat()}


def _fired(rule: Any, number: int, run: Run) -> Fired:
    return Fired(
        rule.id, rule.newest, _key(rule, number, run), run.at, _trigger(number, run)
    )  # fmt: skip


def _missed(rule: Any, number: int, run: Run) -> Wanted:
    return Wanted(
        tenant_id=rule.tenant_id, origin=Origin.RULE, origin_id=rule.id,
        trigger_key=_key(rule, number, run), label=rule.name, triggered_at=run.at,
        version=rule.newest, trigger=_trigger(number, run), rule_id=rule.id, site_id=rule.site_id,
        reason=Reason.MISSED,
    )  # fmt: skip


def _move(rule: Any, place: Place, position: dt.datetime, **more: dt.datetime) -> None:
    coming = [next_run(trigger.schedule, place, position) for _number, trigger in _times(rule)]
    AutomationRule.objects.filter(id=rule.id).update(
        position=position, next_at=min((run.at for run in coming if run), default=None), **more
    )
