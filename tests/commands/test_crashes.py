"""kill -9 at six points of a command's life: one effect for each id, an end within a minute."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import Command, OutboundMessage
from devices.services.commanders import Robot
from devices.services.commands import queue_command
from energy.lib.redis import durable, ephemeral
from telemetry.models import RejectedMessage
from tests.commands.conftest import fresh, wait_until
from tests.commands.doubles import DeviceDouble
from tests.conftest import KEY_PREFIX
from tests.pace import assert_within
from tools.paths import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
PREFIX = f"{KEY_PREFIX}crash:"


class Programs:
    """Our real programs, against the test's database and the test's broker."""

    def __init__(self, broker, folder):
        self.running = []
        self.log = folder / "programs.log"
        server = os.environ["DATABASE_URL"].rpartition("/")[0]
        self.env = {
            **os.environ, **broker.stack.env,
            "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
            "REDIS_DURABLE_URL": os.environ["REDIS_DURABLE_URL"],
            "REDIS_EPHEMERAL_URL": os.environ["REDIS_EPHEMERAL_URL"],
            "SECRET_KEY": os.environ["SECRET_KEY"],
            "REDIS_KEY_PREFIX": PREFIX, "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def start(self, *argv, **env):
        with self.log.open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, *argv], cwd=ROOT, env={**self.env, **env}, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.running.append(program)
        return program

    def manage(self, *argv, **env):
        return self.start("manage.py", *argv, **env)

    def crash(self, *argv):
        """Run a program that kills itself."""
        program = self.start("-m", "tests.commands.crashing", *map(str, argv))
        assert program.wait(180) == -signal.SIGKILL, self.log.read_text()[-3000:]

    def listener(self, **env):
        return self.manage("run_mqtt_listener", "--instance", uuid.uuid4().hex[:8], **env)

    def worker(self):
        return self.manage("run_ingest_worker", "--instance", "w")

    def stop(self):
        for program in self.running:
            program.terminate()
        for program in self.running:
            try:
                program.wait(30)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


@pytest.fixture
def programs(broker, tmp_path):
    found = Programs(broker, tmp_path)
    yield found
    found.stop()
    for client in (durable(), ephemeral()):
        keys = list(client.scan_iter(f"{PREFIX}*"))
        if keys:
            client.delete(*keys)


@pytest.fixture
def double(broker, device):
    with DeviceDouble(broker.for_devices, device.id) as found:
        yield found


def ask(red, device, key, seconds=120):
    """Queue the command that crashing.py queues."""
    with red.scope():
        return queue_command(
            actor=Robot("crash"), device=device, name="pump_on", params={}, idempotency_key=key,
            expires_in=float(seconds), now=timezone.now(),
        )  # fmt: skip


def the_command():
    with all_tenants():
        return Command.objects.get()


def done(command):
    return fresh(command).state == "done"


def check_one_effect(command, double):
    """One effect; an end within a minute; what was refused is nowhere."""
    assert double.effects == {str(command.id): 1}
    assert_within((command.finished_at - command.requested_at).total_seconds(), 60)
    assert not OutboundMessage.objects.exists()
    assert not RejectedMessage.objects.exists(), RejectedMessage.objects.first()


def test_after_the_row(programs, double, red, device):
    programs.crash("row", red.tenant.id, device.id, "k", 120)
    with red.scope():
        assert not Command.objects.exists()
    programs.listener()
    programs.worker()

    queued = ask(red, device, "k")
    wait_until(lambda: done(queued.command), "the end", seconds=180)

    assert not queued.is_replay
    check_one_effect(queued.command, double)


def test_after_the_commit(programs, double, red, device):
    programs.crash("commit", red.tenant.id, device.id, "k", 120)
    programs.listener()
    programs.worker()

    again = ask(red, device, "k")  # who got no answer asks again
    wait_until(lambda: done(again.command), "the end", seconds=180)

    assert again.is_replay
    check_one_effect(again.command, double)


def test_after_publishing(programs, double, red, device):
    command = ask(red, device, "k").command
    programs.crash("publish")
    double.wait_for(1)
    assert fresh(command).state == "queued"

    programs.listener()
    programs.worker()
    wait_until(lambda: done(command), "the end", seconds=180)
    double.wait_for(2)

    assert double.names() == ["pump_on", "pump_on"], "sent twice, as nobody knew"
    check_one_effect(command, double)


@pytest.mark.parametrize("point", ["answer", "answer-row"])
def test_around_the_answer(programs, double, red, device, point):
    programs.listener()
    # a broker keeps nothing for a listener that it has never met
    wait_until(lambda: ephemeral().exists(f"{PREFIX}heartbeats"), "the listener")
    command = ask(red, device, "k").command
    programs.crash(point, "w")
    assert (fresh(command).state == "done") is (point == "answer-row")

    programs.worker()
    wait_until(lambda: done(command), "the end", seconds=180)
    wait_until(lambda: not durable().xpending(f"{PREFIX}ingest.0", "ingest")["pending"], "all")

    assert [entry["state"] for entry in fresh(command).history][-1] == "done"
    assert [entry["state"] for entry in command.history].count("done") == 1
    check_one_effect(command, double)


def test_at_expiry(programs, double, red, device):
    command = ask(red, device, "k", seconds=1).command
    time.sleep(1.1)
    programs.crash("expiry")
    assert fresh(command).state == "queued", "the mark went with the process"

    programs.listener()
    wait_until(lambda: fresh(command).state == "expired", "the end", seconds=180)
    time.sleep(1)

    assert double.arrivals == [], "never after its time"
    assert not OutboundMessage.objects.exists()


class TestWithoutRedisAndCelery:
    """Neither answers, not even when the programs start."""

    @pytest.fixture(params=["refuses", "hangs"])
    def nobody(self, request):
        """A Redis that is down, and one that takes connections and says nothing."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            if request.param == "hangs":
                listening.listen(64)
            yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"

    @pytest.fixture
    def listener(self, programs, nobody):
        return programs.listener(REDIS_DURABLE_URL=nobody, REDIS_EPHEMERAL_URL=nobody)

    def test_a_stop_arrives_within_a_second(
        self, listener, nobody, programs, broker, red, device, client_for, settings
    ):
        _forget_redis(settings, nobody)
        browser = client_for(red.operator)
        browser.get("/api/v1/emergency-stops")  # a server that runs has loaded its views
        taken = []
        with DeviceDouble(broker.for_devices, device.id, mute=True) as double:
            ask(red, device, "warm-up")
            double.wait_for(1)
            for _ in range(5):
                double.arrivals.clear()
                started = time.time()
                answer = browser.post(
                    "/api/v1/emergency-stops",
                    {"scope": "site", "target": str(device.site_id)},
                    content_type="application/json",
                )
                assert answer.status_code == 201, answer.content
                double.wait_for(3)
                taken.append(max(at for _topic, _message, at in double.arrivals) - started)
                assert set(double.names()) == {"pump_off", "heater_off", "set_valve"}

        assert_within(max(taken), 1.0)
        with red.scope():
            assert ask(red, device, "held").command.code == "emergency_stop"
        assert listener.poll() is None, programs.log.read_text()[-3000:]

    def test_a_run_ends_in_time_although_the_device_does_not_see_to_it(
        self, listener, broker, red, device
    ):
        asked_at = time.time()
        with DeviceDouble(broker.for_devices, device.id, mute=True) as double:
            with red.scope():
                queue_command(
                    actor=red.operator, device=device, name="pump_on", now=timezone.now(),
                    params={"duration_s": 2}, idempotency_key="k",
                )  # fmt: skip
            double.wait_for(2)

        (_on, order, on_at), (_off, _message, off_at) = double.arrivals[:2]
        assert double.names()[:2] == ["pump_on", "pump_off"]
        assert order["max_runtime_ms"] == 2000
        assert off_at - asked_at >= 2.0
        assert_within(off_at - on_at, 3.0)

    def test_the_hardware_ends_the_run_when_nobody_is_left(self, listener, broker, red, device):
        with OwnTimer(broker.for_devices, device.id) as pump:
            with red.scope():
                queue_command(
                    actor=red.operator, device=device, name="pump_on", now=timezone.now(),
                    params={"duration_s": 2}, idempotency_key="k",
                )  # fmt: skip
            wait_until(lambda: pump.is_on, "running")
            started = time.monotonic()
            listener.kill()
            wait_until(lambda: not pump.is_on, "the end")

        assert_within(time.monotonic() - started, 3.0)


class OwnTimer(DeviceDouble):
    """A pump that minds its run time itself, as simulated devices do."""

    ends_at = 0.0

    def _on_message(self, client, userdata, raw):
        super()._on_message(client, userdata, raw)
        message = self.arrivals[-1][1]
        if message["cmd"] == "pump_on":
            self.ends_at = time.monotonic() + message["max_runtime_ms"] / 1000

    @property
    def is_on(self):
        return time.monotonic() < self.ends_at


def _forget_redis(settings, nobody):
    """Point this process to a Redis that does not answer."""
    settings.REDIS_DURABLE_URL = settings.REDIS_EPHEMERAL_URL = nobody
    settings.CACHES = {
        name: {**cache, "LOCATION": nobody} for name, cache in settings.CACHES.items()
    }
    for client in (durable, ephemeral):
        client.cache_clear()
