"""The admin's first page: what the fleet and the pipeline are doing now."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from redis import Redis
from redis.exceptions import RedisError

from accounts.admin_site import is_tenant_administrator
from accounts.models import Tenant, User
from accounts.services.platform_tenant import PLATFORM_TENANT_ID
from devices.models import Device, Gateway
from devices.presence import Presence
from devices.queries import with_presence
from devices.queries_gateways import with_gateway_presence
from devices.queries_modbus import wire_processes
from energy.dashboard_queues import Queues, read_queues
from energy.dashboard_tenant import read_tenant_fleet
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import durable
from energy.presence_counts import PresenceCounts
from telemetry.ingest.buffer import PARTITION
from telemetry.ingest.publish import STREAM as SAMPLES
from telemetry.ingest.rate import samples_by_minute
from telemetry.models import RejectedMessage, RejectedState
from telemetry.reactors.backlog import read_backlogs

PERMISSIONS = ("devices.view_gateway", "devices.view_device", "telemetry.view_rejectedmessage")
STREAMS = {PARTITION: _("Received messages"), SAMPLES: _("Stored samples")}
PROCESSES = {
    "listener": _("MQTT listener"),
    "ingest": _("Ingest worker"),
    "reactor_live": _("Live reactor"),
    "reactor_rollups": _("Rollups"),
    "reactor_quality": _("Data quality"),
    "reactor_virtual": _("Virtual channels"),
    "reactor_metering": _("Energy ledger"),
    "reactor_alarms": _("Alarm rules"),
    "reactor_automation": _("Automation rules"),
    "automation": _("Automation"),
    "zones": _("Control of zones"),
    "notifier": _("Notifications"),
    "worker": _("Background jobs"),
    "beat": _("Clock of the background jobs"),
}
# only where a wire that is switched on needs them
WIRE_PROCESSES = {"modbus_poller": _("Modbus poller"), "serial_bridge": _("Serial bridge")}
OTHERS = {
    **WIRE_PROCESSES,
    "listener_standby": _("MQTT listener, standing by"),
    "modbus_poller_standby": _("Modbus poller, standing by"),
}
ALIVE_SECONDS = 10
LATE_SECONDS = 30
FORGOTTEN_SECONDS = 86_400
MAX_TENANTS, MAX_REASONS, MAX_NEWEST = 25, 6, 5


@dataclass(frozen=True, slots=True)
class TenantFleet:
    """The fleet of one tenant."""

    id: uuid.UUID
    name: str
    gateways: PresenceCounts
    devices: PresenceCounts

    @property
    def troubles(self) -> int:
        """Count what is not as it should be, to put such tenants first."""
        return sum(counts.late + counts.offline for counts in (self.gateways, self.devices))


@dataclass(frozen=True, slots=True)
class StreamState:
    """How far one consumer group is with one stream.

    `waiting`: entries not read yet, None when Redis cannot tell; `behind_seconds`: age of
    the oldest entry that is not done, 0 when there is none.
    """

    label: str
    group: str
    waiting: int | None
    in_work: int
    behind_seconds: float

    @property
    def is_late(self) -> bool:
        """Tell whether somebody should look."""
        return self.behind_seconds > LATE_SECONDS


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A long-running process; `seen_at` is None when it never reported."""

    label: str
    instance: str
    seen_at: dt.datetime | None
    is_alive: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute in a chart of 240 × 40 units; drawn from `y` down to the bottom."""

    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What Redis knows; a part is None when its server does not answer."""

    samples_by_minute: list[int] | None
    streams: list[StreamState] | None
    processes: list[ProcessState] | None

    @property
    def samples_per_minute(self) -> int:
        """Return the mean of the last five complete minutes."""
        recent = (self.samples_by_minute or [])[-5:]
        return round(sum(recent) / len(recent)) if recent else 0

    @property
    def samples_last_hour(self) -> int:
        """Count the samples of the last sixty complete minutes."""
        return sum(self.samples_by_minute or [])

    @property
    def bars(self) -> list[Bar]:
        """Draw the last sixty minutes; a minute with samples is never invisible."""
        counts = self.samples_by_minute or []
        highest = max(counts, default=0) or 1
        heights = [0 if not count else max(1, round(count / highest * 40)) for count in counts]
        return [Bar(4 * n, 40 - height, height) for n, height in enumerate(heights)]


@dataclass(frozen=True, slots=True)
class RejectedReason:
    """Open rejected messages of one reason: different ones, and all their repetitions."""

    reason: str
    messages: int
    times: int


@dataclass(frozen=True, slots=True)
class FleetOverview:
    """Everything on the page."""

    now: dt.datetime
    tenants: list[TenantFleet]
    tenant_count: int
    gateways: PresenceCounts
    devices: PresenceCounts
    rejected: int
    reasons: list[RejectedReason]
    newest_rejected: list[RejectedMessage]
    pipeline: Pipeline
    queues: Queues


