"""The periodic job of live events."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from devices.services import live_events


@shared_task
def delete_old_events(**kwargs: Any) -> int:
    """Forget live events that are older than a week."""
    return live_events.delete_old_events(now=timezone.now())
