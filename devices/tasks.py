"""Periodic jobs of the fleet."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from devices import (  # noqa: F401 (Celery looks for tasks in this module)
    tasks_claims,
    tasks_commands,
    tasks_firmware,
    tasks_live,
    tasks_pki,
    tasks_zigbee,
)
from devices.services import configuration


@shared_task
def end_live_configurations(**kwargs: Any) -> int:
    """Take back configurations whose trial is over."""
    return configuration.end_live_configurations(now=timezone.now())


@shared_task
def push_configurations(**kwargs: Any) -> int:
    """Push again what devices have not answered for."""
    return configuration.push_configurations(now=timezone.now())