def fleet_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the admin index: all for staff who may see them, else one tenant's."""
    if is_tenant_administrator(request):
        user = cast(User, request.user)
        context["tenant_fleet"] = read_tenant_fleet(user=user, now=timezone.now())
    elif request.user.has_perms(PERMISSIONS):
        context["fleet"] = read_fleet(now=timezone.now())
    return context


def read_fleet(*, now: dt.datetime) -> FleetOverview:
    """Return the figures of all tenants; nine queries, runs under `all_tenants`."""
    gateways = _count_presence(with_gateway_presence(Gateway.objects.all(), now=now))
    devices = _count_presence(with_presence(Device.objects.all(), now=now))
    tenants = [
        TenantFleet(id_, name, gateways[id_], devices[id_])
        for id_, name in Tenant.objects.exclude(id=PLATFORM_TENANT_ID)
        .order_by("name", "id")
        .values_list("id", "name")
    ]
    tenants.sort(key=lambda tenant: -tenant.troubles)
    rejected = RejectedMessage.objects.filter(state=RejectedState.OPEN)
    reasons = _count_reasons(rejected)
    return FleetOverview(
        now=now,
        tenants=tenants[:MAX_TENANTS],
        tenant_count=len(tenants),
        gateways=sum(gateways.values(), PresenceCounts()),
        devices=sum(devices.values(), PresenceCounts()),
        rejected=sum(reason.messages for reason in reasons),
        reasons=reasons[:MAX_REASONS],
        newest_rejected=list(
            rejected.defer("payload", "fingerprint").order_by("-last_received_at", "-id")[
                :MAX_NEWEST
            ]
        ),
        pipeline=read_pipeline(now=now),
        queues=read_queues({tenant.id: tenant.name for tenant in tenants}, now=now),
    )


def _count_presence(rows: QuerySet[Any]) -> Mapping[uuid.UUID, PresenceCounts]:
    counts: dict[uuid.UUID, dict[str, int]] = defaultdict(dict)
    for row in rows.order_by().values("tenant_id", "presence").annotate(number=Count("id")):
        counts[row["tenant_id"]][Presence(row["presence"]).value] = row["number"]
    return defaultdict(
        PresenceCounts, {tenant: PresenceCounts(**number) for tenant, number in counts.items()}
    )


def _count_reasons(rejected: QuerySet[RejectedMessage]) -> list[RejectedReason]:
    rows = rejected.order_by().values("reason").annotate(messages=Count("id"), times=Sum("count"))
    found = [RejectedReason(row["reason"], row["messages"], row["times"]) for row in rows]
    return sorted(found, key=lambda reason: (-reason.messages, reason.reason))


def read_pipeline(*, now: dt.datetime) -> Pipeline:
    """Return what both Redis servers know; a server that is down leaves None."""
    seconds = now.timestamp()
    by_minute: list[int] | None = None
    streams: list[StreamState] | None = None
    processes: list[ProcessState] | None = None
    try:
        by_minute = samples_by_minute(durable(), now=seconds)
        streams = [
            state
            for name, label in STREAMS.items()
            for state in _read_stream(durable(), name, str(label), now=seconds)
        ]
    except RedisError:
        by_minute = streams = None
    try:
        processes = _list_processes(read_heartbeats(), now=seconds)
    except RedisError:
        processes = None
    return Pipeline(by_minute, streams, processes)


def _read_stream(client: Redis, name: str, label: str, *, now: float) -> list[StreamState]:
    """Return the state of each consumer group; none before the first entry."""
    return [
        StreamState(label, found.group, found.waiting, found.in_work, found.behind_seconds)
        for found in read_backlogs(client, name, now=now)
    ]


def _list_processes(beats: Mapping[str, float], *, now: float) -> list[ProcessState]:
    """Return expected processes and others that reported within a day, by name."""
    states = []
    for name, moment in sorted(beats.items()):
        process, _colon, instance = name.rpartition(":")
        if now - moment < FORGOTTEN_SECONDS:
            states.append(
                ProcessState(
                    label=str((PROCESSES | OTHERS).get(process, process)),
                    instance=instance,
                    seen_at=dt.datetime.fromtimestamp(moment, dt.UTC),
                    is_alive=now - moment <= ALIVE_SECONDS,
                )
            )
    reported = {name.rpartition(":")[0] for name in beats}
    needed = wire_processes()
    wanted = PROCESSES | {name: label for name, label in WIRE_PROCESSES.items() if name in needed}
    states += [
        ProcessState(label=str(label), instance="", seen_at=None, is_alive=False)
        for process, label in wanted.items()
        if process not in reported
    ]
    return states
