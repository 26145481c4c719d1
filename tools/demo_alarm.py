"""`./run demo --check`, fourth part: a value that is too high, until its alarm is over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg

from tools.demo_wire import publish_readings
from tools.terminal import paint, say

RULE = "Frequency out of range"
HIGH, NORMAL = 52.0, 50.0
ALARM_SECONDS = 20.0  # a rule that was made a moment ago is followed within three
POLL_SECONDS = 0.02
_CHANNEL = """
SELECT channel.id, channel.source, device.uid, gateway.uid
FROM alarms_alarmrule AS rule
JOIN devices_channel AS channel ON channel.tenant_id = rule.tenant_id
    AND channel.name = rule.metric AND channel.scale = 1
JOIN devices_device AS device ON device.id = channel.device_id
JOIN devices_gateway AS gateway ON gateway.id = device.gateway_id
WHERE rule.name = %s AND rule.is_enabled AND gateway.uid = ANY(%s)
ORDER BY channel.id LIMIT 1
"""
_OPEN = "SELECT count(*) FROM alarms_alarm WHERE channel_id = %s AND ending = '' AND title = %s"


class AlarmFailed(RuntimeError):
    """No alarm was raised, or it does not end."""


def follow_alarm(demo: Mapping[str, Any]) -> bool:
    """Send a value that is too high and then one that is right; tell if both were noticed.

    Raises: AlarmFailed, OSError, psycopg.Error.
    """
    with psycopg.connect(demo["database_url"], autocommit=True) as database:
        gateways = {gateway["uid"]: gateway for gateway in demo["gateways"]}
        row = database.execute(_CHANNEL, [RULE, list(gateways)]).fetchone()
        if row is None:
            raise AlarmFailed("the seed made no alarm rule that a gateway feeds")
        channel, source, device, gateway = row
        for value, count, what in ((HIGH, 1, "raised"), (NORMAL, 0, "over")):
            now, began = time.time_ns() // 1_000_000, time.monotonic()
            publish_readings(demo, gateways[gateway], device, source, {now: value})
            _wait(database, channel, count)
            milliseconds = (time.monotonic() - began) * 1000
            say(f"  {paint('ok', '32')}      {f'alarm {what}':<50}{milliseconds:6.0f} ms")
    return True


def _wait(database: psycopg.Connection[Any], channel: int, count: int) -> None:
    began = time.monotonic()
    while database.execute(_OPEN, [channel, RULE]).fetchone() != (count,):
        if time.monotonic() - began > ALARM_SECONDS:
            what = "raised" if count else "over"
            raise AlarmFailed(f"the alarm is not {what} after {ALARM_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
