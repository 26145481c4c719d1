"""Demand guards as they are: the window that runs, their loads, and the windows before."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Q, QuerySet

from automation.guard.prediction import (
    LOOK_BACK_SECONDS,
    Prediction,
    Switched,
    predict,
    window_start,
)
from automation.guard.series import Stretches
from automation.guard.shedding import Aim, Decision, Load, decide
from automation.models import DemandGuard, DemandWindow, SheddableLoad
from automation.queries.guard_sources import read_stretches, sources_of

SHOWN_WINDOWS = 10
# a switch is seen in the samples after so long
_SEEN = dt.timedelta(minutes=10)
_BEFORE = dt.timedelta(seconds=LOOK_BACK_SECONDS + 300)


@dataclass(frozen=True, slots=True)
class Picture:
    """A guard, its running window [start, end) and what would be done now.

    `series` reaches back before the window; None: it measures nothing. `prediction` None:
    nobody can tell. `loads`: in the order in which they are shed.
    """

    guard: DemandGuard
    start: dt.datetime
    end: dt.datetime
    series: Stretches | None
    prediction: Prediction | None
    loads: tuple[SheddableLoad, ...]
    decision: Decision

    @property
    def warns_at(self) -> dt.datetime:
        """Return from when on it warns."""
        return self.end - dt.timedelta(minutes=self.guard.warn_minutes)


def list_guards() -> QuerySet[DemandGuard]:
    """Return the guards of the tenant by name."""
    return DemandGuard.objects.select_related(
        "site", "register__meter", "channel__device"
    ).order_by("name", "id")


def find_guard(guard_id: uuid.UUID) -> DemandGuard:
    """Return one of them. Raises: DemandGuard.DoesNotExist."""
    return list_guards().get(id=guard_id)


def find_load(load_id: uuid.UUID) -> SheddableLoad:
    """Return a load with its guard and device. Raises: SheddableLoad.DoesNotExist."""
    rows = SheddableLoad.objects.select_related(
        "guard__site", "device__profile", "device__zone", "execution"
    )
    return rows.get(id=load_id)


def loads_of(guard_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[SheddableLoad]]:
    """Return the loads of guards in the order in which they are shed; one query."""
    rows = SheddableLoad.objects.filter(guard_id__in=guard_ids).select_related(
        "device__profile", "device__zone", "execution"
    )
    found: dict[uuid.UUID, list[SheddableLoad]] = defaultdict(list)
    for load in rows.order_by("number", "id"):
        found[load.guard_id].append(load)
    return found


def pictures_of(
    guards: Sequence[DemandGuard],
    *,
    now: dt.datetime,
    loads: dict[uuid.UUID, list[SheddableLoad]] | None = None,
) -> list[Picture]:
    """Look at guards; at most four queries. Args: loads: where they are known (and locked)."""
    known = loads_of([guard.id for guard in guards]) if loads is None else loads
    sources = sources_of(guards, now=now)
    since = {guard.id: _since(guard, now) for guard in guards}
    series = read_stretches(sources, since, now=now)
    found = []
    for guard in guards:
        own = tuple(known.get(guard.id, ()))
        stretches = series.get(guard.id)
        prediction = None
        if stretches is not None:
            prediction = predict(
                stretches, start=start_of(guard, now).timestamp(),
                seconds=guard.window_minutes * 60, now=now.timestamp(),
                stale_seconds=sources[guard.id].stale_seconds, switched=_switched(own, now),
            )  # fmt: skip
        found.append(_picture(guard, own, stretches, prediction, now))
    return found


def start_of(guard: DemandGuard, now: dt.datetime) -> dt.datetime:
    """Return when the window that runs began."""
    at = window_start(now.timestamp(), guard.window_minutes * 60)
    return dt.datetime.fromtimestamp(at, dt.UTC)


def highest_windows(guard: DemandGuard, *, now: dt.datetime) -> list[DemandWindow]:
    """Return the highest windows of the month of the site, highest first."""
    rows = DemandWindow.objects.filter(
        guard=guard, start__gte=month_begin(guard, now), demand_kw__isnull=False
    )
    return list(rows.order_by("-demand_kw", "start", "id")[:SHOWN_WINDOWS])


@dataclass(frozen=True, slots=True)
class Month:
    """A guard's month so far; `peak_kw` is None before its first whole window."""

    peak_kw: float | None
    windows: int
    above: int
    warned: int


def month_of(guard: DemandGuard, *, now: dt.datetime) -> Month:
    """Count the windows of the month of the site."""
    rows = DemandWindow.objects.filter(guard=guard, start__gte=month_begin(guard, now))
    found = rows.aggregate(
        peak=Max("demand_kw"), windows=Count("demand_kw"), warned=Count("warned_at"),
        above=Count("id", filter=Q(demand_kw__gt=float(guard.limit_kw))),
    )  # fmt: skip
    return Month(found["peak"], found["windows"], found["above"], found["warned"])


def month_begin(guard: DemandGuard, now: dt.datetime) -> dt.datetime:
    """Return when the month of the site began."""
    local = now.astimezone(ZoneInfo(guard.site.timezone))
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def peak_cost(guard: DemandGuard, expected_kw: float, month: Month) -> Decimal | None:
    """Return what a new peak costs more than that of the month so far; None: no price known."""
    if guard.peak_price is None:
        return None
    more = max(0.0, expected_kw - (month.peak_kw or 0.0))
    return (guard.peak_price * Decimal(repr(round(more, 3)))).quantize(Decimal("0.01"))


def _since(guard: DemandGuard, now: dt.datetime) -> dt.datetime:
    """Return from when on samples are needed: those of a window that is not closed as well."""
    start = start_of(guard, now)
    width = dt.timedelta(minutes=guard.window_minutes)
    first = start - _BEFORE
    if guard.window_at is not None and guard.window_at < start:
        first = min(first, max(guard.window_at, start - 2 * width) - dt.timedelta(minutes=5))
    return first


def _picture(
    guard: DemandGuard,
    loads: tuple[SheddableLoad, ...],
    series: Stretches | None,
    prediction: Prediction | None,
    now: dt.datetime,
) -> Picture:
    start = start_of(guard, now)
    aim = Aim(
        limit_kw=float(guard.limit_kw), margin_kw=float(guard.margin_kw),
        warn_seconds=guard.warn_minutes * 60, is_shedding=guard.is_shedding,
        is_closing=not guard.is_enabled,
    )  # fmt: skip
    decision = decide(
        prediction, aim, [_plain(load, start) for load in loads], now=now.timestamp()
    )  # fmt: skip
    end = start + dt.timedelta(minutes=guard.window_minutes)
    return Picture(guard, start, end, series, prediction, loads, decision)


def _plain(load: SheddableLoad, start: dt.datetime) -> Load:
    was_tried = load.tried_at is not None and load.tried_at >= start
    return Load(
        id=load.id, number=load.number, rated_kw=float(load.rated_kw),
        min_off=load.min_off_seconds, max_off=load.max_off_seconds, is_shed=load.is_shed,
        since=load.since.timestamp() if load.since else None,
        can_shed=not load.asked and not was_tried, can_restore=not load.asked,
    )  # fmt: skip


def _switched(loads: Sequence[SheddableLoad], now: dt.datetime) -> list[Switched]:
    return [
        Switched(load.since.timestamp(), float(load.rated_kw) * (-1 if load.is_shed else 1))
        for load in loads
        if load.since is not None and now - load.since < _SEEN
    ]
