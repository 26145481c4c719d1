"""`./run demo --check`, third part: registers of a meter, from the wire into the ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from tools.demo_wire import publish_readings
from tools.terminal import paint, say

LEDGER_SECONDS = 60.0
POLL_SECONDS = 0.5
READINGS = 7
STEP_KWH = 0.02
# a counter that a gateway of the demo sends in the unit it is stored in
_METER = """
SELECT feed.register_id, channel.source, device.uid, gateway.uid,
    coalesce(latest.value, 100)::float8
FROM metering_registerfeed AS feed
JOIN metering_meterinstallation AS installed ON installed.id = feed.installation_id
JOIN devices_channel AS channel ON channel.id = feed.channel_id
JOIN devices_device AS device ON device.id = channel.device_id
JOIN devices_gateway AS gateway ON gateway.id = device.gateway_id
LEFT JOIN telemetry_latestvalue AS latest ON latest.channel_id = channel.id
WHERE installed.removed_at IS NULL AND channel.kind = 'total_increasing' AND channel.scale = 1
    AND channel.source_unit IN ('', channel.unit) AND gateway.uid = ANY(%s)
ORDER BY feed.register_id LIMIT 1
"""
_NEWEST = """
SELECT end_register FROM metering_interval WHERE register_id = %s ORDER BY start DESC LIMIT 1
"""


class LedgerFailed(RuntimeError):
    """What was sent is not in the ledger."""


@dataclass(frozen=True, slots=True)
class _Meter:
    register: int
    source: str
    device: str
    gateway: Mapping[str, Any]
    value: float


def follow_register(demo: Mapping[str, Any]) -> bool:
    """Send a register that rises, and wait until the ledger ends with it; tell if in time.

    Raises: LedgerFailed, OSError, psycopg.Error.
    """
    with psycopg.connect(demo["database_url"], autocommit=True) as database:
        meter = _find(demo, database)
        last = _publish(demo, meter)
        began = time.monotonic()
        while _newest(database, meter.register) != round(last * 1_000_000):
            if time.monotonic() - began > LEDGER_SECONDS:
                raise LedgerFailed(f"not in the ledger after {LEDGER_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
    seconds = time.monotonic() - began
    say(f"  {paint('ok', '32')}      {'register of a meter in the ledger':<50}{seconds:6.1f} s")
    return True


def _find(demo: Mapping[str, Any], database: psycopg.Connection) -> _Meter:
    gateways = {gateway["uid"]: gateway for gateway in demo["gateways"]}
    row = database.execute(_METER, [list(gateways)]).fetchone()
    if row is None:
        raise LedgerFailed("the seed made no meter that a gateway feeds")
    register, source, device, gateway, value = row
    return _Meter(register, source, device, gateways[gateway], value)


def _publish(demo: Mapping[str, Any], meter: _Meter) -> float:
    """Send some readings of the last minutes; return the last register."""
    now = time.time_ns() // 1_000_000
    readings = {
        now - (READINGS - 1 - number) * 10_000: round(meter.value + (number + 1) * STEP_KWH, 3)
        for number in range(READINGS)
    }
    publish_readings(demo, meter.gateway, meter.device, meter.source, readings)
    return readings[now]


def _newest(database: psycopg.Connection, register: int) -> int | None:
    row = database.execute(_NEWEST, [register]).fetchone()
    return None if row is None else row[0]
