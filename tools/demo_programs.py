"""The platform's own programs, as the demo starts them."""

from __future__ import annotations

import dataclasses
import http.client
import sys
import time
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path

import redis

from devices.simulators.image import PUBLIC_FILE
from devices.simulators.label import ADDRESS_FILE
from tools.embedded.program import Program
from tools.paths import ROOT


def web_variables(port: int) -> dict[str, str]:
    """Return the variables that depend on where the web server listens."""
    public_url = f"http://127.0.0.1:{port}"
    return {
        "PUBLIC_URL": public_url,
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": f"{public_url},http://localhost:{port}",
        "DJANGO_SETTINGS_MODULE": "energy.settings",
        "LOG_FORMAT": "console",
        "REDIS_KEY_PREFIX": "",
        "PYTHONUNBUFFERED": "1",
    }


def database_program(
    env: Mapping[str, str], demo_file: Path, pki_folder: Path | None = None, *, history_days: int
) -> Program:
    """Return what migrates and seeds; it ends by itself.

    Args: pki_folder: of the authority that the broker trusts, where it is ours.
        history_days: how long ago the meters began to count.
    """
    folders = [str(pki_folder)] if pki_folder else []
    return _python(
        "prepare", env, "-m", "tools.prepare_database", str(demo_file), str(history_days), *folders
    )


def core_programs(env: Mapping[str, str], port: int) -> list[Program]:
    """Return the path of a reading from the broker to the browser."""
    return [
        Program(
            "web",
            (
                *(sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port)),
                *("--websocket_timeout", "-1", "--websocket-max-message-size", "65536"),
                "energy.asgi:application",
            ),
            env=env,
            cwd=ROOT,
            ready=_answers(port, "/healthz"),
            ready_seconds=60,
        ),
        loop_program("mqtt_listener", "listener", env, "run_mqtt_listener"),
        loop_program("ingest_worker", "ingest", env, "run_ingest_worker"),
        loop_program("notifier", "notifier", env, "run_notifier"),
        loop_program("reactor_live", "reactor_live", env, "run_reactor", "live"),
        loop_program("reactor_rollups", "reactor_rollups", env, "run_reactor", "rollups"),
        loop_program("reactor_quality", "reactor_quality", env, "run_reactor", "quality"),
        loop_program("reactor_virtual", "reactor_virtual", env, "run_reactor", "virtual"),
        loop_program("reactor_metering", "reactor_metering", env, "run_reactor", "metering"),
        loop_program("reactor_alarms", "reactor_alarms", env, "run_reactor", "alarms"),
        loop_program("reactor_automation", "reactor_automation", env, "run_reactor", "automation"),
        loop_program("automation", "automation", env, "run_automation"),
        loop_program("zones", "zones", env, "run_zones"),
    ]


def background_programs(env: Mapping[str, str]) -> list[Program]:
    """Return Celery's worker and clock."""
    celery = ("-m", "celery", "-A", "energy")
    return [
        _python("worker", env, *celery, "worker", "-c", "2", "-Q", "default,ota,cleanup"),
        _python("beat", env, *celery, "beat", "--pidfile="),
    ]


def fleet_program(env: Mapping[str, str], demo_file: Path) -> Program:
    """Return the simulated gateways and devices."""
    return _manage("simulate_fleet", env, "simulate_fleet", "--from", str(demo_file))


def boxes_program(env: Mapping[str, str], folder: Path) -> Program:
    """Return simulated boxes, of which one is always new; ready once it shows its code."""
    password = env.get("BOOTSTRAP_MQTT_PASSWORD")
    door = env["PUBLIC_URL"]
    if password:
        account = f"bootstrap:{urllib.parse.quote(password, safe='')}"
        door = f"mqtt://{account}@{env['MQTT_HOST']}:{env.get('MQTT_PORT', '1883')}"
    program = _python(
        "boxes",
        {**env, "BOX_DOOR": door},
        *("-m", "devices.simulators", "shelf"),
        *("--state", str(folder), "--web", env["PUBLIC_URL"]),
        *("--vendor-key", str(folder / PUBLIC_FILE)),
    )
    return dataclasses.replace(program, ready=(folder / ADDRESS_FILE).exists)


def loop_program(name: str, process: str, env: Mapping[str, str], *arguments: str) -> Program:
    """Return a command that is ready once it noted its first round in Redis."""
    beats = _has_beaten(env["REDIS_EPHEMERAL_URL"], f"{process}:1", since=time.time())
    return dataclasses.replace(_manage(name, env, *arguments), ready=beats)


def _manage(name: str, env: Mapping[str, str], *arguments: str) -> Program:
    return _python(name, env, "manage.py", *arguments)


def _python(name: str, env: Mapping[str, str], *arguments: str) -> Program:
    return Program(name, (sys.executable, *arguments), env=env, cwd=ROOT)


def _has_beaten(url: str, member: str, *, since: float) -> Callable[[], bool]:
    """Return a probe that tells whether a process noted a sign of life after `since`."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)

    def probe() -> bool:
        try:
            return float(client.hget("heartbeats", member) or 0) >= since
        except redis.RedisError:
            return False

    return probe


def _answers(port: int, path: str) -> Callable[[], bool]:
    """Return a probe that tells whether a GET is answered with 200."""

    def probe() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe
