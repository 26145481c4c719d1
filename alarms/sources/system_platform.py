"""What is wrong with the platform itself: its processes, queues, lists and machine."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.conf import settings
from django.db.models import Min

from accounts.services.platform_tenant import PLATFORM_TENANT_ID
from alarms.sources.findings import Finding, above
from alarms.sources.shipped import Check
from devices.models import OutboundMessage
from devices.queries_modbus import wire_processes
from devices.services.revocation_list import list_state
from energy.lib.heartbeat import read_heartbeats
from energy.lib.load import read_load
from energy.lib.redis import durable
from telemetry.ingest.buffer import PARTITION
from telemetry.ingest.publish import STREAM as SAMPLES
from telemetry.ingest.silence import HEARS
from telemetry.models import RejectedMessage, RejectedState
from telemetry.reactors.backlog import read_backlogs
from telemetry.reactors.registry import REACTORS

LEDGER = "metering"
WEB_MINUTES = 5
WEB_AT_LEAST = 20  # fewer requests say little
SERVICES = (
    "listener",
    "ingest",
    "automation",
    "zones",
    "worker",
    "beat",
    *(f"reactor_{name}" for name in REACTORS),
)
HOST = f"{os.uname().nodename}:"  # begins the subject of what is about this machine
_OURS = "run_"  # begins the commands that run for long
_MEMORY = Path("/proc/meminfo")
_LOAD = Path("/proc/stat")


def _finding(about: str, subject: str, value: float | None, **rest: object) -> Finding:
    return Finding(PLATFORM_TENANT_ID, about, subject, value=value, **rest)  # type: ignore[arg-type]


class Heartbeats:
    """Looks at the signs of life of processes; what never reported counts from the start."""

    def __init__(self) -> None:
        self._began_at: dt.datetime | None = None

    def services(self, check: Check, *, now: dt.datetime) -> list[Finding] | None:
        """Find processes without a copy that reported lately; None while one may be starting."""
        beats = self._newest(now)
        # without a bus or a line nobody misses the processes that drive them
        needed = (*SERVICES, *sorted(wire_processes()))
        if self._cannot_tell(needed, beats, check, now):
            return None
        return [
            found
            for service in needed
            for found in self._late(service, service, beats.get(service), check, now)
        ]

    def broker(self, check: Check, *, now: dt.datetime) -> list[Finding] | None:
        """Find that no listener is connected to the broker; None while no listener runs."""
        beats = self._newest(now)
        if "listener" not in beats or self._is_old(beats["listener"], check, now):
            return None
        if self._cannot_tell((HEARS,), beats, check, now):
            return None
        return list(self._late("mqtt", "MQTT", beats.get(HEARS), check, now))

    def _cannot_tell(
        self, names: Iterable[str], beats: Mapping[str, dt.datetime], check: Check, now: dt.datetime
    ) -> bool:
        """Tell whether one never reported, and we have not looked for long enough."""
        began_at = self._began_at or now
        return not self._is_old(began_at, check, now) and any(name not in beats for name in names)

    def _newest(self, now: dt.datetime) -> dict[str, dt.datetime]:
        self._began_at = self._began_at or now
        newest: dict[str, float] = {}
        for name, moment in read_heartbeats().items():
            process = name.partition(":")[0]
            newest[process] = max(moment, newest.get(process, 0.0))
        return {
            process: min(dt.datetime.fromtimestamp(moment, dt.UTC), now)
            for process, moment in newest.items()
        }

    def _late(
        self, about: str, subject: str, at: dt.datetime | None, check: Check, now: dt.datetime
    ) -> Iterator[Finding]:
        # a process that is started together with this one needs time as well
        at = at or self._began_at or now
        if self._is_old(at, check, now):
            yield _finding(about, subject, round((now - at).total_seconds()), since=at)

    def _is_old(self, at: dt.datetime, check: Check, now: dt.datetime) -> bool:
        return (now - at).total_seconds() >= check.for_seconds


def queue_depth(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that too many packets wait to be stored."""
    backlogs = read_backlogs(durable(), PARTITION, now=now.timestamp())
    deepest = max((backlog.undone for backlog in backlogs), default=0)
    return above([_finding("ingest", "ingest", deepest)], check.limit)


