"""Events on sockets: what is shown to whom, in which order, and what a stalled one is told."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import orjson
import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Role
from devices.models import DeviceUserPermission, LiveEvent, Severity
from devices.services.device_events import record_device_event
from devices.services.live_events import number_events
from telemetry.live import consumer as consumer_module
from telemetry.live import hub as hub_module
from telemetry.live.credit import CreditWindow
from telemetry.live.event_pump import EventPump
from telemetry.live.rooms import EVENTS
from tests.admin.makers import make_share
from tests.events.test_written import order
from tests.factories import NOW, DeviceFactory, MembershipFactory, SiteFactory, UserFactory
from tests.live.sockets import Socket, connect, send_frame

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis", "own_layer", "in_one_thread"),
]


@pytest.fixture
def pump() -> EventPump:
    """What the reactor numbers events with."""
    return EventPump()


def happen(device: Any, *codes: str, kind: str = "alarm", severity: str = "info") -> None:
    for code in codes:
        record_device_event(
            device=device, kind=kind, code=code, at=NOW, severity=Severity(severity)
        )


async def tell(pump: EventPump, *, lose: bool = False) -> None:
    """Number what happened and tell the hubs, as the reactor does; or lose what is told."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tenant_id FROM devices_liveevent")
        rooms = {row[0].hex: frozenset({EVENTS}) for row in cursor.fetchall()}
    pump._at = 0.0
    for room, messages in pump.step(rooms, 1.0).items():
        for message in [] if lose else messages:
            await get_channel_layer().group_send(f"live.{room}", message)


async def listen(socket: Socket, *types: str, **wanted: Any) -> dict[str, Any]:
    """Subscribe as `a` and return the answer."""
    await socket.say("sub", id="a", types=list(types), **wanted)
    answer = await socket.hear("ok", "err")
    if answer["type"] == "ok":
        await socket.hear("snapshot")
    return answer


def codes(message: dict[str, Any]) -> list[str]:
    return [event["payload"]["code"] for event in message["events"]]


async def test_an_event_comes_with_its_envelope(red, meter, pump):
    with red.scope():
        async with connect(red.viewer) as socket:
            assert (await listen(socket, "alarm", tenant=True))["since_seq"] == 0
            happen(meter, "HOT", severity="critical")
            await tell(pump)
            message = await socket.hear("event")

    (event,) = message["events"]
    assert message["seq"] == event["seq"] == 1
    assert uuid.UUID(event.pop("event_id"))
    assert event.pop("payload")["code"] == "HOT"
    assert event == {
        "seq": 1, "event_type": "alarm", "severity": "critical", "site": str(meter.site_id),
        "occurred_at": "2026-11-20T12:00:00Z", "gateway": str(meter.gateway_id),
        "device": str(meter.id),
    }  # fmt: skip


async def test_each_hears_what_was_asked_for(red, pump):
    with red.scope():
        plant = SiteFactory(tenant=red.tenant)
        here = DeviceFactory(site=plant, gateway=None)
        there = DeviceFactory(tenant=red.tenant, gateway=None)
        wanted = {
            "device": {"devices": [str(there.id)]},
            "site": {"sites": [str(plant.id)]},
            "severe": {"tenant": True, "min_severity": "error"},
            "other": {"tenant": True, "types": ["actuator_alert"]},
            "all": {"tenant": True},
        }
        heard: dict[str, list[str]] = {}
        for name, target in wanted.items():
            async with connect(red.viewer) as socket:
                types = target.pop("types", ["alarm"])
                await listen(socket, *types, **target)
                happen(here, f"{name}1")
                happen(there, f"{name}2", severity="critical")
                happen(here, f"{name}3", kind="actuator_alert")
                await tell(pump)
                heard[name] = [code[-1] for code in codes(await socket.hear("event"))]

    expected = {"device": "2", "site": "1", "severe": "2", "other": "3", "all": "12"}
    assert heard == {name: list(found) for name, found in expected.items()}


