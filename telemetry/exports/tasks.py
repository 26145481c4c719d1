"""Jobs of the background; they claim exports from the database and may die at any moment."""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from telemetry.exports import runner, service

# below the time limit of a task, which kills; an export that is cut off there goes on
BUDGET = dt.timedelta(seconds=180)


@shared_task
def run_exports(**kwargs: Any) -> int:
    """Make exports that wait or whose worker died; return how many."""
    deadline, count = timezone.now() + BUDGET, 0
    longest = dt.timedelta(days=settings.SAMPLE_RETENTION_DAYS)
    while timezone.now() < deadline:
        job = runner.claim(now=timezone.now())
        if job is None:
            break
        count += 1
        runner.work(job, clock=timezone.now, longest=longest)
    return count


@shared_task
def delete_old_exports(**kwargs: Any) -> int:
    """Delete exports a week after they were made."""
    return service.delete_old_exports(now=timezone.now(), kept=runner.KEPT)
