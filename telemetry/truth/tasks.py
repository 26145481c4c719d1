"""Periodic jobs that keep what is known about readings."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from telemetry.truth import backfill, statistics


@shared_task
def request_backfills(**kwargs: Any) -> int:
    """Ask devices for readings that did not arrive."""
    return backfill.request_backfills(now=timezone.now())


@shared_task
def compute_days(**kwargs: Any) -> int:
    """Judge the days of channels that have news."""
    return statistics.compute_days(now=timezone.now())
