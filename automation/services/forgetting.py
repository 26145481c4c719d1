"""Removes what nobody asks for any more."""

from __future__ import annotations

import datetime as dt

from accounts.tenancy import all_tenants
from automation.models import Execution, ExecutionState

KEPT = dt.timedelta(days=365)  # as commands
KEPT_NOT_DONE = dt.timedelta(days=30)
MAX_FORGOTTEN = 5_000


def forget_old(*, now: dt.datetime) -> int:
    """Delete executions of more than a year, and those that were not done after a month.

    Returns: how many; at most 10,000 in one go.
    """
    deleted = 0
    with all_tenants():
        old = Execution.objects.filter(next_at=None)
        for rows in (
            old.filter(decided_at__lt=now - KEPT),
            old.filter(decided_at__lt=now - KEPT_NOT_DONE, state=ExecutionState.SKIPPED),
        ):
            ids = list(rows.order_by("decided_at").values_list("id", flat=True)[:MAX_FORGOTTEN])
            Execution.objects.filter(id__in=ids).delete()
            deleted += len(ids)
    return deleted
