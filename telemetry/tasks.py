"""Periodic jobs of the time series."""

from __future__ import annotations

import datetime as dt
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from telemetry import partitions
from telemetry.services import rejected


@shared_task
def maintain_partitions(**kwargs: Any) -> dict[str, list[str]]:
    """Create the coming weeks' partitions and drop those past the retention."""
    now = timezone.now()
    retention = dt.timedelta(days=settings.SAMPLE_RETENTION_DAYS)
    return {
        "created": partitions.create_ahead(now=now),
        "dropped": partitions.drop_expired(now=now, retention=retention),
    }


@shared_task
def prune_rejected(**kwargs: Any) -> int:
    """Delete rejected messages past their time or above the bound of the table."""
    return rejected.prune_rejected(now=timezone.now())
