"""var/demo.json: where the demo is, who may log in, and what its devices are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.embedded.state import write_private


def read_demo(file: Path) -> dict[str, Any]:
    """Return its content; empty if it does not exist."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def merge_demo(file: Path, values: Mapping[str, Any]) -> None:
    """Replace some keys and keep the rest; only the owner can read the file."""
    write_private(file, json.dumps({**read_demo(file), **values}, indent=1) + "\n")


def addresses(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the keys that follow from the environment of the programs."""
    return {
        "web": env["PUBLIC_URL"],
        "mqtt": {
            "host": env["MQTT_HOST"],
            "port": int(env.get("MQTT_PORT", "1883")),
            "tls_port": int(env.get("MQTT_EXTERNAL_PORT", "8883")),
            "ca_file": env.get("MQTT_CA_FILE", ""),
            "username": env.get("MQTT_USERNAME", ""),
            "password": env.get("MQTT_PASSWORD", ""),
        },
        "database_url": env["DATABASE_URL"],
        "redis_durable_url": env["REDIS_DURABLE_URL"],
        "redis_ephemeral_url": env["REDIS_EPHEMERAL_URL"],
        "env": dict(env),  # for `./run manage`
    }
