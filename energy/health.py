"""Probes for supervisors and metrics for Prometheus, before hosts, sessions and tenants.

/healthz: the process answers, nothing else is touched. /readyz: everything that serving
needs, each check bounded in time. /metrics: for loopback or the holder of METRICS_TOKEN.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import ipaddress
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.crypto import constant_time_compare
from django_prometheus.exports import ExportToDjangoView
from health_check.base import HealthCheck, HealthCheckResult
from health_check.checks import Database
from health_check.exceptions import ServiceUnavailable
from redis.exceptions import RedisError

from devices.pki.crl import WARN_BEFORE
from devices.queries_modbus import BRIDGE_PROCESS, POLLER_PROCESS, wire_processes
from devices.services.revocation_list import list_state
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import RedisNotDurable, check_durability, durable, ephemeral, key
from telemetry.reactors.registry import REACTORS

CHECK_SECONDS = 2
HEARTBEAT_SECONDS = 10
# the library adds a second, in which a check may report a time-out of its own
_BUDGET = dt.timedelta(seconds=CHECK_SECONDS - 1)
# of our own: a hung server must not use up the threads that serve requests
_EXECUTOR = ThreadPoolExecutor(max_workers=16, thread_name_prefix="readyz")


class BoundedCheck(HealthCheck):
    """A check that fails when it takes longer than two seconds."""

    timeout = _BUDGET

    @property
    def value(self) -> Any:
        """Return what the check found, to be shown beside its state."""
        return getattr(self, "found", None)


class DatabaseAnswers(Database, BoundedCheck):
    """The database answers a query."""

    timeout = _BUDGET


@dataclasses.dataclass
class MigrationsApplied(BoundedCheck):
    """The tables are those of this version."""

    def run(self) -> None:
        """Compare the migrations in the code with those in the database."""
        with connection.temporary_connection():
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            raise ServiceUnavailable(f"{len(plan)} migrations are not applied: run migrate.")


@dataclasses.dataclass
class RedisAnswers(BoundedCheck):
    """A Redis server answers."""

    connect: Callable[[], Any] = dataclasses.field(repr=False, default=durable)

    def run(self) -> None:
        """Ping it."""
        try:
            self.connect().ping()
        except RedisError as error:
            raise ServiceUnavailable(f"No answer: {type(error).__name__}.") from error


@dataclasses.dataclass
class RedisIsDurable(BoundedCheck):
    """The Redis with the streams loses nothing it acknowledged."""

    def run(self) -> None:
        """Read its settings."""
        try:
            check_durability(durable())
        except RedisNotDurable as error:
            raise ServiceUnavailable(str(error)) from error
        except RedisError as error:
            raise ServiceUnavailable(f"No answer: {type(error).__name__}.") from error


@dataclasses.dataclass
class StreamHasRoom(BoundedCheck):
    """The ingest stream is shorter than the length at which the listener stops reading."""

    def run(self) -> None:
        """Read its length."""
        try:
            entries = durable().xlen(key("ingest.0"))
        except RedisError as error:
            raise ServiceUnavailable(f"No answer: {type(error).__name__}.") from error
        self.found = entries
        if entries >= settings.INGEST_STREAM_MAX_ENTRIES:
            raise ServiceUnavailable(
                f"{entries} entries wait, the limit is {settings.INGEST_STREAM_MAX_ENTRIES}: "
                "look at the ingest worker."
            )


@dataclasses.dataclass
class ProcessIsAlive(BoundedCheck):
    """A long-running process finished a round in the last ten seconds."""

    process: str = ""

    def run(self) -> None:
        """Read the newest heartbeat of all its copies."""
        try:
            beats = read_heartbeats()
        except RedisError as error:
            raise ServiceUnavailable(f"No answer: {type(error).__name__}.") from error
        own = [at for name, at in beats.items() if name.rpartition(":")[0] == self.process]
        if not own:
            raise ServiceUnavailable(f"{self.process} never reported: start it.")
        now = time.time()
        age = min(abs(now - at) for at in own)  # one from the future is of a clock set back since
        self.found = round(age, 1)
        if age > HEARTBEAT_SECONDS:
            raise ServiceUnavailable(f"{self.process} last reported {age:.0f} s ago: look at it.")


@dataclasses.dataclass
class WireProcessIsAlive(ProcessIsAlive):
    """A process that drives wires is alive, where a wire that is switched on needs it."""

    def run(self) -> None:
        """Ask the database whether anything needs it, then look at its heartbeat."""
        with connection.temporary_connection():
            is_needed = self.process in wire_processes()
        if is_needed:
            super().run()


@dataclasses.dataclass
class RevocationListIsFresh(BoundedCheck):
    """The broker's list of revoked certificates does not end within seven days.

    Past its end the broker refuses every device. That is for people to mend: this server
    still serves, so the list does not make it unready.
    """

    def run(self) -> None:
        """Look at the end of the list that the broker has."""
        now = timezone.now()
        with connection.temporary_connection():  # a thread that kept one would empty the pool
            state = list_state()
        left = state.left(now)
        if left is None:
            return
        self.found = round(left / dt.timedelta(days=1), 1)
        if left <= WARN_BEFORE:
            self.warning = (
                f"The revocation list ends in {self.found} days; afterwards the broker refuses "
                "every device. Is beat running? Run `manage.py pki_crl`."
            )
        elif state.pending:
            self.warning = f"{state.pending} revoked certificates are not on the broker yet."


def make_checks() -> dict[str, HealthCheck]:
    """Return the checks of /readyz by name."""
    return {
        "database": DatabaseAnswers(),
        "migrations": MigrationsApplied(),
        "redis_durable": RedisAnswers(connect=durable),
        "redis_ephemeral": RedisAnswers(connect=ephemeral),
        "redis_durability": RedisIsDurable(),
        "ingest_stream": StreamHasRoom(),
        "mqtt_listener": ProcessIsAlive(process="listener"),
        "ingest_worker": ProcessIsAlive(process="ingest"),
        **{
            f"reactor_{name}": ProcessIsAlive(process=f"reactor_{name}")
            for name in sorted(REACTORS)
        },
        "notifier": ProcessIsAlive(process="notifier"),
        "automation": ProcessIsAlive(process="automation"),
        "zones": ProcessIsAlive(process="zones"),
        "modbus_poller": WireProcessIsAlive(process=POLLER_PROCESS),
        "serial_bridge": WireProcessIsAlive(process=BRIDGE_PROCESS),
        "worker": ProcessIsAlive(process="worker"),
        "beat": ProcessIsAlive(process="beat"),
        "revocation_list": RevocationListIsFresh(),
    }


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Run all checks at once; 503 if one fails."""
    checks = make_checks()
    results = async_to_sync(_run)(checks.values())
    described = {name: _describe(result) for name, result in zip(checks, results, strict=True)}
    failed = any(result.error for result in results)
    return JsonResponse(
        {"status": "failed" if failed else "ok", "checks": described}, status=503 if failed else 200
    )


