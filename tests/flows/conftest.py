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
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import all_tenants
from devices.models import Device
from devices.services.authorities import import_authority
from devices.services.broker_accounts import grant_bootstrap
from devices.services.revocation_list import publish_list
from energy.lib.redis import durable, ephemeral
from telemetry.models import RejectedMessage
from tests.conftest import KEY_PREFIX
from tests.devices.mqtt_clients import TestClient
from tests.flows.boxes import BoxProgram, programs_of
from tests.flows.waiting import ROOT, stop, wait_until
from tools.embedded import Stack

BOX_PREFIX = f"{KEY_PREFIX}boxes:"
# other tests of this worker must not meet the entries of these programs
FLOW_PREFIX = f"{KEY_PREFIX}flow:"


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
                wait_until(lambda: passes(client, seconds=2.0), f"a way through, see {log}")
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
    yield lambda: wait_until(lambda: passes(broker, seconds=60.0), "everything stored")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")


def _forget_session(client_id: str) -> None:
    """Make the broker drop what it would keep for a listener that never comes back."""
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD, client_id=client_id):
        pass


def passes(client: TestClient, *, seconds: float) -> bool:
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


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A broker whose revocation list is ours to write."""
    external = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_DURABLE_URL",
                                                    "REDIS_EPHEMERAL_URL")}  # fmt: skip
    with Stack(tmp_path_factory.mktemp("boxes"), external=external) as running:
        yield running


@pytest.fixture(scope="module")
def box_programs(
    own_stack: Stack,
    live_server: Any,
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """Listener and worker; what they say is in platform.log."""
    log = tmp_path_factory.mktemp("platform") / "platform.log"
    with django_db_blocker.unblock():
        running = programs_of(own_stack, log=log, prefix=BOX_PREFIX, web=live_server.url)
    yield log
    for program in running:
        stop(program)
    for client in (durable(), ephemeral()):
        keys = list(client.scan_iter(f"{BOX_PREFIX}*"))
        if keys:
            client.delete(*keys)


@pytest.fixture
def platform(
    own_stack: Stack, box_programs: Path, transactional_db: None, live_server: Any, settings: Any
) -> Stack:
    """Let this process act on that broker, with the authority that it trusts."""
    for name in ("MQTT_HOST", "MQTT_USERNAME", "MQTT_PASSWORD", "BROKER_CRL_FILE", "BROKER_RELOAD",
                 "BOOTSTRAP_MQTT_PASSWORD", "MQTT_CA_FILE", "MQTT_EXTERNAL_HOST"):  # fmt: skip
        setattr(settings, name, own_stack.env[name])
    settings.PUBLIC_URL = live_server.url
    settings.MQTT_PORT = int(own_stack.env["MQTT_PORT"])
    settings.MQTT_EXTERNAL_PORT = int(own_stack.env["MQTT_EXTERNAL_PORT"])
    folder = own_stack.authority.folder
    import_authority(
        certificate_pem=(folder / "ca.crt").read_text(),
        key_pem=(folder / "ca.key").read_text(),
        now=timezone.now(),
    )
    publish_list(now=timezone.now())
    grant_bootstrap()
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as client:
        wait_until(lambda: passes(client, seconds=5), f"a way through, see {box_programs}")
    return own_stack


@pytest.fixture
def make_box(platform: Stack, tmp_path: Path, settings: Any) -> Iterator[Callable[..., BoxProgram]]:
    """Return a function that switches a new box on; all are off afterwards."""
    made: list[BoxProgram] = []

    def switch_on(*options: str, door: str = "") -> BoxProgram:
        env = platform.env
        plain = (
            f"mqtt://bootstrap:{env['BOOTSTRAP_MQTT_PASSWORD']}"
            f"@{env['MQTT_HOST']}:{env['MQTT_PORT']}"
        )
        box = BoxProgram(tmp_path / f"box-{len(made)}", door or plain, "http://platform.example")
        made.append(box)
        box.start(*options)
        return box

    yield switch_on
    for box in made:
        sys.stdout.write(box.log.read_text()[-3000:])
        box.kill()
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as client:
        wait_until(lambda: passes(client, seconds=5), "what boxes said last")