async def test_subscriptions_of_one_socket_hear_an_event_once(red, meter, pump):
    with red.scope():
        async with connect(red.viewer) as socket:
            await listen(socket, "alarm", tenant=True)
            await socket.say("sub", id="b", devices=[str(meter.id)], types=["alarm", "command"])
            await socket.hear("ok")
            await socket.hear("snapshot")
            happen(meter, "A", "B")
            order(meter)
            await tell(pump)
            message = await socket.hear("event")
            assert await socket.receive_nothing(0.4)

    assert [event["event_type"] for event in message["events"]] == ["alarm", "alarm", "command"]


async def test_resumes_after_a_number(red, meter, pump):
    with red.scope():
        happen(meter, "A", "B", "C")
        await tell(pump)
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", tenant=True, types=["alarm"], since_seq=1)
            answer = await socket.hear("ok")
            first = await socket.hear("event")
            happen(meter, "D")
            await tell(pump)
            second = await socket.hear("event")

    assert answer["since_seq"] == 3
    assert (codes(first), first["seq"]) == (["B", "C"], 3)
    assert (codes(second), second["seq"]) == (["D"], 4)


@pytest.mark.parametrize(
    ("since", "code"), [(0, "events_deleted"), (1, "events_deleted"), (9, "unknown_seq")]
)
async def test_a_number_that_cannot_be_resumed_from_is_refused(red, meter, pump, since, code):
    with red.scope():
        happen(meter, "A", "B", "C", "D")
        await tell(pump)
        LiveEvent.objects.filter(seq__lte=2).delete()
        async with connect(red.viewer) as socket:
            answer = await listen(socket, "alarm", tenant=True, since_seq=since)

            assert answer == {"type": "err", "id": "a", "code": code}
            assert (await listen(socket, "alarm", tenant=True, since_seq=2))["type"] == "ok"


async def test_too_many_are_for_the_api(red, meter, pump, monkeypatch):
    monkeypatch.setattr("telemetry.live.event_reads.MAX_RESUMED", 2)
    with red.scope():
        happen(meter, "A", "B", "C")
        await tell(pump)
        async with connect(red.viewer) as socket:
            answer = await listen(socket, "alarm", tenant=True, since_seq=0)

    assert answer["code"] == "too_many_events"


async def test_what_the_layer_loses_is_read_from_the_table_in_order(red, meter, pump):
    with red.scope():
        async with connect(red.viewer) as socket:
            await listen(socket, "alarm", tenant=True)
            happen(meter, "A", "B")
            await tell(pump, lose=True)
            happen(meter, "C")
            await tell(pump)
            message = await socket.hear("event")

    assert codes(message) == ["A", "B", "C"]


async def test_a_beat_tells_that_the_last_ones_are_lost(red, meter, pump, monkeypatch):
    monkeypatch.setattr(hub_module, "REFRESH_SECONDS", 60.0)
    with red.scope():
        async with connect(red.viewer) as socket:
            await listen(socket, "alarm", tenant=True)
            happen(meter, "A")
            await tell(pump, lose=True)
            assert await socket.receive_nothing(0.8)
            await get_channel_layer().group_send(
                f"live.{red.tenant.id.hex}",
                {
                    "type": "live.frame", "room": red.tenant.id.hex, "epoch": "e", "age": 3600.0,
                    "n": 0, "seq": 1, "points": b"",
                },
            )  # fmt: skip
            message = await socket.hear("event")

    assert codes(message) == ["A"]


async def test_values_and_their_pace_do_not_hold_events_up(red, meter, pump):
    with red.scope():
        async with connect(red.viewer) as socket:
            await listen(socket, "measurement", "alarm", tenant=True, rate_ms=60_000)
            for number in range(1, 4):
                point = [str(meter.id), "power", 2_000_000_000_000 + number, 1.0, "good"]
                await send_frame(red.tenant, point, number=number)
            happen(meter, *(f"C{number}" for number in range(30)))
            await tell(pump)
            message = await socket.hear("event")

    assert codes(message) == [f"C{number}" for number in range(30)]


