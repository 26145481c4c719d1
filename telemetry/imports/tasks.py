"""Jobs of the background; they claim imports from the database and may die at any moment."""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery import shared_task
from django.utils import timezone

from telemetry.imports import runner, service

# below the time limit of a task, which kills
BUDGET = dt.timedelta(seconds=240)


@shared_task
def run_imports(**kwargs: Any) -> int:
    """Work on imports that wait or whose worker died; return on how many."""
    deadline, count = timezone.now() + BUDGET, 0
    while (left := deadline - timezone.now()) > dt.timedelta(0):
        job = runner.claim(now=timezone.now())
        if job is None:
            break
        count += 1
        runner.work(job, clock=timezone.now, budget=left)
    return count


@shared_task
def delete_import_files(**kwargs: Any) -> int:
    """Delete uploaded files a month after they came."""
    return service.delete_old_files(now=timezone.now())
