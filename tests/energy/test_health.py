"""The probes and the metrics."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any, ClassVar

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from health_check.exceptions import ServiceUnavailable
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from devices.models import ModbusBus
from energy import health
from energy.lib import redis as redis_clients
from energy.lib.redis import RedisNotDurable, key
from telemetry.reactors.registry import REACTORS
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.pace import assert_within
from tools.demo_programs import background_programs, core_programs

PROCESSES = (
    "listener",
    "ingest",
    "notifier",
    "automation",
    "zones",
    "worker",
    "beat",
    *(f"reactor_{name}" for name in REACTORS),
)


@pytest.fixture
def alive(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that /readyz asks for is well."""
    for process in PROCESSES:
        beat(process, seconds_ago=1)
    monkeypatch.setattr(health, "check_durability", lambda client: None)


def beat(process: str, *, seconds_ago: float, instance: str = "1") -> None:
    moment = time.time() - seconds_ago
    redis_clients.ephemeral().hset(key("heartbeats"), f"{process}:{instance}", moment)


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()["checks"]


@pytest.mark.django_db
def test_healthz_touches_nothing(client: Client) -> None:
    client.cookies["sessionid"] = "0" * 32

    with CaptureQueriesContext(connection) as queries:
        response = client.get("/healthz")

    assert (response.status_code, response.json(), len(queries)) == (200, {"status": "ok"}, 0)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.django_db(transaction=True)
def test_probes_know_no_host_name_and_no_tls(
    client: Client, alive: None, settings: Any, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["energy.example.com"]

    response = client.get(path, headers={"Host": "10.0.0.7:8000"})

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert client.post(path).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_readyz_names_each_check_with_state_and_latency(client: Client, alive: None) -> None:
    status, checks = ready(client)

    assert status == 200, checks
    assert set(checks) == {
        "database", "migrations", "redis_durable", "redis_ephemeral", "redis_durability",
        "ingest_stream", "mqtt_listener", "ingest_worker", "notifier", "automation", "zones",
        "modbus_poller", "serial_bridge", "worker", "beat",
        "revocation_list",
        *(f"reactor_{name}" for name in REACTORS),
    }  # fmt: skip
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert all(check["latency_ms"] >= 0 for check in checks.values())
    assert checks["ingest_stream"]["value"] == 0


@pytest.mark.django_db(transaction=True)
def test_probes_keep_no_connection_of_the_pool(client: Client, alive: None) -> None:
    used = set()
    for _ in range(20):
        assert ready(client)[0] == 200
        stats = connection.pool.get_stats()
        used.add(stats["pool_size"] - stats["pool_available"])

    assert used <= {0, 1}  # this test's own


def test_every_program_of_the_platform_is_asked_for() -> None:
    env = {"REDIS_EPHEMERAL_URL": django_settings.REDIS_EPHEMERAL_URL}
    programs = {program.name for program in [*core_programs(env, 8000), *background_programs(env)]}

    assert programs - {"web"} <= set(health.make_checks())


@pytest.mark.django_db(transaction=True)
def test_a_poller_is_missed_only_where_a_bus_needs_it(
    client: Client, alive: None, red: Team
) -> None:
    assert ready(client)[0] == 200
    with red.scope():
        site = SiteFactory(tenant=red.tenant)
        bus = ModbusBus.objects.create(site=site, name="Cabinet", host="10.0.0.9")

    status, checks = ready(client)

    assert status == 503
    assert "never reported" in checks["modbus_poller"]["detail"]
    assert checks["serial_bridge"]["status"] == "ok"
    beat("modbus_poller", seconds_ago=1)
    assert ready(client)[0] == 200
    with red.scope():
        bus.delete()


@pytest.mark.django_db(transaction=True)
def test_a_process_must_have_reported_within_ten_seconds(client: Client, alive: None) -> None:
    beat("listener", seconds_ago=11)
    beat("ingest", seconds_ago=11)
    beat("ingest", seconds_ago=2, instance="2")
    redis_clients.ephemeral().hdel(key("heartbeats"), "reactor_live:1")

    status, checks = ready(client)

    assert status == 503
    assert "11 s ago" in checks["mqtt_listener"]["detail"]
    assert checks["ingest_worker"]["status"] == "ok"  # another copy is alive
    assert "never reported" in checks["reactor_live"]["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_full_stream_fails(client: Client, alive: None, redis: Redis, settings: Any) -> None:
    settings.INGEST_STREAM_MAX_ENTRIES = 3
    for _ in range(3):
        redis.xadd(key("ingest.0"), {"b": b""})

    status, checks = ready(client)

    assert (status, checks["ingest_stream"]["value"]) == (503, 3)


@pytest.mark.django_db(transaction=True)
def test_a_forgetful_redis_fails(
    client: Client, alive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(client: Redis) -> None:
        raise RedisNotDurable("appendonly is 'no'")

    monkeypatch.setattr(health, "check_durability", refuse)

    status, checks = ready(client)

    assert (status, checks["redis_durability"]["detail"]) == (503, "appendonly is 'no'")


@pytest.mark.django_db(transaction=True)
def test_a_lost_redis_fails_without_its_password(
    client: Client, alive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose() -> Redis:
        raise RedisConnectionError("redis://:secret@redis:6379/0 refused")

    monkeypatch.setattr(health, "durable", lose)

    status, checks = ready(client)

    assert (status, checks["redis_durable"]["status"]) == (503, "failed")
    assert checks["redis_ephemeral"]["status"] == "ok"
    assert "secret" not in str(checks)


@pytest.mark.django_db(transaction=True)
def test_migrations_that_are_not_applied_fail(
    client: Client, alive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: [1, 2])

    status, checks = ready(client)

    assert (status, checks["migrations"]["detail"]) == (
        503, "2 migrations are not applied: run migrate.",
    )  # fmt: skip


@dataclasses.dataclass
class Stuck(health.BoundedCheck):
    """A server that accepts and never answers."""

    given_up: ClassVar[threading.Event] = threading.Event()

    def run(self) -> None:
        """Wait longer than allowed."""
        self.given_up.wait(30)
        raise ServiceUnavailable("too late")


def test_a_hung_server_costs_two_seconds(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "make_checks", lambda: {"one": Stuck(), "two": Stuck()})
    started = time.monotonic()

    status, checks = ready(client)

    assert (status, checks["one"]["status"], checks["two"]["status"]) == (503, "failed", "failed")
    took = time.monotonic() - started
    Stuck.given_up.set()
    assert took > 1.9
    assert_within(took, 2.9)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),  # a proxy on this machine
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 404),
        ("10.0.0.7", {"Authorization": "Bearer sesame"}, 200),
        ("10.0.0.7", {"Authorization": "Bearer sesam"}, 404),
        ("10.0.0.7", {"Authorization": "sesame"}, 404),
        ("", {}, 404),
    ],
)
def test_metrics_are_for_this_machine_or_the_holder_of_the_token(
    client: Client, settings: Any, address: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = "sesame"

    response = client.get("/metrics", REMOTE_ADDR=address, headers=headers)

    assert response.status_code == status
    assert (b"# HELP" in response.content) == (status == 200)


def test_without_a_token_no_bearer_opens_the_metrics(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""

    response = client.get("/metrics", REMOTE_ADDR="10.0.0.7", headers={"Authorization": "Bearer "})

    assert response.status_code == 404


def test_probes_are_answered_before_everything_else() -> None:
    assert django_settings.MIDDLEWARE[0] == "energy.health.ProbeMiddleware"
