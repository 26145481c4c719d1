"""Under which conditions figures were measured: they mean nothing without."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from telemetry.storage.tiers import find_tier

_SETTINGS = ("server_version", "synchronous_commit", "fsync", "full_page_writes", "shared_buffers",
             "wal_compression", "max_wal_size")  # fmt: skip


def describe_conditions(url: str, client: Redis) -> dict[str, Any]:
    """Return machine, versions, durability settings and the load before the start."""
    with psycopg.connect(url) as connection:
        postgres = {
            name: row[0]
            for name in _SETTINGS
            if (row := connection.execute("SELECT current_setting(%s)", [name]).fetchone())
        }
    return {
        "tier": str(find_tier()),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "python": platform.python_version(),
        "load_average_before": [round(value, 2) for value in os.getloadavg()],
        "postgres": postgres,
        "redis": {name: _text(client.config_get(name)) for name in ("appendonly", "appendfsync")},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _text(answer: Any) -> str:
    value = next(iter(answer.values()), "")
    return value.decode() if isinstance(value, bytes) else str(value)
