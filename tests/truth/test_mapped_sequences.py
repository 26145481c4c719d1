"""Numbers of messages that a mapping understands: gaps and receipts as for our own messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.tenancy import all_tenants
from devices.models import Device, OutboundMessage
from telemetry.decoding.errors import MappingError
from telemetry.decoding.mapping import compile_mapping
from telemetry.ingest import quota
from telemetry.models import DeviceSequence, SequenceGap
from tests.decoding.test_foreign_worker import ext, family
from tests.frames.test_sparkplug import FLOAT, message
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())
COUNTED = {
    "topics": [
        {
            "topic": "werk/{device}/messung",
            "each": "rows[{_}]",
            "time": {"path": "at"},
            "sequence": {"path": "No", "boot": "Head.Boots"},
            "values": [{"path": "W", "channel": "active_power_net", "unit": "W"}],
        },
        {
            "topic": "werk/all",
            "each": "{device}",
            "time": {"path": "at"},
            "sequence": {"path": "No"},
            "values": [{"path": "W", "channel": "active_power_net", "unit": "W"}],
        },
    ]
}
FRAMED = {
    "topics": [
        {
            "topic": "spBv1.0/{_}/{_}/{device}",
            "format": "sparkplug",
            "sequence": {"path": "Head/No", "boot": "Head/Boots"},
            "values": [{"obis": "Power", "channel": "active_power_net", "unit": "W"}],
        }
    ]
}


def send(bench: Bench, *numbers: Any, boot: Any = 4) -> None:
    rows = [{"at": T0 + n, "No": number, "W": n} for n, number in enumerate(numbers)]
    document = {"Head": {"Boots": boot}, "rows": rows}
    bench.send(document, topic=ext(bench, "werk/box-1/messung"))
    bench.drain()


def received(uid: str = "box-1") -> list[tuple[int, str]]:
    with all_tenants():
        found = DeviceSequence.objects.filter(device__uid=uid).order_by("boot")
        return [(row.boot, str(row.received)) for row in found]


def gaps() -> list[tuple[int, int]]:
    with all_tenants():
        return list(SequenceGap.objects.order_by("start").values_list("start", "end"))


def test_numbers_stand_where_the_mapping_says(bench: Bench) -> None:
    family(bench, COUNTED)

    send(bench, 1, "2", 3.0, 6)

    assert received() == [(4, "{[1, 4), [6, 7)}")]
    assert gaps() == [(4, 5)]
    assert bench.reasons() == []


@pytest.mark.parametrize("number", ["x", "-1", 2.5, True, None, -1, 2**60, {}])
def test_what_is_no_number_counts_nothing(bench: Bench, number: Any) -> None:
    family(bench, COUNTED)

    send(bench, number)

    assert received() == []
    assert len(bench.samples()) == 1


def test_each_device_of_a_message_counts_for_itself(bench: Bench) -> None:
    family(bench, COUNTED)
    family(bench, COUNTED, uid="box-2")
    document = {f"box-{n}": {"at": T0, "No": n, "W": n} for n in (1, 2)}

    bench.send(document, topic=ext(bench, "werk/all"))
    bench.drain()

    assert (received(), received("box-2")) == ([(0, "{[1, 2)}")], [(0, "{[2, 3)}")])


def test_a_receipt_is_sent_and_a_repetition_adds_nothing(bench: Bench) -> None:
    family(bench, COUNTED)

    for _ in range(2):
        send(bench, 1, 2, 3)
        bench.now = bench.now.replace(second=59)
        bench.worker.run_once()

    (told,) = OutboundMessage.objects.filter(topic__endswith="/down/receipt")
    assert json.loads(bytes(told.payload)) == {"device": "box-1", "boot": 4, "upto": 3}
    assert len(bench.samples()) == 3


def test_what_was_beyond_the_quota_did_arrive(bench: Bench, monkeypatch: Any) -> None:
    family(bench, COUNTED)
    send(bench, 1)
    monkeypatch.setattr(quota.Quota, "refused", lambda *_a, **_k: frozenset({0}))

    send(bench, 2)

    assert received() == [(4, "{[1, 3)}")]
    assert bench.reasons() == ["quota"]


def test_frames_name_their_numbers_too(bench: Bench) -> None:
    family(bench, FRAMED, uid="edge")
    names = ("Head/No", "Head/Boots", "Power")
    for number in (1, 3):
        values = (number, 7, 1000 + number)
        metrics = [
            {"name": name, "datatype": FLOAT, "float_value": value}
            for name, value in zip(names, values, strict=True)
        ]
        data = message(number, *metrics, timestamp=(T0 + number) * 1000)
        bench.send(data, topic=ext(bench, "spBv1.0/plant/NDATA/edge"))
        bench.drain()

    assert bench.reasons() == []
    assert received("edge") == [(7, "{[1, 2), [3, 4)}")]
    assert gaps() == [(2, 2)]
    assert {row[0] for row in bench.samples()} == {"active_power_net"}


@pytest.mark.parametrize("kaiser", [True, False])
def test_the_dialects_count_too(bench: Bench, kaiser: bool) -> None:
    with all_tenants():
        gateway = bench.device.gateway.uid
        uid = Device.objects.get(id=bench.device.id).uid
    topic = f"kaiser/{gateway}/esp/{uid}/sensor/4/data"
    document = {"sensor_type": "ph", "value": 7.0}
    if not kaiser:
        topic = f"hydro/{gateway}/zone/{uid}/PH/telemetry"
        document = {"metric_type": "PH", "value": 7.0}

    for number in (1, 2, 4):
        bench.send({"ts": T0 + number, "boot": 2, "seq": number, **document}, topic=topic)
    bench.drain()

    assert received(uid) == [(2, "{[1, 3), [4, 5)}")]


@pytest.mark.parametrize("sequence", [{}, {"path": "a[", "boot": ""}, {"path": "a", "x": 1}])
def test_a_wrong_place_is_named(sequence: dict[str, Any]) -> None:
    spec = {"topics": [{"topic": "a/{device}", "sequence": sequence, "values": []}]}

    with pytest.raises(MappingError) as caught:
        compile_mapping(spec)

    assert caught.value.path.startswith("topics[0].sequence")
