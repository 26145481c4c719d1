"""Periodic jobs of provisioning; each claims rows from the database and may die at any moment."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from devices.services import bootstrap, claim_ends, transfer


@shared_task
def expire_claims(**kwargs: Any) -> int:
    """End claims that came to nothing within thirty minutes."""
    return claim_ends.expire_claims(now=timezone.now())


@shared_task
def forget_boxes(**kwargs: Any) -> dict[str, int]:
    """Forget boxes that fell silent unclaimed, and end offers whose time is over."""
    now = timezone.now()
    return {
        "forgotten": bootstrap.forget_boxes(now=now),
        "offers": transfer.expire_transfers(now=now),
    }
