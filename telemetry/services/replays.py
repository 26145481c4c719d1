"""Groups of rejected messages: replayed in the background, discarded, and how far that is.

Nothing but the state of each message decides what is still to do, so a replay that is begun
twice, or cut off and begun again, sends each message at most once more; and what was stored
before stays as it is.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict, dataclass

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from telemetry.models import RejectedMessage, RejectedState
from telemetry.queries_rejected import messages_of
from telemetry.services.rejected import REPLAY_CHUNK, replay_rejected

PROGRESS_KEPT_S = 86_400


class NothingOpen(Refusal):
    """The group has no open message, or never had one."""

    code = "nothing_open"
    message = _("There is no open message of this kind any more.")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is; `state` is waiting, running or done. Times are ISO 8601."""

    total: int
    done: int
    state: str
    started_at: str

    @property
    def percent(self) -> int:
        """Whole percent of the messages that went back into the pipeline."""
        return 100 * self.done // self.total if self.total else 100


def start_replay(
    *, tenant_id: uuid.UUID | None, key: str, now: dt.datetime, wait_s: int = 0
) -> Progress:
    """Let all open messages of a group go through the pipeline again, in the background.

    `tenant_id` None: those whose tenant nobody knows. `wait_s`: begin that much later, when the
    pipeline has seen what was changed for them.

    Raises: NothingOpen.
    """
    from telemetry.tasks import replay_group  # it imports this module

    first = messages_of(tenant_id, key).filter(state=RejectedState.OPEN).first()
    if first is None:
        raise NothingOpen
    total = messages_of(tenant_id, key).filter(state=RejectedState.OPEN).count()
    with transaction.atomic():
        _record("rejected.replayed", first, total, now)
        progress = Progress(total, 0, "waiting", now.isoformat())
        _keep(tenant_id, key, progress)
        named = {"tenant_id": str(tenant_id) if tenant_id else None, "key": key}
        named["until"] = now.isoformat()
        transaction.on_commit(lambda: replay_group.apply_async(kwargs=named, countdown=wait_s))
    return progress


def run_replay(
    *, tenant_id: uuid.UUID | None, key: str, until: dt.datetime, now: dt.datetime
) -> int:
    """Replay what of a group was received before `until` and is open; return how many.

    Raises:
        BufferFull, BufferUnavailable: the rest stays open; call again later.
    """
    waiting = messages_of(tenant_id, key).filter(
        state=RejectedState.OPEN, last_received_at__lte=until
    )
    ids = list(waiting.order_by("first_received_at", "id").values_list("id", flat=True))
    before = progress_of(tenant_id, key)
    done = before.done if before and before.started_at == until.isoformat() else 0
    total = done + len(ids)
    replayed = 0
    _keep(tenant_id, key, Progress(total, done, "running", until.isoformat()))
    for start in range(0, len(ids), REPLAY_CHUNK):
        replayed += replay_rejected(ids=ids[start : start + REPLAY_CHUNK], now=now).replayed
        _keep(tenant_id, key, Progress(total, done + replayed, "running", until.isoformat()))
    _keep(tenant_id, key, Progress(total, done + replayed, "done", until.isoformat()))
    return replayed


@transaction.atomic
def discard_group(*, tenant_id: uuid.UUID | None, key: str, now: dt.datetime) -> int:
    """Mark the open messages of a group as not wanted; they are kept until they are pruned.

    Raises: NothingOpen.
    """
    waiting = messages_of(tenant_id, key).filter(state=RejectedState.OPEN)
    first = waiting.first()
    if first is None:
        raise NothingOpen
    count = waiting.update(state=RejectedState.DISCARDED, updated_at=now)
    _record("rejected.discarded", first, count, now)
    return count


def progress_of(tenant_id: uuid.UUID | None, key: str) -> Progress | None:
    """Return how far the last replay of a group is; None a day after it, or without one."""
    found = cache.get(_name(tenant_id, key))
    return Progress(**found) if found else None


def _keep(tenant_id: uuid.UUID | None, key: str, progress: Progress) -> None:
    cache.set(_name(tenant_id, key), asdict(progress), PROGRESS_KEPT_S)


def _name(tenant_id: uuid.UUID | None, key: str) -> str:
    return f"rejected-replay:{tenant_id}:{key}"


def _record(action: str, message: RejectedMessage, count: int, now: dt.datetime) -> None:
    record_event(
        action=action,
        now=now,
        tenant_id=message.tenant_id,
        label=message.pattern[:200],
        detail={"reason": message.reason, "sender": message.sender, "count": count},
    )
