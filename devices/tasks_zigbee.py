"""Periodic jobs of Zigbee networks."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from devices.services import zigbee


@shared_task
def expire_zigbee_claims(**kwargs: Any) -> int:
    """End the claims to new radios that nobody decided within a day."""
    return zigbee.expire_claims(now=timezone.now())
