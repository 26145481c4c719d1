"""A web process that is killed has lost nothing that it had accepted."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings

from tests.browser.conftest import _free_port, _wait_until_ready, server_environment
from tests.ingest.conftest import START, Bench

SENDERS = 4
ENOUGH = 200  # readings before the kill
PATIENCE_SECONDS = 60.0


def test_kill_while_many_send(meter: Bench, make_key, tmp_path: Path) -> None:
    key, port, log = make_key(), _free_port(), tmp_path / "web.log"
    base = int(meter.now.timestamp()) - 100_000
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port),
             "energy.asgi:application"],
            cwd=settings.BASE_DIR, env=server_environment(f"http://127.0.0.1:{port}"),
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    _wait_until_ready(process, f"http://127.0.0.1:{port}/healthz", log)
    accepted: list[int] = []

    def send(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        moment = base + number
        while True:
            items = [
                {"device": str(meter.device.id), "ts": moment + SENDERS * n,
                 "values": {"power": moment + SENDERS * n}}
                for n in range(5)
            ]  # fmt: skip
            try:
                connection.request("POST", "/api/v1/ingest", json.dumps(items), headers)
                answer = connection.getresponse()
                found = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                return
            assert (answer.status, found["accepted"]) == (202, 5), found
            accepted.extend(item["ts"] for item in items)
            moment += SENDERS * 5

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(accepted) < ENOUGH and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    for thread in threads:
        thread.join(35)
    meter.drain()
    offset = int(START.timestamp())
    stored = [second + offset for _name, second, _value, _quality in meter.samples()]
    assert accepted, log.read_text()[-2000:]
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))
    assert meter.reasons() == []
    log_text = log.read_text()
    assert key not in log_text
