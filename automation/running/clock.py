"""Begins what is due by the clock: runs of schedules, and times of rules."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from prometheus_client import Counter

from accounts.tenancy import all_tenants
from automation.models import Schedule
from automation.services.timing import look_at_schedule, settle_schedule

logger = logging.getLogger(__name__)

BATCH = 50
MOST_SECONDS = 0.4
FOLLOW_SECONDS = 10.0
FOLLOWED = 500
TRY_AGAIN = dt.timedelta(hours=1)

LOOKS = Counter("energy_automation_looks", "Schedules that were due")
BAD = Counter("energy_automation_bad_times", "Schedules whose times cannot be read")


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
            rows = Schedule.objects.filter(is_enabled=True, next_at__lte=now)
            due = list(rows.order_by("next_at", "id").values_list("id", flat=True)[:BATCH])
            for number, schedule_id in enumerate(due):
                if number and time.monotonic() > started + MOST_SECONDS:
                    return True
                LOOKS.inc()
                _try(look_at_schedule, schedule_id, now)
        return len(due) == BATCH


def _try(
    look: Callable[[uuid.UUID, dt.datetime], object], row_id: uuid.UUID, now: dt.datetime
) -> None:
    """Look at one; a bad one is looked at again in an hour, and never stops the others."""
    try:
        with transaction.atomic():
            look(row_id, now)
    except (OperationalError, InterfaceError):
        raise  # the database is away: nothing is wrong with this one
    except Exception:
        BAD.inc()
        logger.exception("the times of schedule %s cannot be followed", row_id)
        Schedule.objects.filter(id=row_id).update(next_at=now + TRY_AGAIN, updated_at=now)


def _follow_sites(now: dt.datetime) -> None:
    """Work out anew when things are due where a site was changed: its clock or its sun may be."""
    rows = Schedule.objects.filter(is_enabled=True, site__updated_at__gt=F("updated_at"))
    for row_id in rows.values_list("id", flat=True)[:FOLLOWED]:
        _try(settle_schedule, row_id, now)