async def _run(checks: Any) -> list[HealthCheckResult]:
    return list(await asyncio.gather(*(check.get_result(_EXECUTOR) for check in checks)))


def _describe(result: HealthCheckResult) -> dict[str, Any]:
    warning = getattr(result.check, "warning", "")
    described = {
        "status": "failed" if result.error else "warning" if warning else "ok",
        "latency_ms": round(result.time_taken * 1000, 1),
        "detail": result.error.message if result.error else warning,
    }
    value = getattr(result.check, "value", None)
    return described if value is None else described | {"value": value}


def metrics(request: HttpRequest) -> HttpResponse:
    """Expose this process's metrics to those who may see them; to others there is nothing."""
    if _is_from_this_machine(request) or _has_token(request):
        return ExportToDjangoView(request)
    return HttpResponse("Not found.\n", status=404, content_type="text/plain")


def _is_from_this_machine(request: HttpRequest) -> bool:
    """Tell loopback from a proxy on loopback that speaks for somebody else."""
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    return bool(token) and constant_time_compare(given, f"Bearer {token}")


PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


class ProbeMiddleware:
    """Answer probes first: a supervisor knows no host name, no TLS and no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe or hand the request on."""
        probe = PROBES.get(request.path)
        if probe is None:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = probe(request)
        add_never_cache_headers(response)
        return response
