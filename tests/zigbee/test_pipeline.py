"""Through the worker: quality, duplicates and rejection as for every other device."""

from __future__ import annotations

import msgspec
import pytest

from devices.services.zigbee import accept_claim
from telemetry.ingest.envelope import Envelope, unpack
from telemetry.quality import Quality
from tests.devices.test_read_ahead import Wire, publish
from tests.ingest.conftest import START, Bench, bench  # noqa: F401 (a fixture)
from tests.zigbee.conftest import Zigbee, plug, sensor

NAME = "Kitchen/Fridge plug"


@pytest.fixture
def network(bench: Bench) -> Bench:  # noqa: F811
    """A worker, and a gateway with an accepted plug and a sensor that nobody accepted."""
    zigbee = Zigbee(bench.team, bench.device.gateway, at=START)
    zigbee.start(plug(), sensor())
    with bench.team.scope():
        accept_claim(claim_id=zigbee.claim().id, now=START)
    return bench


def send(bench: Bench, name: str, document: object, *, is_retained: bool = False) -> None:  # noqa: F811
    envelope = bench.envelope(document, topic=f"{bench.prefix}/zigbee2mqtt/{name}")
    bench.buffer.append([msgspec.structs.replace(envelope, is_retained=is_retained)])
    bench.drain()


def test_a_state_is_stored_in_canonical_units(network):
    send(network, NAME, {"power": 49.6, "energy": 0.66, "voltage": 241, "update": None})

    assert network.samples() == [
        ("active_energy_import", 0, 0.66, 0), ("active_power_net", 0, 0.0496, 0),
        ("voltage_l1", 0, 241.0, 0),
    ]  # fmt: skip
    assert network.reasons() == []


def test_repeated_and_retained_states_add_nothing(network):
    said = {"power": 5, "last_seen": "2026-11-20T11:59:50Z"}
    for is_retained in (False, False, True):
        send(network, NAME, said, is_retained=is_retained)
    send(network, NAME, {"power": 9}, is_retained=True)

    assert network.samples() == [("active_power_net", -10, 0.005, 0)]
    assert network.reasons() == []


def test_an_implausible_value_is_bad(network):
    send(network, NAME, {"voltage": 99_999})

    assert network.samples() == [("voltage_l1", 0, 99_999.0, Quality.BAD.value)]


def test_another_value_for_the_same_time_is_rejected(network):
    for power in (5, 6):
        send(network, NAME, {"power": power, "last_seen": "2026-11-20T11:59:50Z"})

    assert network.samples() == [("active_power_net", -10, 0.005, 0)]
    assert network.reasons() == ["conflicting_value"]


@pytest.mark.parametrize(("document", "reason"), [
    ({"power": 1, "last_seen": "2027-01-01T00:00:00Z"}, "time_in_future"),
    ({"power": 1, "last_seen": "2026-11-20T11:00:00"}, "naive_time"),
    ({"power": 1, "last_seen": {"a": 1}}, "bad_time"),
    (b"{", "bad_payload"),
    (b"x" * 65_537, "bad_payload"),
    (b"x" * 1_048_577, "too_large"),
])  # fmt: skip
def test_what_cannot_be_used_is_rejected_with_its_reason(network, document, reason):
    send(network, NAME, document)

    assert network.samples() == []
    assert network.reasons() == [reason]


def test_who_is_not_accepted_is_rejected(network):
    send(network, "Door", {"temperature": 5})

    assert network.samples() == []
    assert network.reasons() == ["unknown_device"]


def test_an_empty_message_is_neither_stored_nor_rejected(network):
    send(network, NAME, b"")

    assert (network.samples(), network.reasons()) == ([], [])


def test_what_was_never_announced_counts_only_when_its_meaning_is_known(network):
    send(network, NAME, {"producing_something": 3})
    send(network, NAME, {"produced_energy": 3})

    assert network.samples() == [("active_energy_export", 0, 3.0, 0)]


def test_the_listener_knows_what_was_retained():
    wire = Wire()
    packet = bytearray(publish(b"a/b", b"1"))
    retained = bytes([packet[0] | 1]) + bytes(packet[1:])
    wire.peer.sendall(bytes(packet) + retained)
    wire.client.read_ahead()

    assert [message.is_retained for message in wire.client.take_messages(9)] == [False, True]


def test_entries_of_before_the_update_can_be_read():
    old = msgspec.msgpack.encode([["mqtt", "t", b"1", 5, ""]])

    assert unpack(old) == [Envelope("mqtt", "t", b"1", 5)]