def queue_age(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that the oldest packet waits too long."""
    backlogs = read_backlogs(durable(), PARTITION, now=now.timestamp())
    oldest = max((backlog.behind_seconds for backlog in backlogs), default=0.0)
    return above([_finding("ingest", "ingest", round(oldest))], check.limit)


def ledger_lag(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that the energy ledger is far behind the samples."""
    return above(_lags(now, is_ledger=True), check.limit)


def reactor_lag(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find other reactors that are far behind the samples."""
    return above(_lags(now, is_ledger=False), check.limit)


def _lags(now: dt.datetime, *, is_ledger: bool) -> list[Finding]:
    return [
        _finding(backlog.group, backlog.group, round(backlog.behind_seconds))
        for backlog in read_backlogs(durable(), SAMPLES, now=now.timestamp())
        if (backlog.group == LEDGER) is is_ledger
    ]


def outbox_age(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find messages to devices that could have been sent long ago."""
    oldest = OutboundMessage.objects.aggregate(at=Min("not_before"))["at"]
    waits = 0.0 if oldest is None else (now - oldest).total_seconds()
    return above([_finding("mqtt", "MQTT", round(waits))], check.limit)


def web_slow(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that answers take long, as a mean of the last five minutes."""
    load = read_load(now=now.timestamp(), minutes=WEB_MINUTES)
    if load.requests < WEB_AT_LEAST:
        return []
    return above([_finding("web", "web", round(load.mean_milliseconds))], check.limit)


def web_errors(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that many answers of the last five minutes are errors of ours."""
    load = read_load(now=now.timestamp(), minutes=WEB_MINUTES)
    if load.requests < WEB_AT_LEAST:
        return []
    return above([_finding("web", "web", round(load.error_percent, 1))], check.limit)


def dead_letters(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that many rejected messages wait for somebody to decide."""
    waiting = RejectedMessage.objects.filter(state=RejectedState.OPEN)
    # counting stops where the limit is clear: there may be millions
    most = int(check.limit or 0) * 10 + 1
    return above([_finding("rejected", "ingest", waiting[:most].count())], check.limit)


def revocation_list(check: Check, *, now: dt.datetime) -> Iterator[Finding]:
    """Find that the broker's list of revoked certificates is not renewed."""
    left = list_state().left(now)
    if left is not None and left <= dt.timedelta(days=check.limit or 0):
        yield _finding("broker", "MQTT", round(left / dt.timedelta(days=1), 1))


def disk(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find disks of this machine that are almost full."""
    return above(_disks(), check.limit)


def _disks() -> Iterator[Finding]:
    seen = set()
    for path in (Path("/"), settings.BASE_DIR, Path(settings.MEDIA_ROOT or settings.BASE_DIR)):
        if path.exists() and (device := path.stat().st_dev) not in seen:
            seen.add(device)
            usage = shutil.disk_usage(path)
            subject = f"{HOST}{path.as_posix()}"
            yield _finding(subject, subject, _percent(usage.used, usage.total))


def memory(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find that this machine has little memory left; what caches hold counts as free."""
    if not _MEMORY.exists():
        return []
    lines = (line.split() for line in _MEMORY.read_text().splitlines())
    kilobytes = {parts[0].rstrip(":"): int(parts[1]) for parts in lines}
    total = kilobytes["MemTotal"]
    used = total - kilobytes.get("MemAvailable", total)
    return above([_finding(HOST, HOST.rstrip(":"), _percent(used, total))], check.limit)


def threads(check: Check, *, now: dt.datetime) -> Iterable[Finding]:
    """Find processes of ours on this machine with many threads."""
    return above(_processes(), check.limit)


def _processes() -> Iterator[Finding]:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode(errors="replace").split("\0")
            lines = (place / "status").read_text().splitlines()
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        name = next((word for word in words if word.startswith(_OURS)), "")
        if "manage.py" in " ".join(words) and name:
            count = next(int(line.split()[1]) for line in lines if line.startswith("Threads:"))
            subject = f"{HOST}{name} {place.name}"
            yield _finding(subject, subject, count)


class Processors:
    """Measures how busy the processors were since it was asked before."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None

    def find(self, check: Check, *, now: dt.datetime) -> Iterable[Finding] | None:
        """Find that they are busy; None at the first call, which measures nothing."""
        if not _LOAD.exists():
            return []
        ticks = [int(part) for part in _LOAD.read_text().splitlines()[0].split()[1:9]]
        idle, total = ticks[3] + ticks[4], sum(ticks)
        before, self._before = self._before, (idle, total)
        if before is None or total <= before[1]:
            return None
        busy = _percent((total - before[1]) - (idle - before[0]), total - before[1])
        return above([_finding(HOST, HOST.rstrip(":"), busy)], check.limit)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
