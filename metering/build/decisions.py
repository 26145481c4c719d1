"""Keeps what was decided, and since when it no longer holds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from metering.ledger.kinds import Decision, Judgement
from metering.models import LedgerDecision
from metering.storage.entries import Built, start_of
from telemetry.ingest.batch import from_microseconds

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """The time that was built; see `Decided`."""

    start: dt.datetime
    end: dt.datetime
    is_newest: bool

    def has(self, row: LedgerDecision) -> bool:
        """A decision belongs to the quarter where it ends; the very first sample begins one."""
        if row.kind == Judgement.FIRST and row.until == self.start:
            return True
        is_late = self.is_newest and row.kind == Judgement.SCALE
        return self.start < row.until and (row.until <= self.end or is_late)


@dataclass(frozen=True, slots=True)
class Decided:
    """All decisions about the quarters that were built of a register of a tenant.

    `is_newest`: nothing is known after them. Then they also tell whether a register in another
    unit, of which no quarter can be built, still is.
    """

    tenant_id: uuid.UUID
    built: Built
    decisions: Sequence[Decision]
    is_newest: bool = False


def write_decisions(decided: Sequence[Decided], *, now: dt.datetime) -> None:
    """Make these the decisions about samples within the quarters that were built."""
    spans = {one.built.register: _span(one) for one in decided}
    wanted: dict[Key, LedgerDecision] = {}
    for one in decided:
        for decision in one.decisions:
            row = _row(one.tenant_id, one.built.register, decision, now)
            if spans[one.built.register].has(row):
                wanted[_key(row)] = row
    gone = [
        row.pk
        for row in _holding(spans)
        if spans[row.register_id].has(row) and wanted.pop(_key(row), None) is None
    ]
    if gone:
        LedgerDecision.objects.filter(pk__in=gone).update(superseded_at=now)
    if wanted:
        LedgerDecision.objects.bulk_create(wanted.values())


def _span(one: Decided) -> Span:
    built = one.built
    return Span(start_of(built.first), start_of(built.last + 1), one.is_newest)


def _holding(spans: dict[int, Span]) -> list[LedgerDecision]:
    start = min(span.start for span in spans.values())
    end = max(span.end for span in spans.values())
    later = [register for register, span in spans.items() if span.is_newest]
    rows = LedgerDecision.objects.filter(
        Q(until__lte=end) | Q(kind=Judgement.SCALE, register_id__in=later),
        register_id__in=list(spans), until__gte=start, superseded_at=None,
    )  # fmt: skip
    return list(rows)


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
