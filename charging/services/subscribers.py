"""Tells parts of the product each event of connectors, in order, whatever one of them does.

One that fails is left alone for a while, ever longer up to five minutes, and is then told
again; the others go on. Each is told at least once.
"""

from __future__ import annotations

import datetime as dt
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from django.db import DatabaseError, connection, transaction
from prometheus_client import Counter

from accounts.tenancy import all_tenants, tenant_scope
from charging.models import ChargingEvent, EventSubscriber

logger = logging.getLogger(__name__)

Subscriber = Callable[[ChargingEvent, dt.datetime], None]
FAILED = Counter("energy_charging_subscriber_failures", "Events that a part could not take",
                 ["subscriber"])  # fmt: skip
SKIPPED = Counter("energy_charging_events_skipped", "Events given up", ["subscriber"])
EVENTS_AT_ONCE = 100
SECONDS = 5.0
TRIES = 12
LONGEST_REST = dt.timedelta(minutes=5)
KEPT_SKIPPED = 50


class TooSlow(KeyboardInterrupt):
    """A subscriber took longer than its time.

    The driver of the database ends a statement in good order for this kind of exception only.
    """


def tell_all(
    subscribers: Mapping[str, Subscriber], *, now: dt.datetime, seconds: float = SECONDS
) -> int:
    """Tell each subscriber what it has not been told; return how many events were told.

    Any number of processes may do this: each subscriber is served by one at a time.
    """
    told = 0
    for name, tell in subscribers.items():
        try:
            _note(name)
            told += _serve(name, tell, now, seconds)
        except DatabaseError:
            logger.exception("%s could not be served; the others go on", name)
    return told


def _note(name: str) -> None:
    """Make the row of a new subscriber, in a transaction of its own: nobody waits for another.

    It begins with the first event that there is.
    """
    if not EventSubscriber.objects.filter(name=name).exists():
        EventSubscriber.objects.bulk_create([EventSubscriber(name=name)], ignore_conflicts=True)


@transaction.atomic
def _serve(name: str, tell: Subscriber, now: dt.datetime, seconds: float) -> int:
    row = _claim(name)
    if row is None or (row.retry_at is not None and row.retry_at > now):
        return 0
    waiting, told = _waiting(row), 0
    for event in waiting:
        error = _tell(tell, event, now, seconds)
        if error is not None and not _give_up(row, event, error, now):
            break
        row.position, row.failures, row.retry_at = event.order, 0, None
        row.last_error = row.last_error if error else ""
        told += error is None
    if waiting:
        row.save()
    return told


def _claim(name: str) -> EventSubscriber | None:
    """Return the row of a subscriber, locked; None while another process serves it."""
    rows = EventSubscriber.objects.select_for_update(skip_locked=True, no_key=True)
    return rows.filter(name=name).first()


def _waiting(row: EventSubscriber) -> list[ChargingEvent]:
    with all_tenants():
        rows = ChargingEvent.objects.filter(order__gt=row.position).order_by("order")
        return list(
            rows.select_related("connector__charge_point__device", "session")[:EVENTS_AT_ONCE]
        )


def _tell(
    tell: Subscriber, event: ChargingEvent, now: dt.datetime, seconds: float
) -> BaseException | None:
    """Tell one event; what a subscriber that fails has written is taken back."""
    try:
        with transaction.atomic(), _limited(seconds), tenant_scope(event.tenant_id):
            tell(event, now)
    except (Exception, TooSlow) as error:
        logger.exception("Event %s was not taken; it is told again", event.order)
        return error
    return None


def _give_up(
    row: EventSubscriber, event: ChargingEvent, error: BaseException, now: dt.datetime
) -> bool:
    """Note a failure; True when the event has failed so often that it is skipped and kept."""
    FAILED.labels(row.name).inc()
    row.failures += 1
    row.last_error = f"{type(error).__name__}: {error}"[:500]
    if row.failures < TRIES:
        rest = dt.timedelta(seconds=2 ** min(row.failures - 1, 10))
        row.retry_at = now + min(rest, LONGEST_REST)
        return False
    SKIPPED.labels(row.name).inc()
    entry = {"order": event.order, "error": row.last_error, "at": now.isoformat()}
    row.skipped = [*row.skipped, entry][-KEPT_SKIPPED:]
    return True


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt what takes too long: statements everywhere, all else in the main thread."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        before = cursor.fetchone()[0]
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))]
        )
    with _alarm(seconds):
        yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"It took more than {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, stop)
    others = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *others)
