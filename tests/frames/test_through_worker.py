"""Frames that a bridge sends below its gateway's ext/, through the real worker."""

from __future__ import annotations

import pytest

from accounts.tenancy import all_tenants
from devices.models import OutboundMessage
from telemetry.decoding.frames.sparkplug_wire import Payload
from telemetry.quality import Quality
from tests.frames.test_dsmr import telegram
from tests.frames.test_sparkplug import FLOAT, INT64, message
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_telegram_becomes_canonical_values(bench: Bench) -> None:
    # 13:00 in Istanbul, where the meter's W means its home's UTC+1
    data = telegram(
        "0-0:1.0.0(261120130000W)",
        "1-0:1.8.1(001581.123*kWh)",
        "1-0:1.7.0(02.027*kW)",
        "0-1:24.1.0(003)",
        "0-1:24.2.1(261120125500W)(00981.443*m3)",
    )

    bench.send(data, topic=f"{bench.prefix}/ext/dsmr/meter-1/raw")
    bench.drain()

    assert bench.samples() == [
        ("active_energy_import_t1", 0, 1581.123, Quality.GOOD),
        ("active_power_import", 0, 2.027, Quality.GOOD),
        ("gas_volume", -300, 981.443, Quality.GOOD),
    ]
    assert bench.reasons() == []


def test_a_damaged_telegram_is_kept(bench: Bench) -> None:
    data = telegram("1-0:1.7.0(02.027*kW)").replace(b"02.027", b"92.027")

    bench.send(data, topic=f"{bench.prefix}/ext/dsmr/meter-1/raw")
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() == ["bad_checksum"]


def test_a_node_whose_birth_was_missed_is_asked_for_it(bench: Bench) -> None:
    node = f"edge-{bench.team.tenant.id.hex[:8]}"
    topic = f"{bench.prefix}/ext/spBv1.0/plant/{{}}/{node}/meter-1"
    ms = int(START.timestamp() * 1000)
    data = message(2, {"alias": 9, "float_value": 1500.0}, timestamp=ms)
    metric = {"name": "Tank", "alias": 9, "datatype": FLOAT, "float_value": 1400.0, "unit": "mbar"}

    bench.send(data, topic=topic.format("DDATA"))
    bench.drain()
    born = message(0, {"name": "bdSeq", "datatype": INT64, "long_value": 1}, timestamp=ms - 1000)
    bench.send(born, topic=topic.format("NBIRTH").removesuffix("/meter-1"))
    bench.send(message(1, metric, timestamp=ms - 1000), topic=topic.format("DBIRTH"))
    bench.send(data, topic=topic.format("DDATA"))
    bench.drain()

    assert bench.reasons() == ["unknown_alias"]
    assert bench.samples() == [("tank", -1, 1400, 0), ("tank", 0, 1500, 0)]
    with all_tenants():
        [asked] = OutboundMessage.objects.all()
    assert "/ext/spBv1.0/plant/NCMD/edge-" in asked.topic
    assert Payload.FromString(bytes(asked.payload)).metrics[0].name == "Node Control/Rebirth"
