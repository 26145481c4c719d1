"""`./run demo --check`, sixth part: a vehicle charges over a serial line, its kWh over Modbus."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from tools.terminal import paint, say
from tools.web_session import WebSession

CHARGE_SECONDS = 40.0
POLL_SECONDS = 0.05
CONNECTED = 3
_PLACE = """
SELECT place.state, point.id, tenant.slug FROM charging_connector AS place
JOIN charging_chargepoint AS point ON point.id = place.charge_point_id
JOIN accounts_tenant AS tenant ON tenant.id = point.tenant_id
"""
_SESSION = """
SELECT state, energy_kwh, register_start, register_end, is_estimated, stopped_at
FROM charging_chargingsession ORDER BY started_at DESC LIMIT 1
"""
_REGISTER = """
SELECT max(latest.value) FROM charging_connector AS place
JOIN telemetry_latestvalue AS latest ON latest.channel_id = place.energy_channel_id
"""


class ChargeFailed(RuntimeError):
    """The station did not charge, or what it charged is not known."""


def follow_charge(demo: Mapping[str, Any]) -> bool:
    """Start charging as a person, wait for energy at the meter, stop, and read the session.

    Raises: ChargeFailed, OSError, psycopg.Error.
    """
    with psycopg.connect(demo["database_url"], autocommit=True) as database:

        def one(query: str) -> Any:
            return database.execute(query).fetchone() or (None,) * 6

        _wait(lambda: one(_PLACE)[0] == CONNECTED, "a vehicle at the connector")
        _wait(lambda: one(_REGISTER)[0] is not None, "a value of the meter")
        _, point, tenant = one(_PLACE)
        session = _log_in(demo, tenant)
        began = time.monotonic()
        _order(session, point, "start")
        _wait(lambda: one(_SESSION)[0] == "charging", "charging")
        _report("start by a person to charging", time.monotonic() - began)
        first = one(_REGISTER)[0]
        _wait(lambda: one(_REGISTER)[0] >= first + 0.01, "energy at the meter")
        began = time.monotonic()
        _order(session, point, "stop")
        _wait(lambda: one(_SESSION)[5] is not None, "the end of charging")
        _report("stop by a person to the end of charging", time.monotonic() - began)
        with Path(f"{json.loads(demo['env']['DEMO_LINES'])['evse']}.words").open("a") as words:
            words.write("unplug\n")
        _wait(lambda: one(_SESSION)[0] == "ended", "the end of the session")
        _wait(lambda: (one(_SESSION)[1] or 0) > 0, "the energy of the session")
        _state, energy, start, end, is_estimated, _stopped = one(_SESSION)
        if is_estimated or energy != end - start:
            raise ChargeFailed(f"{energy} kWh of {start} to {end}, estimated: {is_estimated}")
        say(f"  {paint('ok', '32')}      charge: {energy} kWh, from {start} to {end}")
    return True


def _log_in(demo: Mapping[str, Any], tenant: str) -> WebSession:
    person = next(
        user for user in demo["users"] if (user["tenant"], user["role"]) == (tenant, "operator")
    )
    session = WebSession(demo["web"])
    session.log_in(person["email"], person["password"])
    return session


def _order(session: WebSession, point: uuid.UUID, what: str) -> None:
    path = f"/api/v1/charging/charge-points/{point}/{what}"
    session.post_json(path, {}, {"Idempotency-Key": uuid.uuid4().hex})


def _wait(condition: Callable[[], bool], what: str) -> None:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > CHARGE_SECONDS:
            raise ChargeFailed(f"{what}: nothing after {CHARGE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def _report(what: str, seconds: float) -> None:
    say(f"  {paint('ok', '32')}      {f'charge: {what}':<50}{seconds * 1000:6.0f} ms")
