"""Periodic jobs of firmware; each claims rows from the database and may die at any moment."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from devices.services import campaign_steps, firmware


@shared_task
def step_campaigns(**kwargs: Any) -> int:
    """Move campaigns on: end what is late, halt, begin waves, offer."""
    return campaign_steps.step_campaigns(now=timezone.now())


@shared_task
def delete_orphans(**kwargs: Any) -> int:
    """Delete images that belong to no release."""
    return firmware.delete_orphans(now=timezone.now())
