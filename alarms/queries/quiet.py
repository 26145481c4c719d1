"""What is kept quiet on purpose, and which alarms that hides now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from alarms.models import Alarm, MaintenanceWindow, Shelving, Suppression

SHOWN_PAST = 20
SHOWN_ALARMS = 100
PAST = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class QuietTimes:
    """What the page shows. `counts`: open alarms that are quiet, by reason."""

    running: list[MaintenanceWindow]
    coming: list[MaintenanceWindow]
    past: list[MaintenanceWindow]
    shelvings: list[Shelving]
    alarms: list[Alarm]
    counts: dict[str, int]


def windows() -> QuerySet[MaintenanceWindow]:
    """Return all windows of the tenant with their places."""
    return MaintenanceWindow.objects.select_related(
        "site", "gateway", "device", "made_by"
    ).order_by("start", "id")


def shelvings(*, now: dt.datetime) -> QuerySet[Shelving]:
    """Return what is shelved now, what ends first before."""
    return Shelving.objects.filter(until__gt=now).select_related("made_by").order_by("until", "id")


def quiet_alarms() -> QuerySet[Alarm]:
    """Return open alarms of which nobody is told, the newest first."""
    return (
        Alarm.objects.filter(ending="")
        .exclude(suppressed_because="")
        .select_related("site", "device", "parent")
        .order_by("-raised_at", "-id")
    )


def quiet_times(*, now: dt.datetime) -> QuietTimes:
    """Return windows that run, come or ended within 30 days, and what they hide; five queries."""
    current = list(windows().filter(end__gt=now))
    past = windows().filter(end__lte=now, end__gt=now - PAST).order_by("-end", "-id")
    counts = quiet_alarms().order_by().values("suppressed_because").annotate(number=Count("id"))
    found = {row["suppressed_because"]: row["number"] for row in counts}
    return QuietTimes(
        running=[window for window in current if window.start <= now],
        coming=[window for window in current if window.start > now],
        past=list(past[:SHOWN_PAST]),
        shelvings=list(shelvings(now=now)),
        alarms=list(quiet_alarms()[:SHOWN_ALARMS]),
        counts={reason.value: found.get(reason.value, 0) for reason in Suppression if reason},
    )


def alarms_to_shelve() -> QuerySet[Alarm]:
    """Return open alarms that are not shelved yet, the newest first."""
    return (
        Alarm.objects.filter(ending="")
        .exclude(suppressed_because=Suppression.SHELVED)
        .order_by("-raised_at", "-id")
    )
