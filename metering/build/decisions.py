"""Keeps what was decided, and since when it no longer holds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from metering.ledger.kinds import Decision, Judgement
from metering.models import LedgerDecision
from metering.storage.entries import Built, start_of
from telemetry.ingest.batch import from_microseconds

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """All decisions about the quarters that were built of a register of a tenant."""

    tenant_id: uuid.UUID
    built: Built
    decisions: Sequence[Decision]


def write_decisions(decided: Sequence[Decided], *, now: dt.datetime) -> None:
    """Make these the decisions about samples within the quarters that were built."""
    spans = {one.built.register: _span(one.built) for one in decided}
    wanted: dict[Key, LedgerDecision] = {}
    for one in decided:
        for decision in one.decisions:
            row = _row(one.tenant_id, one.built.register, decision, now)
            if _is_in(row, *spans[one.built.register]):
                wanted[_key(row)] = row
    gone = [
        row.pk
        for row in _holding(spans)
        if _is_in(row, *spans[row.register_id]) and wanted.pop(_key(row), None) is None
    ]
    if gone:
        LedgerDecision.objects.filter(pk__in=gone).update(superseded_at=now)
    if wanted:
        LedgerDecision.objects.bulk_create(wanted.values())


def _span(built: Built) -> tuple[dt.datetime, dt.datetime]:
    return start_of(built.first), start_of(built.last + 1)


def _holding(
    spans: dict[int, tuple[dt.datetime, dt.datetime]],
) -> list[LedgerDecision]:
    start = min(span[0] for span in spans.values())
    end = max(span[1] for span in spans.values())
    rows = LedgerDecision.objects.filter(
        register_id__in=list(spans), until__gte=start, until__lte=end, superseded_at=None
    )
    return list(rows)


def _is_in(row: LedgerDecision, start: dt.datetime, end: dt.datetime) -> bool:
    """A decision belongs to the quarter where it ends; the very first sample begins one."""
    return start < row.until <= end or (row.kind == Judgement.FIRST and row.until == start)


def _row(
    tenant_id: uuid.UUID, register: int, decision: Decision, now: dt.datetime
) -> LedgerDecision:
    return LedgerDecision(
        tenant_id=tenant_id,
        register_id=register,
        kind=decision.kind.value,
        time=from_microseconds(decision.time),
        until=from_microseconds(decision.until),
        before=decision.before,
        after=decision.after,
        booked=decision.booked,
        withheld=decision.withheld,
        count=decision.count,
        recorded_at=now,
    )


def _key(row: LedgerDecision) -> Key:
    return (
        row.register_id, row.kind, row.time, row.until, row.before, row.after, row.booked,
        row.withheld, row.count,
    )  # fmt: skip
