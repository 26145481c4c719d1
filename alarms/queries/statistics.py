"""How often alarms come, how long they last, and whether they were worth it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import (
    Aggregate,
    Case,
    Count,
    DurationField,
    F,
    Max,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from alarms.models import Alarm, Ending, Rating

DAYS = 30
MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Statistics:
    """The alarms of a rule, or of a code where no rule raised them, within some days.

    `code` is the title of alarms that have neither.

    median_seconds: of those that ended by themselves or by hand, None without any.
    useful, false: how people rated them. noise: false alarms among the rated ones, percent.
    """

    source: str
    rule_id: uuid.UUID | None
    code: str
    title: str
    number: int
    open: int
    median_seconds: float | None
    useful: int
    false: int
    newest_at: dt.datetime

    @property
    def noise(self) -> int | None:
        """Return the share of false alarms among the rated ones in percent; None without."""
        rated = self.useful + self.false
        return round(100 * self.false / rated) if rated else None


class Median(Aggregate):
    """The middle value."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def read_statistics(*, now: dt.datetime, days: int = DAYS) -> list[Statistics]:
    """Return the rules and codes that raised most alarms, at most 200; one query."""
    return _read(_within(now, days))


def statistics_of(alarm: Alarm, *, now: dt.datetime, days: int = DAYS) -> Statistics | None:
    """Return those of the rule or code of an alarm; None if it raised nothing of late."""
    same = Q(rule_id=alarm.rule_id)
    if alarm.rule_id is None:
        same = Q(rule=None, code=alarm.code) & (Q() if alarm.code else Q(title=alarm.title))
    found = _read(_within(now, days).filter(same, source=alarm.source))
    return found[0] if found else None


def _within(now: dt.datetime, days: int) -> QuerySet[Alarm]:
    rows = Alarm.objects.filter(raised_at__gt=now - dt.timedelta(days=days))
    return rows.exclude(ending=Ending.WITHDRAWN).order_by()


def _read(alarms: QuerySet[Alarm]) -> list[Statistics]:
    # of a rule's alarms the code says nothing more; where there is neither, titles tell apart
    code = Case(
        When(rule__isnull=False, then=Value("")), When(code="", then=F("title")), default=F("code")
    )
    rows = (
        alarms.annotate(kind=code)
        .values("source", "rule_id", "kind")
        .annotate(
            title=Coalesce(Max("rule__name"), Max("title")),
            number=Count("id"),
            open=Count("id", filter=Q(ending="")),
            median=Median(F("cleared_at") - F("raised_at"), output_field=DurationField()),
            useful=Count("id", filter=Q(rating=Rating.USEFUL)),
            false=Count("id", filter=Q(rating=Rating.FALSE)),
            newest_at=Max("raised_at"),
        )
        .order_by("-number", "-newest_at", "rule_id", "kind")
    )
    return [
        Statistics(
            source=row["source"], rule_id=row["rule_id"], code=row["kind"], title=row["title"],
            number=row["number"], open=row["open"],
            median_seconds=row["median"].total_seconds() if row["median"] else None,
            useful=row["useful"], false=row["false"], newest_at=row["newest_at"],
        )
        for row in rows[:MAX_ROWS]
    ]  # fmt: skip
