"""Simulated boxes as programs of their own, before a broker and a platform of their own."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.db import connection
from django.test import Client

from accounts.tenancy import all_tenants
from devices.claim_codes import hash_code, parse_scanned
from devices.models import Claim, Device, PendingDevice
from devices.services.profiles import ensure_profile
from telemetry.models import LatestValue
from tests.conftest import Team
from tests.factories import SiteFactory
from tests.flows.waiting import ROOT, wait_until
from tools.embedded import Stack


@dataclasses.dataclass
class BoxProgram:
    """`python -m devices.simulators box` with a folder that outlives it."""

    folder: Path
    door: str
    web: str
    device: Device | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    def start(self, *options: str) -> None:
        """Switch it on."""
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "devices.simulators", "box"),
                    *("--state", str(self.folder), "--web", self.web),
                    *("--interval", "0.5", "--heartbeat", "1", *options),
                ],
                cwd=ROOT,
                env={**os.environ, "BOX_DOOR": self.door},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """Cut the power."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Switch it off in order; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()

    def died(self) -> bool:
        """Tell whether a power cut ended it."""
        return self.process is not None and self.process.poll() == -signal.SIGKILL

    def said(self, words: str) -> bool:
        """Tell whether its log has some words."""
        return words in self.log.read_text()

    def when(self, words: str) -> float:
        """Return when it first said something, in seconds since 1970."""
        line = next(line for line in self.log.read_text().splitlines() if words in line)
        moment = dt.datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007
        return moment.astimezone().timestamp()

    def code(self) -> Any:
        """Return hardware id and code, as a phone reads them from the box."""
        shown = self.folder / "claim.txt"
        wait_until(shown.exists, "a code on the box")
        return parse_scanned(shown.read_text())


def claim(team: Team, box: BoxProgram, *, profile: str = "relay-board", name: str = "Box") -> Any:
    """Claim a box over the API as the organisation's administrator; return the answer."""
    client = Client()
    client.force_login(team.owner, backend="django.contrib.auth.backends.ModelBackend")
    with team.scope():
        site = SiteFactory(tenant=team.tenant)
        ensure_profile(key=profile)
    scanned = box.code()
    body = {
        "hardware_id": scanned.hardware_id, "code": scanned.code, "site": str(site.id),
        "name": name, "profile": profile,
    }  # fmt: skip

    wait_until(PendingDevice.objects.filter(code_hash=hash_code(scanned.code)).exists, "a hello")
    answer = client.post("/api/v1/provisioning/claims", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def own(team: Team, box: BoxProgram, **kwargs: str) -> Device:
    """Claim a box and wait until it is at work."""
    claimed = claim(team, box, **kwargs)
    with all_tenants():
        device = Device.objects.select_related("gateway", "profile", "zone").get(
            id=claimed["device_id"]
        )
        wait_until(lambda: Claim.objects.get(device=device).state == "owned", "ownership")
    box.device = device
    return device


def readings(device: Device) -> int:
    """Return how many channels of a device have a value."""
    with all_tenants():
        rows = LatestValue.objects.filter(channel__device=device).exclude(value=None)
        return rows.count()


def first_reading_at(device: Device) -> dt.datetime:
    """Return when the platform received the oldest of a device's latest values."""
    rows = LatestValue.objects.filter(channel__device=device).exclude(value=None)
    found = rows.order_by("received_at").values_list("received_at", flat=True).first()
    assert found is not None
    return found


def programs_of(stack: Stack, *, log: Path, prefix: str, web: str) -> list[subprocess.Popen[bytes]]:
    """Start listener and worker of a platform that uses the stack's broker."""
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = {
        **os.environ,
        **stack.env,
        "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        "REDIS_DURABLE_URL": os.environ["REDIS_DURABLE_URL"],
        "REDIS_EPHEMERAL_URL": os.environ["REDIS_EPHEMERAL_URL"],
        "SECRET_KEY": os.environ["SECRET_KEY"],
        "REDIS_KEY_PREFIX": prefix,
        "PUBLIC_URL": web,
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("ab") as stream:
        return [
            subprocess.Popen(
                [sys.executable, "manage.py", command],
                cwd=ROOT, env=env, stdout=stream, stderr=subprocess.STDOUT,
            )
            for command in ("run_mqtt_listener", "run_ingest_worker")
        ]  # fmt: skip
