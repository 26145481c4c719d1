"""Takes up executions that are due and does their steps; several processes share the work."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid

from django.db import InterfaceError, OperationalError, transaction
from prometheus_client import Counter

from accounts.tenancy import all_tenants, tenant_scope
from automation.models import Execution, ExecutionState, Reason
from automation.services.forgetting import forget_old
from automation.services.steps import advance

logger = logging.getLogger(__name__)

BATCH = 50
ROUND_SECONDS = 0.5
# one that cannot be taken further is looked at again after so long, and given up after a day
TRY_AGAIN = dt.timedelta(seconds=30)
GIVE_UP = dt.timedelta(days=1)
FORGET_EVERY = dt.timedelta(hours=1)

ADVANCED = Counter("energy_automation_steps", "Executions that were taken a step further")
TROUBLES = Counter("energy_automation_troubles", "Executions that could not be taken further")


class Executor:
    """Part of `manage.py run_automation`."""

    def __init__(self) -> None:
        self._forget_at = dt.datetime.min.replace(tzinfo=dt.UTC)

    def round(self, now: dt.datetime) -> bool:
        """Do what is due, half a second at most; True if there may be more."""
        began = time.monotonic()
        due = _due(now)
        for execution_id, tenant_id in due:
            if time.monotonic() - began > ROUND_SECONDS:
                return True
            _take_up(execution_id, tenant_id, now)
        self._forget(now)
        return len(due) == BATCH

    def _forget(self, now: dt.datetime) -> None:
        if now >= self._forget_at:
            forget_old(now=now)
            self._forget_at = now + FORGET_EVERY


def _due(now: dt.datetime) -> list[tuple[uuid.UUID, uuid.UUID]]:
    with all_tenants():
        rows = Execution.objects.filter(next_at__lte=now).order_by("next_at", "id")
        return list(rows.values_list("id", "tenant_id")[:BATCH])


def _take_up(execution_id: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> None:
    """Take one further, unless another process does; a bad one never stops the others."""
    try:
        with tenant_scope(tenant_id), transaction.atomic():
            execution = _locked(execution_id, now)
            if execution is not None:
                advance(execution, now=now)
                ADVANCED.inc()
    except (OperationalError, InterfaceError):  # no fault of the execution
        raise
    except Exception:
        logger.exception("The execution %s cannot be taken further", execution_id)
        TROUBLES.inc()
        _put_off(execution_id, tenant_id, now)


def _locked(execution_id: uuid.UUID, now: dt.datetime) -> Execution | None:
    rows = Execution.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    found = rows.filter(id=execution_id, next_at__lte=now).select_related("site", "rule")
    return found.first()


def _put_off(execution_id: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> None:
    with tenant_scope(tenant_id), transaction.atomic():
        execution = _locked(execution_id, now)
        if execution is None:
            return
        if now - execution.decided_at > GIVE_UP:
            execution.state, execution.reason = ExecutionState.FAILED, Reason.ERROR
            execution.next_at, execution.finished_at = None, now
        else:
            execution.next_at = now + TRY_AGAIN
        execution.save(update_fields=["state", "reason", "next_at", "finished_at", "updated_at"])
