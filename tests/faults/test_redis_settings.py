"""F17, F19: listener and worker refuse a Redis that would lose what it acknowledged."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults.harness import wait_until
from tools.embedded.ports import Ports, accepts_connections
from tools.embedded.redis_server import find_redis

pytestmark = pytest.mark.faults

ALWAYS = ["--appendonly", "yes", "--appendfsync", "always"]
CASES = {
    "no append-only file": (["--save", "", "--appendonly", "no"], "appendonly is 'no'"),
    "fsync every second": (
        ["--appendonly", "yes", "--appendfsync", "everysec"],
        "appendfsync is 'everysec'",
    ),
    "eviction": (
        [*ALWAYS, "--maxmemory-policy", "allkeys-lru"],
        "maxmemory-policy is 'allkeys-lru'",
    ),
    "settings hidden": ([*ALWAYS, "--rename-command", "CONFIG", ""], "CONFIG GET"),
}


@pytest.mark.parametrize(("settings", "complaint"), CASES.values(), ids=CASES.keys())
def test_a_redis_that_loses_data_is_refused(plant, tmp_path, settings, complaint):
    with redis_server(tmp_path, settings) as url:
        refused = [
            plant.daemon(command, "--instance", "refused", REDIS_DURABLE_URL=url)
            for command in ("run_mqtt_listener", "run_ingest_worker")
        ]
        for daemon in refused:
            daemon.start()
        exit_codes = [daemon.wait(60) for daemon in refused]

    assert 0 not in exit_codes
    for daemon in refused:
        assert complaint in daemon.output()
        assert "redis.conf" in daemon.output()


@contextlib.contextmanager
def redis_server(folder, settings: list[str]) -> Iterator[str]:
    """Run a Redis of the given settings; yield its URL."""
    port = Ports().take(0)
    argv = [str(find_redis()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with subprocess.Popen([*argv, *settings], stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(accepts_connections(port), 20, "Redis did not start")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()
