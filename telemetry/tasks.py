"""Periodic jobs of the time series."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from telemetry import partitions, retention
from telemetry.exports import tasks as _exports  # noqa: F401 (Celery looks for tasks here)
from telemetry.imports import tasks as _imports  # noqa: F401 (Celery looks for tasks here)
from telemetry.ingest.buffer import BufferFull, BufferUnavailable
from telemetry.services import rejected, replays
from telemetry.storage import packer, removal
from telemetry.truth import tasks as _truth  # noqa: F401 (Celery looks for tasks in this module)


@shared_task
def maintain_partitions(**kwargs: Any) -> dict[str, list[str]]:
    """Create the coming weeks' partitions and drop those past the retention."""
    now = timezone.now()
    longest = dt.timedelta(days=settings.SAMPLE_RETENTION_DAYS)
    return {
        "created": partitions.create_ahead(now=now),
        "dropped": partitions.drop_expired(now=now, retention=longest),
    }


@shared_task
def delete_expired_samples(**kwargs: Any) -> int:
    """Delete samples that the plans of their tenants keep no longer."""
    longest = dt.timedelta(days=settings.SAMPLE_RETENTION_DAYS)
    return retention.delete_expired(now=timezone.now(), longest=longest)


@shared_task
def pack_old_days(**kwargs: Any) -> dict[str, Any]:
    """Pack the days that are old enough; what the time does not suffice for comes next."""
    if not settings.SAMPLE_PACK_AFTER_DAYS:
        return {}
    after = dt.timedelta(days=settings.SAMPLE_PACK_AFTER_DAYS)
    return asdict(packer.pack_days(now=timezone.now(), after=after))


@shared_task
def remove_deleted_channels(**kwargs: Any) -> int:
    """Remove the samples, packed days and rollups of channels that were deleted."""
    return removal.remove_deleted(now=timezone.now())


@shared_task
def prune_rejected(**kwargs: Any) -> int:
    """Delete rejected messages past their time or above the bound of the table."""
    return rejected.prune_rejected(now=timezone.now())


@shared_task(
    autoretry_for=(BufferFull, BufferUnavailable),
    retry_backoff=5,
    retry_backoff_max=300,
    max_retries=30,
)
def replay_group(*, tenant_id: str | None, key: str, until: str, **kwargs: Any) -> int:
    """Send the open messages of a group through the pipeline again; wait while it is full."""
    return replays.run_replay(
        tenant_id=uuid.UUID(tenant_id) if tenant_id else None,
        key=key,
        until=dt.datetime.fromisoformat(until),
        now=timezone.now(),
    )
