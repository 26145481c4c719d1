"""Begins what is due by the clock: runs of schedules, and times of rules."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet
from prometheus_client import Counter

from accounts.tenancy import all_tenants
from automation.models import AutomationRule, Schedule
from automation.services.rule_timing import look_at_rule, settle_rule
from automation.services.timing import look_at_schedule, settle_schedule

logger = logging.getLogger(__name__)

BATCH = 50
MOST_SECONDS = 0.4
FOLLOW_SECONDS = 10.0
FOLLOWED = 500
TRY_AGAIN = dt.timedelta(hours=1)

LOOKS = Counter("energy_automation_looks", "Schedules and rules that were due")
BAD = Counter("energy_automation_bad_times", "Schedules and rules whose times cannot be read")


_Look = Callable[[uuid.UUID, dt.datetime], object]


class Clock:
    """Part of `run_automation`; two of them share the work by row locks."""

    def __init__(self) -> None:
        self._follow_at = 0.0

    def round(self, now: dt.datetime) -> bool:
        """Begin what is due; True: more is waiting."""
        started = time.monotonic()
        with all_tenants():
            if started >= self._follow_at:
                self._follow_at = started + FOLLOW_SECONDS
                _follow_sites(now)
            more = _take(Schedule.objects.all(), look_at_schedule, now, started + MOST_SECONDS / 2)
            rules = AutomationRule.objects.filter(quarantine="")
            return _take(rules, look_at_rule, now, started + MOST_SECONDS) or more


def _take(rows: QuerySet[Any], look: _Look, now: dt.datetime, until: float) -> bool:
    """Look at what is due, at one of it at least; True: more is waiting."""
    due = rows.filter(is_enabled=True, next_at__lte=now).order_by("next_at", "id")
    ids = list(due.values_list("id", flat=True)[:BATCH])
    for number, row_id in enumerate(ids):
        if number and time.monotonic() > until:
            return True
        LOOKS.inc()
        _try(rows, look, row_id, now)
    return len(ids) == BATCH


def _try(rows: QuerySet[Any], look: _Look, row_id: uuid.UUID, now: dt.datetime) -> None:
    """Look at one; a bad one is looked at again in an hour, and never stops the others."""
    try:
        with transaction.atomic():
            look(row_id, now)
    except (OperationalError, InterfaceError):
        raise  # the database is away: nothing is wrong with this one
    except Exception:
        BAD.inc()
        logger.exception("the times of %s %s cannot be followed", rows.model.__name__, row_id)
        rows.filter(id=row_id).update(next_at=now + TRY_AGAIN, updated_at=now)


def _follow_sites(now: dt.datetime) -> None:
    """Work out anew when things are due where a site was changed: its clock or its sun may be."""
    with_times = AutomationRule.objects.exclude(position=None)
    for rows, settle in ((Schedule.objects.all(), settle_schedule), (with_times, settle_rule)):
        changed = rows.filter(is_enabled=True, site__updated_at__gt=F("updated_at"))
        for row_id in changed.values_list("id", flat=True)[:FOLLOWED]:
            _try(rows, settle, row_id, now)
