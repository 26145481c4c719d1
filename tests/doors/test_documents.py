"""The commands of the document are run as they stand there, against the real web process."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.browser import conftest as browser
from tests.doors.conftest import MakeKey
from tests.factories import ChannelFactory, DeviceFactory
from tests.ingest.conftest import Bench
from tests.web.test_documents import commands

server, mails = browser.server, browser.mails  # fixtures
COMMANDS = commands("docs/how-to/send-over-http.md")


@pytest.fixture
def values(meter: Bench, make_key: MakeKey, server: str) -> dict[str, str]:
    """What the reader puts in; the meter of the document has a connection of its own."""
    with meter.team.scope():
        device = DeviceFactory(
            tenant=meter.team.tenant, site=meter.device.site, gateway=None, uid="meter-1"
        )
        ChannelFactory(
            device=device, name="active_power_import", source="active_power_import",
            source_unit="kW", unit="kW",
        )  # fmt: skip
    return {"HOST": server, "KEY": make_key(), "DEVICE_KEY": make_key(device_id=device.id)}


def run(command: str, values: dict[str, str]) -> tuple[int, Any]:
    """Return status and body of the answer."""
    typed = command.replace("curl -s", "curl -s -w '\\n%{http_code}'", 1)
    done = subprocess.run(
        ["bash", "-euc", typed], env={"PATH": "/usr/bin:/bin", **values},
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    body, _line, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body.startswith(("{", "[")) else body


def test_every_command_answers_as_the_document_says(meter: Bench, values: dict[str, str]) -> None:
    answers = {
        section: [run(command, values) for command in found] for section, found in COMMANDS.items()
    }
    assert {section: [status for status, _body in found] for section, found in answers.items()} == {
        "One reading": [202],
        "Many readings": [202, 202],
        "Once only": [202],
        "ThingsBoard clients": [200],
        "Emoncms clients": [200, 200],
        "InfluxDB clients": [204],
    }
    assert answers["One reading"][0][1] == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert answers["Many readings"][0][1] == {"accepted": 1, "duplicates": 1, "rejected": []}
    assert answers["Emoncms clients"][0][1] == {"success": True}
    assert answers["Emoncms clients"][1][1] == "ok"
    meter.drain()
    found = [value for name, _second, value, _quality in meter.samples() if "power" in name]
    assert sorted(found) == [1.25, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9]
    assert meter.reasons() == []
