"""Which alarms there are, incident by incident; every function runs in a tenant's scope.

The number of queries does not depend on the number of alarms.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import (
    Case,
    Count,
    Expression,
    ExpressionWrapper,
    FloatField,
    IntegerField,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Extract

from alarms.models import Alarm, Ending, Suppression
from devices.models import Severity

RECENT = dt.timedelta(hours=24)
SHOWN_CHILDREN = 10
MANY = 99  # more of them are not counted for the menu
SEVERITIES = tuple(severity.value for severity in Severity)  # the mildest first
IS_OPEN = Q(ending="")
IS_EXPLAINED = Q(suppressed_because=Suppression.PARENT)
# flapping is told less often, but it is still to be dealt with
IS_QUIET = Q(suppressed_because__in=[Suppression.MAINTENANCE, Suppression.SHELVED])
_RANK = Case(
    *(When(severity=name, then=Value(rank)) for rank, name in enumerate(SEVERITIES)),
    default=Value(0), output_field=IntegerField(),
)  # fmt: skip
# by severity, and the newest first among equals, as one number that a cursor can hold
_STEP = 100_000_000_000.0  # seconds; more than any time since 1970
ORDERINGS: Mapping[str, str | Expression] = {
    "raised_at": "raised_at",
    "severity": ExpressionWrapper(
        _RANK * Value(_STEP) + Extract("raised_at", "epoch", tzinfo=dt.UTC),
        output_field=FloatField(),
    ),
}
_RELATED = (
    "site", "gateway", "device__profile", "channel", "rule", "assignee", "acknowledged_by",
    "parent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms; what is left blank lets everything through.

    state: open or ended. min_severity: that and worse. period: [start, end) in which they
    were raised. is_child: explained by another alarm. text: part of what is said.
    """

    state: str = ""
    is_acknowledged: bool | None = None
    is_snoozed: bool | None = None
    is_quiet: bool | None = None
    is_child: bool | None = None
    min_severity: str = ""
    source: str = ""
    site_id: uuid.UUID | None = None
    gateway_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None
    rule_id: uuid.UUID | None = None
    assignee_id: uuid.UUID | None = None
    is_assigned: bool | None = None
    ending: str = ""
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """An alarm with those that it explains.

    children: the worst ten of `child_count`. times: how often its key was raised in the
    24 hours before `now`. seconds: how long it has lasted, or had.
    """

    alarm: Alarm
    children: Sequence[Alarm]
    child_count: int
    times: int
    seconds: float
    is_snoozed: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alarms are in each state; those that others explain are counted apart.

    fresh, seen: open, not or already acknowledged. snoozed, quiet: put aside by people, by
    maintenance or shelving. ended: those of the last 24 hours that nobody acknowledged.
    by_severity: of fresh and seen ones, the worst first.
    """

    fresh: int = 0
    seen: int = 0
    snoozed: int = 0
    quiet: int = 0
    explained: int = 0
    ended: int = 0
    by_severity: Mapping[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """Count what somebody may have to look after."""
        return self.fresh + self.seen


def find_alarms(wanted: AlarmFilter, *, now: dt.datetime) -> QuerySet[Alarm]:
    """Return the alarms that match, with all that a list shows; the caller orders."""
    return Alarm.objects.filter(_condition(wanted, now)).select_related(*_RELATED)


def narrow(rows: QuerySet[Alarm], wanted: AlarmFilter) -> QuerySet[Alarm]:
    """Return those of some alarms that match; the state is not looked at."""
    return rows.filter(_place(wanted))


def read_incidents(alarms: Sequence[Alarm], *, now: dt.datetime) -> list[Incident]:
    """Return alarms with what belongs to them, in their order; three queries."""
    children, counted = _children(alarms)
    times = _times(alarms, now=now)
    return [
        Incident(
            alarm=alarm,
            children=children.get(alarm.id, ()),
            child_count=counted.get(alarm.id, 0),
            times=times.get(alarm.key, 0),
            seconds=seconds_of(alarm, now=now),
            is_snoozed=is_snoozed(alarm, now=now),
        )
        for alarm in alarms
    ]


def count_states(*, now: dt.datetime, wanted: AlarmFilter | None = None) -> Counts:
    """Count alarms by state; two queries. Args: wanted: its state and marks do not count."""
    base = Alarm.objects.filter(_place(wanted or AlarmFilter()))
    snoozed, mine = Q(snoozed_until__gt=now), ~IS_EXPLAINED & ~IS_QUIET
    waiting = mine & ~(Q(snoozed_until__isnull=False) & snoozed)
    found = base.filter(IS_OPEN).aggregate(
        fresh=Count("id", filter=waiting & Q(acknowledged_at=None)),
        seen=Count("id", filter=waiting & Q(acknowledged_at__isnull=False)),
        snoozed=Count("id", filter=mine & snoozed),
        quiet=Count("id", filter=IS_QUIET),
        explained=Count("id", filter=IS_EXPLAINED),
        **{
            f"severity_{name}": Count("id", filter=waiting & Q(severity=name))
            for name in SEVERITIES
        },
    )
    worst_first = {name: found.pop(f"severity_{name}") for name in reversed(SEVERITIES)}
    ended = base.filter(_ended_unseen(now)).count()
    return Counts(**found, ended=ended, by_severity=worst_first)


def count_fresh(*, now: dt.datetime) -> int:
    """Return how many open alarms nobody has acknowledged, at most `MANY` + 1."""
    wanted = AlarmFilter(
        state="open", is_acknowledged=False, is_snoozed=False, is_quiet=False, is_child=False
    )
    return Alarm.objects.filter(_condition(wanted, now))[: MANY + 1].count()


def open_alarms(wanted: AlarmFilter, *, now: dt.datetime, limit: int) -> list[Alarm]:
    """Return the worst open alarms that match, such as those of a device; one query."""
    rows = find_alarms(replace(wanted, state="open"), now=now)
    return list(rows.order_by(_RANK.desc(), "-raised_at", "id")[:limit])


def count_open_by_site(*, now: dt.datetime) -> dict[uuid.UUID, int]:
    """Return how many open alarms sites have, as the inbox lists them."""
    wanted = AlarmFilter(state="open", is_snoozed=False, is_quiet=False, is_child=False)
    rows = Alarm.objects.filter(_condition(wanted, now), site__isnull=False)
    counted = rows.order_by().values("site_id").annotate(number=Count("id"))
    return {row["site_id"]: row["number"] for row in counted}


def seconds_of(alarm: Alarm, *, now: dt.datetime) -> float:
    """Return how long an alarm has lasted, or had when it ended."""
    return max(0.0, ((alarm.cleared_at or now) - alarm.raised_at).total_seconds())


def is_snoozed(alarm: Alarm, *, now: dt.datetime) -> bool:
    """Tell whether somebody has put it aside for now."""
    return alarm.is_open and alarm.snoozed_until is not None and alarm.snoozed_until > now


def _condition(wanted: AlarmFilter, now: dt.datetime) -> Q:
    snoozed = Q(snoozed_until__isnull=False, snoozed_until__gt=now)
    flags = (
        (wanted.is_acknowledged, Q(acknowledged_at__isnull=False)),
        (wanted.is_snoozed, snoozed),
        (wanted.is_quiet, IS_QUIET),
        (wanted.is_child, IS_EXPLAINED),
        (wanted.is_assigned, Q(assignee__isnull=False)),
    )
    found = _place(wanted)
    for flag, condition in flags:
        if flag is not None:
            found &= condition if flag else ~condition
    if wanted.state:
        found &= IS_OPEN if wanted.state == "open" else ~IS_OPEN
    return found


def _place(wanted: AlarmFilter) -> Q:
    """Return all conditions but those about the state."""
    given = {
        "source": wanted.source, "site_id": wanted.site_id, "gateway_id": wanted.gateway_id,
        "device_id": wanted.device_id, "rule_id": wanted.rule_id, "ending": wanted.ending,
        "assignee_id": wanted.assignee_id, "raised_at__gte": wanted.start,
        "raised_at__lt": wanted.end,
    }  # fmt: skip
    found = Q(**{name: value for name, value in given.items() if value})
    if wanted.min_severity:
        found &= Q(severity__in=SEVERITIES[SEVERITIES.index(wanted.min_severity) :])
    if wanted.text:
        words = wanted.text
        found &= (
            Q(title__icontains=words) | Q(subject__icontains=words)
            | Q(text__icontains=words) | Q(code__icontains=words)
        )  # fmt: skip
    return found


def _ended_unseen(now: dt.datetime) -> Q:
    return Q(
        ending=Ending.CLEARED, cleared_at__gt=now - RECENT, raised_at__gt=now - 30 * RECENT,
        acknowledged_at=None, suppressed_because="",
    )  # fmt: skip


def ended_unseen(*, now: dt.datetime) -> QuerySet[Alarm]:
    """Return alarms that ended in the last 24 hours without anybody having seen them."""
    return Alarm.objects.filter(_ended_unseen(now)).select_related(*_RELATED)


def _children(
    alarms: Sequence[Alarm],
) -> tuple[dict[uuid.UUID, list[Alarm]], dict[uuid.UUID, int]]:
    # of an incident that is over, also what ended with it
    rows = Alarm.objects.filter(IS_EXPLAINED, IS_OPEN | ~Q(parent__ending=""))
    counted = dict(
        rows.filter(parent_id__in=[alarm.id for alarm in alarms])
        .order_by()
        .values_list("parent_id")
        .annotate(Count("id"))
    )
    if not counted:
        return {}, {}
    worst = rows.order_by(_RANK.desc(), "-raised_at", "id")
    parents = Alarm.objects.filter(id__in=counted).prefetch_related(
        Prefetch("children", worst.select_related("device")[:SHOWN_CHILDREN], to_attr="worst")
    )
    found: dict[uuid.UUID, list[Alarm]] = {row.id: row.worst for row in parents}  # type: ignore[attr-defined]
    return found, counted


def _times(alarms: Sequence[Alarm], *, now: dt.datetime) -> dict[str, int]:
    rows = Alarm.objects.filter(
        key__in={alarm.key for alarm in alarms}, raised_at__gt=now - RECENT
    ).exclude(ending=Ending.WITHDRAWN)
    counted: dict[str, Any] = dict(rows.order_by().values_list("key").annotate(Count("id")))
    return counted
