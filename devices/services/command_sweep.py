"""Ends what has no time left: commands, runs, stages of batches.

Called twice a second by the sender's thread and now and then by beat; any number may run at
once. `now` is the time of the database.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.db import transaction

from accounts.tenancy import all_tenants, tenant_scope
from devices.command_states import State
from devices.models import ActuatorState, Command, OutboundMessage, Severity
from devices.services.batches import advance_batches
from devices.services.command_moves import move
from devices.services.commanders import Requester
from devices.services.device_events import record_device_event
from devices.services.emergency_stop import switch_off
from devices.services.outbox import delete_expired

logger = logging.getLogger(__name__)

ROWS = 500
WATCHDOG = Requester("system:runtime-limit", "run time limit")
# how long to wait before an actuator that does not stop is told again
AGAIN_AT_LEAST = dt.timedelta(seconds=5)
AGAIN_AT_MOST = dt.timedelta(hours=1)


def sweep_commands(*, now: dt.datetime) -> int:
    """End and switch off what is due; return how many commands and runs that were."""
    with all_tenants():
        ended = _end_runs(now) + _expire_queued(now) + _time_out(now)
        delete_expired(now=now)
        advance_batches(now=now)
    return ended


@transaction.atomic
def _expire_queued(now: dt.datetime) -> int:
    """End what never left. What the sender holds just now is left to it."""
    due = Command.objects.filter(state=State.QUEUED, expires_at__lte=now).order_by("expires_at")
    ids = list(due.values_list("id", flat=True)[:ROWS])
    if not ids:
        return 0
    messages = OutboundMessage.objects.filter(command_id__in=ids)
    free = {m.id: m.command_id for m in messages.select_for_update(skip_locked=True)}
    held = set(messages.exclude(id__in=free).values_list("command_id", flat=True))
    OutboundMessage.objects.filter(id__in=free).delete()
    ids = [id_ for id_ in ids if id_ not in held]
    return len(
        move(
            ids=ids,
            to=State.EXPIRED,
            at=now,
            by="clock",
            code="expired",
            detail="It could not be sent in time.",
            only=[State.QUEUED],
        )  # fmt: skip
    )


@transaction.atomic
def _time_out(now: dt.datetime) -> int:
    """End what left and was not answered in time."""
    waiting = Command.objects.filter(state__in=[State.SENT, State.ACK], finish_by__lte=now)
    ids = list(waiting.order_by("finish_by").values_list("id", flat=True)[:ROWS])
    if not ids:
        return 0
    return len(
        move(
            ids=ids,
            to=State.TIMEOUT,
            at=now,
            by="clock",
            code="no_answer",
            detail="The device did not answer in time.",
            only=[State.SENT, State.ACK],
        )  # fmt: skip
    )


def _end_runs(now: dt.datetime) -> int:
    due = ActuatorState.objects.filter(deadline__lte=now).order_by("deadline")
    ids = list(due.values_list("id", flat=True)[:ROWS])
    return sum(_end_run(id_, now) for id_ in ids)


@transaction.atomic
def _end_run(id_: uuid.UUID, now: dt.datetime) -> int:
    """Switch off what has run too long, and again later unless it says that it stopped."""
    rows = ActuatorState.objects.select_for_update(skip_locked=True, of=("self",))
    row = (
        rows.filter(id=id_, deadline__lte=now)
        .select_related("device__profile", "device__gateway", "device__zone")
        .first()
    )
    if row is None:
        return 0
    late = now - row.deadline  # type: ignore[operator]
    row.deadline = now + min(max(late + AGAIN_AT_LEAST, _age(row, now)), AGAIN_AT_MOST)
    row.save(update_fields=["deadline", "updated_at"])
    with tenant_scope(row.tenant_id):
        sent = switch_off(
            device=row.device, actuator=row.actuator, requester=WATCHDOG,
            key=f"runtime:{row.id}", now=now,
        )  # fmt: skip
        record_device_event(
            device=row.device, kind="actuator", code="RUNTIME_EXCEEDED", at=now,
            severity=Severity.ERROR if sent else Severity.CRITICAL,
            message="The run time is over; the server switches it off.",
            detail={"actuator": row.actuator, "off_commands": sent},
        )  # fmt: skip
    return 1


def _age(row: ActuatorState, now: dt.datetime) -> dt.timedelta:
    """Return for how long it was told to stop: each try waits twice as long as the last."""
    since = row.on_since or row.commanded_at or now
    run = row.command.max_runtime_seconds if row.command and row.command.max_runtime_seconds else 0
    return max(now - since - dt.timedelta(seconds=run), dt.timedelta())
