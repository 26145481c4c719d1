"""The platform's own programs, as the demo starts them."""

from __future__ import annotations

import dataclasses
import http.client
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import redis

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


def database_program(env: Mapping[str, str], demo_file: Path) -> Program:
    """Return what migrates and seeds; it ends by itself."""
    return _python("prepare", env, "-m", "tools.prepare_database", str(demo_file))


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
        _loop("mqtt_listener", "listener", env, "run_mqtt_listener"),
        _loop("ingest_worker", "ingest", env, "run_ingest_worker"),
        _loop("reactor_live", "reactor_live", env, "run_reactor", "live"),
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


def _loop(name: str, process: str, env: Mapping[str, str], *arguments: str) -> Program:
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