async def test_a_stalled_socket_is_told_where_to_resume(red, meter, pump, monkeypatch):
    monkeypatch.setattr(consumer_module, "CreditWindow", lambda **_: CreditWindow(max_frames=2))
    with red.scope():
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", tenant=True, types=["alarm"])
            while (await socket.receive_json_from(timeout=60))["type"] != "snapshot":
                continue
            frames = []
            for code in "ABCDE":
                happen(meter, code)
                await tell(pump)
            while not await socket.receive_nothing(0.5):
                frames.append(await socket.receive_json_from())
            shown = [c for frame in frames if frame["type"] == "event" for c in codes(frame)]
            await socket.say("ack", n=2)
            lag = await socket.receive_json_from()
            await socket.say("sub", id="a", tenant=True, types=["alarm"],
                             since_seq=lag["since_seq"])  # fmt: skip
            again = await socket.hear("event")

    assert lag["type"] == "lag"
    assert shown + codes(again) == list("ABCDE")
    assert lag["dropped"] == 5 - len(shown) > 0


async def test_nothing_crosses_tenants(red, blue, meter, foreign, pump):
    async with connect(red.viewer) as socket:
        await listen(socket, "alarm", tenant=True)
        with blue.scope():
            happen(foreign, "THEIRS")
        with red.scope():
            happen(meter, "OURS")
        await tell(pump)
        assert codes(await socket.hear("event")) == ["OURS"]
        assert await socket.receive_nothing(0.3)


async def test_a_guest_hears_the_presence_of_what_is_shared(red, meter, pump):
    other = DeviceFactory(tenant=red.tenant)
    guest = UserFactory()
    now = timezone.now()
    for permission in ("read:telemetry", "read:device"):
        share(meter, guest, permission, now)
    async with connect(guest) as socket:
        refused = await listen(socket, "alarm", tenant=True)
        await listen(socket, "device_status", tenant=True)
        with red.scope():
            happen(other, "OFFLINE", kind="presence")
            happen(meter, "OVERHEATED")
            happen(meter, "ONLINE", kind="presence")
        await tell(pump)
        message = await socket.hear("event")
        assert await socket.receive_nothing(0.3)

    assert refused["code"] == "forbidden_type"
    assert codes(message) == ["ONLINE"]


def share(device: Any, guest: Any, permission: str, now: dt.datetime) -> None:
    content_type = ContentType.objects.get_for_model(type(device))
    found, _ = Permission.objects.get_or_create(
        codename=permission, content_type=content_type, defaults={"name": "x"}
    )
    make_share(
        DeviceUserPermission, device, user=guest, permission=found,
        valid_from=now - dt.timedelta(1), expires_at=now + dt.timedelta(1),
    )  # fmt: skip


async def test_a_right_that_ends_ends_the_subscription(red, meter, pump, monkeypatch):
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.1)
    with red.scope():
        codes_ = ["read:telemetry", "read:device", "read:command"]
        role = Role.objects.create(tenant=red.tenant, name="Listener", codes=codes_)
        person = MembershipFactory(tenant=red.tenant, role="", custom_role=role).user
        async with connect(person) as socket:
            await listen(socket, "command", tenant=True)
            Role.objects.filter(id=role.id).update(codes=["read:telemetry", "read:device"])
            error = await socket.hear("err")
            order(meter)
            await tell(pump)
            assert await socket.receive_nothing(0.3)

    assert error == {"type": "err", "id": "a", "code": "forbidden_type"}


async def test_numbering_waits_while_the_database_is_away(red, meter, pump, monkeypatch):
    def refuse() -> None:
        raise OperationalError("gone")

    with red.scope():
        happen(meter, "A")
        monkeypatch.setattr("telemetry.live.event_pump.number_events", refuse)
        monkeypatch.setattr("telemetry.live.event_pump.connection.close", lambda: None)
        assert pump.step({}, 1.0) == {}
        monkeypatch.setattr("telemetry.live.event_pump.number_events", number_events)
        assert pump.step({red.tenant.id.hex: frozenset({EVENTS})}, 1.5) == {}
        told = pump.step({red.tenant.id.hex: frozenset({EVENTS})}, 3.1)

    (message,) = told[red.tenant.id.hex]
    assert [event["seq"] for event in orjson.loads(message["events"])] == [1]
