"""A gateway speaks for its own devices, whatever names it uses."""

from __future__ import annotations

import pytest

from tests.factories import ChannelFactory, DeviceFactory, GatewayFactory
from tests.ingest.conftest import START

T0 = int(START.timestamp())


@pytest.fixture
def foreign(bench, blue):
    """A meter of another tenant behind a gateway of its own, known to the worker already."""
    with blue.scope():
        gateway = GatewayFactory(tenant=blue.tenant, uid="gw-blue")
        device = DeviceFactory(
            tenant=blue.tenant, site=gateway.site, gateway=gateway, uid="blue-meter"
        )
        ChannelFactory(tenant=blue.tenant, device=device, name="active_power_net", source="power")
    bench.send(
        {"ts": T0, "values": {"power": 1000}},
        topic=f"tenant/{blue.tenant.id}/gw/gw-blue/data/device/blue-meter",
    )
    bench.drain()
    assert len(bench.samples()) == 1
    return device


@pytest.mark.parametrize(
    ("topic", "document"),
    [
        ("data/timeseries", {"ts": T0 + 1, "device": "blue-meter", "values": {"power": 9}}),
        ("telemetry", {"ts": T0 + 1, "devices": {"blue-meter": {"power": 9}}}),
        ("data/device/blue-meter", {"ts": T0 + 1, "values": {"power": 9}}),
        ("telemetry/blue-meter", {"ts": T0 + 1, "values": {"power": 9}}),
        ("data/blue-meter/timeseries", {"ts": T0 + 1, "values": {"power": 9}}),
    ],
)
def test_nobody_writes_into_another_tenants_device(bench, foreign, topic, document):
    bench.send(document, topic=f"{bench.prefix}/{topic}")
    bench.drain()

    assert len(bench.samples()) == 1
    assert bench.reasons() == ["unknown_device"]


def test_both_in_one_batch_stay_apart(bench, foreign, blue):
    own = f"tenant/{blue.tenant.id}/gw/gw-blue/data/device/blue-meter"
    late = bench.envelope({"ts": T0 + 40, "values": {"power": 7}}, topic=own)
    astray = bench.envelope(
        {"ts": T0 + 41, "values": {"power": 9}}, topic=f"{bench.prefix}/data/device/blue-meter"
    )
    bench.worker = bench.make_worker("worker-2")  # which knows neither topic yet
    bench.buffer.append([late, astray])
    bench.drain()

    assert [seconds for _name, seconds, _value, _quality in bench.samples()] == [0, 40]
    assert bench.reasons() == ["unknown_device"]
