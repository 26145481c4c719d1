"""How charging and the process that answers are doing, in a few quick reads."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Min
from redis.exceptions import RedisError

from accounts.tenancy import all_tenants
from charging.models import ChargingEvent, EventSubscriber
from devices.models import SerialLine, WireState
from energy.lib.load import read_load

MAX_LINES = 500
LATE = dt.timedelta(seconds=30)  # a subscriber that is behind for longer is not alive
MOST_LAG = 10_000
LOAD_MINUTES = 5
EVENT_HOURS = 1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1_048_576
_STATM, _MEMORY = Path("/proc/self/statm"), Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Detector:
    """How far the subscribers to charging events are; `lag` is in events, at most `MOST_LAG`."""

    is_alive: bool
    lag: int


@dataclass(frozen=True, slots=True)
class Health:
    """`lines` are those of charge points of the tenant. `memory_mb`: of this process."""

    lines: tuple[SerialLine, ...]
    detector: Detector
    threads: int
    memory_mb: float

    @property
    def connected(self) -> int:
        """Count the lines whose controller is heard."""
        return sum(line.state == WireState.ONLINE for line in self.lines)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of the last minutes; None where the ephemeral Redis does not answer."""

    response_ms: float | None
    error_percent: float | None
    requests: int | None
    memory_percent: float | None
    cpu_percent: float
    events_per_minute: float


def read_health(*, now: dt.datetime) -> Health:
    """Return the health; three queries by index."""
    lines = SerialLine.objects.filter(
        is_enabled=True, device__charge_point__isnull=False
    ).select_related("device__charge_point")
    return Health(
        lines=tuple(lines.order_by("port", "id")[:MAX_LINES]), detector=_detector(now),
        threads=threading.active_count(), memory_mb=memory_mb(),
    )  # fmt: skip


def read_metrics(*, now: dt.datetime) -> Metrics:
    """Return response time, errors, memory, processor and events of the tenant; one query."""
    try:
        load = read_load(now=now.timestamp(), minutes=LOAD_MINUTES)
    except RedisError:
        load = None
    since = now - dt.timedelta(hours=EVENT_HOURS)
    events = ChargingEvent.objects.filter(at__gte=since, at__lte=now).count()
    return Metrics(
        response_ms=load.mean_milliseconds if load else None,
        error_percent=load.error_percent if load else None,
        requests=load.requests if load else None,
        memory_percent=_memory_percent(), cpu_percent=_processor.percent(),
        events_per_minute=events / (60 * EVENT_HOURS),
    )  # fmt: skip


def memory_mb() -> float:
    """Return how much memory this process holds."""
    return int(_STATM.read_text().split()[1]) * _PAGE / _MEGABYTE


def _detector(now: dt.datetime) -> Detector:
    """Count what the subscriber that is furthest behind has not been told.

    The sequence is no measure of it: numbers of what was rolled back are never told to anybody.
    """
    found = EventSubscriber.objects.aggregate(position=Min("position"), moved=Min("updated_at"))
    with all_tenants():
        untold = ChargingEvent.objects.filter(order__gt=found["position"] or 0)
        lag = untold.order_by("order")[:MOST_LAG].count()
    is_moving = found["moved"] is not None and now - found["moved"] <= LATE
    return Detector(is_alive=lag == 0 or is_moving, lag=lag)


def _memory_percent() -> float | None:
    """Return how much of the memory of this machine is used."""
    rows = (line.split() for line in _MEMORY.read_text().splitlines())
    found = {row[0].rstrip(":"): int(row[1]) for row in rows}
    total, free = found.get("MemTotal", 0), found.get("MemAvailable")
    return None if not total or free is None else 100 * (1 - free / total)


class _Processor:
    """How busy this process was since it was asked last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = (time.monotonic(), time.process_time())
        self._percent = 0.0

    def percent(self) -> float:
        with self._lock:
            at, used = time.monotonic(), time.process_time()
            passed = at - self._seen[0]
            if passed >= 1:
                self._percent = 100 * (used - self._seen[1]) / passed
                self._seen = (at, used)
            return self._percent


_processor = _Processor()
