"""Which servers one state needs, and the environment variables that lead to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools.embedded.mosquitto import mosquitto_program
from tools.embedded.pki import Authority
from tools.embedded.ports import Choice, Ports
from tools.embedded.postgres import find_postgres, postgres_program
from tools.embedded.program import Program
from tools.embedded.redis_server import redis_program
from tools.embedded.state import State
from tools.embedded.timescale import NO_TIMESCALE, find_timescale
from tools.terminal import say

# A server whose variable is given from outside is not started.
VARIABLE_OF = {
    "postgres": "DATABASE_URL",
    "redis_durable": "REDIS_DURABLE_URL",
    "redis_ephemeral": "REDIS_EPHEMERAL_URL",
    "mosquitto": "MQTT_HOST",
}
# a second PostgreSQL where there is one, or the only one
Timescale = Literal["no", "beside", "instead"]
TIMESCALE_VARIABLE = "TIMESCALE_DATABASE_URL"


@dataclass(slots=True)
class Servers:
    """Configured servers, not started: their programs and their clients' variables."""

    state: State
    authority: Authority
    ports: Ports
    programs: list[Program] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)


def prepare_servers(
    home: Path,
    *,
    durable: bool,
    ports: Choice,
    external: Mapping[str, str],
    now: dt.datetime,
    timescale: Timescale = "no",
) -> Servers:
    """Write configurations, make the database cluster, renew certificates, choose ports.

    Args:
        external: variables that already lead to servers, usually `os.environ` or nothing.
        timescale: a PostgreSQL with TimescaleDB beside the other, if there is one, or instead.
    Raises: RuntimeError: a program is missing and cannot be fetched.
    """
    state = State(home)
    servers = Servers(state, Authority(state.pki, now=now), Ports(ports))
    servers.authority.issue_server()
    servers.env = {"ENVIRONMENT": "development", "SECRET_KEY": state.secret("django")}
    for name, variable in VARIABLE_OF.items():
        if variable in external or f"{variable}_FILE" in external:
            servers.env |= _given_variables(variable, external)
            continue
        program, env = _prepare(name, servers, durable, timescale)
        servers.programs.append(program)
        servers.env |= env
    if timescale == "beside" and TIMESCALE_VARIABLE not in external:
        _add_timescale(servers, durable)
    return servers


def _prepare(
    name: str, servers: Servers, durable: bool, timescale: Timescale
) -> tuple[Program, dict[str, str]]:
    state, ports = servers.state, servers.ports
    if name == "mosquitto":
        return mosquitto_program(state, ports, servers.authority)
    if name == "postgres":
        found = find_timescale() if timescale == "instead" else find_postgres()
        if found is None:
            raise RuntimeError(NO_TIMESCALE)
        program, url = postgres_program(name, found, state, ports, durable=durable)
    else:
        program, url = redis_program(name, state, ports)
    return program, {VARIABLE_OF[name]: url}


def _add_timescale(servers: Servers, durable: bool) -> None:
    found = find_timescale()
    if found is None:
        say(NO_TIMESCALE)
        return
    program, url = postgres_program(
        "timescale", found, servers.state, servers.ports, durable=durable
    )
    servers.programs.append(program)
    servers.env[TIMESCALE_VARIABLE] = url


def _given_variables(variable: str, external: Mapping[str, str]) -> dict[str, str]:
    """Return a given variable and its kin (all MQTT_*), with X_FILE read into X."""
    kin = "MQTT_" if variable.startswith("MQTT_") else variable
    given = {}
    for key, value in external.items():
        if key.startswith(kin) and key.endswith("_FILE") and key != "MQTT_CA_FILE":
            given[key.removesuffix("_FILE")] = Path(value).read_text().strip()
        elif key.startswith(kin):
            given[key] = value
    return given
