"""`/ws/telemetry`: the messages that older clients know."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from energy.asgi import application
from telemetry.live import seed_consumer
from telemetry.live.event_pump import EventPump
from tests.factories import DeviceFactory
from tests.live.sockets import NOW_MS, Socket, send_frame
from tests.live.test_events import happen, tell
from tests.live.test_ways_to_sign_in import ticket_of, token_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis", "own_layer", "in_one_thread"),
]


@contextlib.asynccontextmanager
async def opened(query: str) -> AsyncIterator[Socket]:
    socket = Socket(application, f"/ws/telemetry?{query}", headers=[(b"host", b"localhost")])
    accepted, _ = await socket.connect(timeout=60)
    assert accepted
    try:
        yield socket
    finally:
        await socket.disconnect(timeout=60)


async def test_values_come_device_by_device(red, meter):
    other = DeviceFactory(tenant=red.tenant)
    ticket = await ticket_of(red.viewer)
    async with opened(f"token={ticket}&devices={meter.id},{other.id}") as socket:
        first = await socket.receive_json_from(timeout=60)
        await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1000, 7.5, "good"])
        second = await socket.receive_json_from(timeout=60)

    assert first["type"] == "measurement"
    assert second == {
        "type": "measurement", "device_id": str(meter.id), "data": {"power": 7.5},
        "timestamp": "2026-11-20T12:00:01.000Z",
    }  # fmt: skip


async def test_statuses_and_alarms_come(red, meter):
    ticket = await ticket_of(red.viewer)
    pump = EventPump()
    async with opened(f"token={ticket}") as socket:
        await socket.hear("measurement")
        with red.scope():
            happen(meter, "OFFLINE", kind="presence")
            happen(meter, "ONLINE", kind="gateway_presence")
            happen(meter, "HOT", severity="critical")
            happen(meter, "SECRET", kind="campaign")
        await tell(pump)
        told = [await socket.receive_json_from(timeout=60) for _ in range(3)]
        assert await socket.receive_nothing(0.3)

    assert [(one["type"], one.get("status")) for one in told] == [
        ("device_status", "offline"), ("gateway_status", "online"), ("alarm", None),
    ]  # fmt: skip
    assert told[1]["gateway_id"] == str(meter.gateway_id)
    assert (told[2]["severity"], told[2]["code"]) == ("critical", "HOT")


async def test_a_ping_is_answered_and_stands_for_acknowledgement(red, meter, monkeypatch):
    monkeypatch.setattr(seed_consumer.SeedConsumer, "ack_seconds", 1.0)
    ticket = await ticket_of(red.viewer)
    async with opened(f"token={ticket}&devices={meter.id}") as socket:
        await socket.hear("measurement")
        for _ in range(3):
            await socket.say("ping")
            assert (await socket.receive_json_from(timeout=60))["type"] == "pong"
            assert await socket.receive_nothing(0.6)
        await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1000, 7.5, "good"])
        assert await socket.closed() == 4408


async def test_a_token_in_the_address_is_refused(red):
    token = await token_of(red.viewer)
    async with opened(f"token={token}") as socket:
        assert await socket.closed() == 4401


@pytest.mark.parametrize(("devices", "code"), [("x", 4400), ("foreign", 4403)])
async def test_devices_that_are_not_theirs_are_refused(red, foreign, devices, code):
    ticket = await ticket_of(red.viewer)
    named = str(foreign.id) if devices == "foreign" else devices
    async with opened(f"token={ticket}&devices={named}") as socket:
        assert (await socket.receive_json_from(timeout=60))["type"] == "error"
        assert await socket.closed() == code


async def test_other_messages_are_unknown(red, meter):
    ticket = await ticket_of(red.viewer)
    async with opened(f"token={ticket}&devices={meter.id}") as socket:
        await socket.say("sub", id="x", tenant=True)
        assert await socket.hear("error") == {"type": "error", "code": "unknown_message"}
