"""The path from the broker to the database, as programs of their own."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from accounts.models import Tenant
from accounts.tenancy import all_tenants
from devices.models import Device
from energy.lib.redis import durable, ephemeral
from telemetry.models import RejectedMessage
from tests.conftest import KEY_PREFIX
from tests.devices.mqtt_clients import TestClient

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
# other tests of this worker must not meet the entries of these programs
FLOW_PREFIX = f"{KEY_PREFIX}flow:"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, a minute at most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.05)


def manage(*arguments: str, output: Path) -> subprocess.Popen[bytes]:
    """Start a command against the test's own database and keys."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = {
        **os.environ,
        "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        "REDIS_KEY_PREFIX": FLOW_PREFIX,
        "PYTHONUNBUFFERED": "1",
    }
    with output.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=env,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a program to stop; return its exit code."""
    process.terminate()
    try:
        return process.wait(12)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def complaints() -> list[str]:
    """Return what was rejected of our own tenants; the broker is shared with other tests."""
    with all_tenants():
        own = {str(id_) for id_ in Tenant.objects.values_list("id", flat=True)}
        own |= {str(id_) for id_ in Device.objects.values_list("id", flat=True)}
    return [
        f"{rejected.reason} {rejected.topic}: {rejected.detail}"
        for rejected in RejectedMessage.objects.all()
        if rejected.topic.split("/")[1] in own
    ]


@pytest.fixture
def broker() -> Iterator[TestClient]:
    """Yield the platform's own connection to the broker."""
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as client:
        yield client


@pytest.fixture(scope="module")
def programs(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Run listener and worker for the tests of a file."""
    log = tmp_path_factory.mktemp("flow") / "pipeline.log"
    instance = f"flow-{uuid.uuid4().hex[:8]}"
    running = [
        manage("run_mqtt_listener", "--instance", instance, output=log),
        manage("run_ingest_worker", "--instance", instance, output=log),
    ]
    try:
        with django_db_blocker.unblock():
            with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as client:
                wait_until(lambda: _passes(client, seconds=0.5), f"a way through, see {log}")
            RejectedMessage.objects.all().delete()
        yield
    finally:
        for program in running:
            stop(program)
        _forget_session(f"energy-listener-{FLOW_PREFIX}{instance}")
        for client in (durable(), ephemeral()):
            keys = list(client.scan_iter(f"{FLOW_PREFIX}*"))
            if keys:
                client.delete(*keys)


@pytest.fixture
def pipeline(
    programs: None, transactional_db: None, broker: TestClient
) -> Iterator[Callable[[], None]]:
    """Yield a function that waits until all that was acknowledged before is stored."""
    yield lambda: wait_until(lambda: _passes(broker, seconds=20.0), "everything stored")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")


def _forget_session(client_id: str) -> None:
    """Make the broker drop what it would keep for a listener that never comes back."""
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD, client_id=client_id):
        pass


def _passes(client: TestClient, *, seconds: float) -> bool:
    """Send a message from an unknown gateway; tell whether the worker came to reject it.

    The broker and the stream keep the order, so everything before it is stored then.
    """
    topic = f"tenant/{uuid.uuid4()}/gw/probe/telemetry"
    client.publish(topic, '{"probe": 1}')
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if RejectedMessage.objects.filter(topic=topic).exists():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def only_demo() -> Iterator[None]:
    """Let one worker at a time have the demo.

    Its gateways have the same names on the shared broker in every worker's database.
    """
    path = Path(tempfile.gettempdir()) / f"energy-demo-{settings.MQTT_PORT}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def demo_file(only_demo: None, transactional_db: None, tmp_path: Path) -> Path:
    """Seed the demo; return its file, complete with the broker's address."""
    path = tmp_path / "demo.json"
    call_command("seed_demo", out=str(path), stdout=io.StringIO())
    address = {
        "host": settings.MQTT_HOST,
        "port": settings.MQTT_PORT,
        "tls_port": settings.MQTT_EXTERNAL_PORT,
        "ca_file": settings.MQTT_CA_FILE,
    }
    path.write_text(json.dumps({**read_json(path), "mqtt": address}))
    return path


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's content."""
    return dict(json.loads(path.read_text()))
