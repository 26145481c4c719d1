"""Whatever comes over MQTT: it is stored or kept with a reason, and its neighbours are stored."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.models import RejectedMessage
from tests.decoding.real import REALDATA
from tests.fuzz.inputs import fuzz, garbled, payloads
from tests.ingest.conftest import START, Bench, bench  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(7200)]

T0 = int(START.timestamp())
MESSAGES = 12
NUMBERS = itertools.count()
ROUNDS = 50
DOCUMENTS: list[Any] = [
    {"ts": T0, "values": {"power": 1.5, "voltage_l1": 230}},
    {"timestamp": T0 * 1000, "power": 2, "unit": "W"},
    [{"ts": T0, "values": {"power": 1}}, {"ts": T0 + 1, "device": "dev-2", "values": {"power": 2}}],
    {"ts": T0, "devices": {"dev-1": {"power": 1}, "dev-2": {"ts": T0 + 1, "power": 2}}},
    {"ts": T0, "boot": 3, "seq": 17, "values": {"power": 1}},
    {"ts": T0, "registers": {"40001": 7}},
    {"value": 23.5, "ts": T0},
    {"esp_id": "n-1", "gpio": 34, "sensor_type": "ph", "raw": 1800, "ts": T0, "raw_mode": True},
    {"ENERGY": {"Total": 3.185, "Power": 12, "Voltage": 230}, "Time": "2026-11-20T12:00:00"},
    {"src": "shelly", "method": "NotifyStatus", "params": {"ts": T0, "em:0": {"a_act_power": 5}}},
    {"online": True, "firmware": "1.2", "uptime": 5, "rssi": -50},
    {"status": "offline"},
]  # fmt: skip
TOPICS = [
    "tenant/{tenant}/gw/{gateway}/data/device/{device}",
    "tenant/{tenant}/gw/{gateway}/data/device/{device}/main",
    "tenant/{tenant}/gw/{gateway}/data/raw/{device}/group",
    "tenant/{tenant}/gw/{gateway}/data/timeseries",
    "tenant/{tenant}/gw/{gateway}/telemetry",
    "tenant/{tenant}/gw/{gateway}/reported/status",
    "tenant/{tenant}/gw/{gateway}/reported/config",
    "tenant/{tenant}/gw/{gateway}/reported/inventory",
    "tenant/{tenant}/gw/{gateway}/ext/tele/{device}/SENSOR",
    "tenant/{tenant}/gw/{gateway}/ext/zigbee2mqtt/{device}",
    "tenant/{tenant}/gw/{gateway}/ext/zigbee2mqtt/bridge/devices",
    "tenant/{tenant}/gw/{gateway}/ext/spBv1.0/plant/DDATA/node/{device}",
    "tenant/{tenant}/gw/{gateway}/ext/{device}/events/rpc",
    "tenant/{tenant}/gw/{gateway}/up/commands/1/ack",
    "kaiser/{gateway}/esp/{device}/sensor/34/data",
    "kaiser/{gateway}/esp/{device}/system/heartbeat",
    "hydro/{gateway}/zone/{device}/ph/telemetry",
    "hydro/{gateway}/zone/{device}/status",
    "hydro/{gateway}/zone/{device}/time/request",
    "devices/{id}/power",
    "devices/{id}/ext/tele/{device}/SENSOR",
    "devices/{id}/up/commands/1/ack",
    "bootstrap/x/hello",
    "zeus/devices/{device}/telemetry",
    "+door/{tenant}/{id}",
]
SEGMENTS = st.sampled_from(
    ["", "#", "+", "$SYS", "..", "a\x00b", "x" * 500, "device", "data", "\u202e", " "]
)
_msgpack = st.sampled_from(DOCUMENTS).map(msgspec.msgpack.encode).flatmap(garbled)


@st.composite
def topics(draw: st.DrawFn) -> str:
    """Return a topic of the product, perhaps with another segment."""
    topic = draw(st.sampled_from(TOPICS))
    if draw(st.integers(0, 3)) == 0:
        parts = topic.split("/")
        parts[draw(st.integers(0, len(parts) - 1))] = draw(SEGMENTS)
        topic = "/".join(parts)
    return topic


def real_payloads() -> list[bytes]:
    """Return what hardware really sends, where these files exist."""
    files = [path for path in sorted((REALDATA / "payloads").rglob("*")) if path.is_file()]
    return [path.read_bytes()[:4096] for path in files if path.name != "expected.json"]


REAL = real_payloads() or [b"{}"]
MESSAGE = st.tuples(
    topics(),
    st.one_of(payloads(DOCUMENTS), _msgpack, st.sampled_from(REAL).flatmap(garbled)),
    st.booleans(),
)


@fuzz
@given(st.lists(MESSAGE, min_size=MESSAGES, max_size=MESSAGES))
def test_every_message_is_stored_or_kept_and_no_neighbour_is_lost(bench, messages):  # noqa: F811
    names = {
        "tenant": bench.team.tenant.id, "gateway": bench.device.gateway.uid,
        "device": bench.device.uid, "id": bench.device.id,
    }  # fmt: skip
    RejectedMessage.objects.all().delete()
    first, last = next(NUMBERS), next(NUMBERS)
    entry = [good(bench, first)]
    for topic, payload, is_retained in messages:
        for name, value in names.items():
            topic = topic.replace("{" + name + "}", str(value))
        found = bench.envelope(payload, topic=topic)
        entry.append(msgspec.structs.replace(found, is_retained=is_retained))
    entry.append(good(bench, last))

    bench.buffer.append(entry)
    drain(bench)

    assert {first, last} <= neighbours(bench)
    crashed = RejectedMessage.objects.filter(reason="internal_error")
    assert not list(crashed.values_list("topic", "payload", "detail"))


def good(bench: Bench, number: int) -> Any:  # noqa: F811
    """Return a reading that is stored, of a metric that nothing else sends."""
    return bench.envelope({"ts": T0 - 86_400 + number, "values": {"neighbour": number}})


def neighbours(bench: Bench) -> set[int]:  # noqa: F811
    """Return the numbers of the good readings that are stored."""
    return {row[1] + 86_400 for row in bench.samples() if row[0] == "neighbour"}


def drain(bench: Bench) -> None:  # noqa: F811
    """Let the worker store all; it must not need help."""
    for _ in range(ROUNDS):
        if not bench.redis.xlen(bench.buffer.stream):
            return
        bench.worker.run_once()
    raise AssertionError("the worker does not get on")
