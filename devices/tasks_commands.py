"""Ends commands by beat as well, should no sender run."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from devices.services.command_sweep import sweep_commands
from devices.services.outbox import database_now


@shared_task
def end_commands(**kwargs: Any) -> int:
    """End what has no time left; the sender does the same twice a second."""
    return sweep_commands(now=database_now())
