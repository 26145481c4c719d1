"""What simulated gateways say is understood by the platform, in every dialect."""

import pytest

from devices.simulation.dialects import Row, encode_rows
from telemetry.ingest.decode import decode
from telemetry.ingest.times import read_time
from telemetry.ingest.topics import parse_topic

TENANT = "0190f0e2-1111-7abc-8def-0123456789ab"
GATEWAY = f"tenant/{TENANT}/gw/gw-1"
AT = 1_795_000_000.0
ROWS = [
    Row("meter-1", AT + 60 * step, {"power_active_total": 1500.5 + step, "voltage_l1": 231.2})
    for step in range(3)
]
OWN = Row("gw-1", AT, {"rssi": -61.0}, is_gateway=True)


def understand(messages):
    """Return (device, metric) → {seconds: value} as the ingest pipeline would read it."""
    understood = {}
    for topic, payload in messages:
        route = parse_topic(topic)
        for reading in decode(payload.encode(), metric=route.metric).readings:
            assert not reading.problems
            device = reading.device or route.device_uid or str(route.device_id or "gw-1")
            at = read_time(reading.raw_time, received_at=int(AT * 1e6)) / 1e6
            for metric, value in reading.values.items():
                understood.setdefault((device, metric), {})[at] = value
    return understood


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("dialect", ["device", "group", "timeseries", "legacy"])
def test_a_gateway_is_understood(dialect, history):
    understood = understand(encode_rows(dialect, GATEWAY, [*ROWS, OWN], history=history))

    assert understood == {
        ("meter-1", "power_active_total"): {AT: 1500.5, AT + 60: 1501.5, AT + 120: 1502.5},
        ("meter-1", "voltage_l1"): {AT: 231.2, AT + 60: 231.2, AT + 120: 231.2},
        ("gw-1", "rssi"): {AT: -61.0},
    }


def test_a_direct_device_is_understood():
    prefix = f"devices/{TENANT}"

    live = understand(encode_rows("direct", prefix, ROWS[:1]))
    past = understand(encode_rows("direct", prefix, ROWS, history=True))

    assert live == {
        (TENANT, "power_active_total"): {AT: 1500.5},
        (TENANT, "voltage_l1"): {AT: 231.2},
    }
    assert past[TENANT, "power_active_total"] == {AT: 1500.5, AT + 60: 1501.5, AT + 120: 1502.5}


@pytest.mark.parametrize("dialect", ["device", "group", "timeseries", "legacy", "direct"])
@pytest.mark.parametrize("history", [False, True])
def test_nothing_to_say_is_no_message(dialect, history):
    assert encode_rows(dialect, GATEWAY, [], history=history) == []
