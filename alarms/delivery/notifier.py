"""Plans, gathers and sends, round after round; several copies share the work."""

from __future__ import annotations

import datetime as dt
import logging
import time
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from alarms.delivery.channels import prepare
from alarms.delivery.outcome import Outcome, Send, attempt
from alarms.models import NotificationMessage
from alarms.services.duty import call_people
from alarms.services.gathering import due_targets, gather
from alarms.services.planning import BATCH_EVENTS, plan_events
from alarms.services.sending import (
    AT_ONCE,
    MAX_FORGOTTEN,
    claim_messages,
    forget_old,
    keep_claims,
    record,
)

KEEP = dt.timedelta(seconds=5)
logger = logging.getLogger(__name__)

_AFTER_FAILURE = dt.timedelta(minutes=1)
_LOOK_AGAIN = dt.timedelta(seconds=2)
_FIRST_PAUSE, _LONGEST_PAUSE = dt.timedelta(seconds=1), dt.timedelta(hours=1)
MAX_FAILED = 1_000


@dataclass(frozen=True, slots=True)
class _Flight:
    message: NotificationMessage
    started: float


class Notifier:
    """What one process does. Threads only talk to others; the database is this thread's."""

    def __init__(self) -> None:
        self._pools = {
            kind: ThreadPoolExecutor(number, thread_name_prefix=f"notify-{kind}")
            for kind, number in AT_ONCE.items()
        }
        self._flying: dict[Future[tuple[Outcome, float]], _Flight] = {}
        self._later: dict[uuid.UUID, dt.datetime] = {}
        self._failed: dict[int, tuple[int, dt.datetime]] = {}
        self._forget_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._kept = dt.datetime.min.replace(tzinfo=dt.UTC)

    def round(self, *, now: dt.datetime, wait_seconds: float = 0.0) -> bool:
        """Do what there is to do; True if there is more.

        Args: wait_seconds: how long to wait for the other side of what is being sent.
        """
        planned = self._plan(now)
        called = call_people(now=now)
        self._gather(now)
        started = self._start(now)
        self._forget(now)
        self._finish(now, wait_seconds)
        return planned >= BATCH_EVENTS or bool(called or started)

    def close(self, *, seconds: float) -> None:
        """Give what is being sent time to end; the rest is taken up by others, under its id."""
        deadline = time.monotonic() + seconds
        while self._flying and time.monotonic() < deadline:
            self._finish(dt.datetime.now(dt.UTC), deadline - time.monotonic())
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def is_sending(self) -> bool:
        """Tell whether something is on its way."""
        return bool(self._flying)

    def _plan(self, now: dt.datetime) -> int:
        """Plan events; one that failed is tried again after twice the time, at most an hour."""
        waiting = [event for event, (_tries, at) in self._failed.items() if at > now]
        planned = plan_events(now=now, without=waiting)
        for event in planned.failed:
            tries = self._failed.get(event, (0, now))[0] + 1
            pause = min(_FIRST_PAUSE * 2 ** min(tries, 12), _LONGEST_PAUSE)
            self._failed[event] = (tries, now + pause)
        if len(self._failed) > MAX_FAILED:  # the oldest are looked at once more
            self._failed.pop(next(iter(self._failed)))
        return planned.events

    def _forget(self, now: dt.datetime) -> None:
        """Delete what is too old, once an hour, at once again if there was much."""
        if now >= self._forget_at:
            many = forget_old(now=now) >= MAX_FORGOTTEN
            self._forget_at = now + (dt.timedelta(seconds=5) if many else dt.timedelta(hours=1))

    def _gather(self, now: dt.datetime) -> None:
        self._later = {target: at for target, at in self._later.items() if at > now}
        for tenant_id, target_id in due_targets(now=now, without=list(self._later)):
            try:
                again = gather(tenant_id, target_id, now=now)
            except (OperationalError, InterfaceError):  # no fault of the target
                raise
            except Exception:
                logger.exception("Nothing can be written to target %s; tried again", target_id)
                self._later[target_id] = now + _AFTER_FAILURE
                continue
            if again is not None:
                # no later than this: something critical may come meanwhile
                self._later[target_id] = min(again, now + _LOOK_AGAIN)

    def _start(self, now: dt.datetime) -> int:
        flying = [flight.message for flight in self._flying.values()]
        claimed = claim_messages(now=now, flying=flying)
        for message in claimed:
            self._fly(message, prepare(message, now=now))
        return len(claimed)

    def _fly(self, message: NotificationMessage, send: Send) -> None:
        future = self._pools[message.target.kind].submit(_timed, send)
        self._flying[future] = _Flight(message, time.monotonic())

    def _finish(self, now: dt.datetime, wait_seconds: float) -> None:
        if not self._flying:
            return
        done, _rest = wait(self._flying, timeout=wait_seconds, return_when=FIRST_COMPLETED)
        for future in done:
            flight = self._flying.pop(future)
            outcome, seconds = future.result()
            record(flight.message, outcome, now=now, seconds=seconds)
        if self._flying and now >= self._kept + KEEP:
            self._kept = now
            claims = [f.message.claim for f in self._flying.values() if f.message.claim]
            keep_claims(claims, now=now)


def _timed(send: Send) -> tuple[Outcome, float]:
    started = time.monotonic()
    return attempt(send), time.monotonic() - started
