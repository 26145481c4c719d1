"""One socket: order, coalescing, pace and credit."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.live.frames import encode_points, make_snapshot
from telemetry.live.messages import Subscribe
from telemetry.live.room import FeedKey, Room
from telemetry.live.signin import Identity
from telemetry.live.viewer import Subscription, Viewer

TENANT = uuid.UUID(int=1)
IDENTITY = Identity(
    uuid.UUID(int=2), TENANT, "session", "hash", dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
)
DEVICE = "d1"


def point(value: float, *, time_ms: int = 1, metric: str = "power", device: str = DEVICE):
    return [device, metric, time_ms, value, "good"]


def keyed(points):
    return {(point[0], point[1]): point for point in points}


class Socket:
    """A viewer with one subscription to one device, and what was sent to it."""

    def __init__(self, *, held: bool = False) -> None:
        self.sent: list[dict] = []
        self.codes: list[int] = []
        self.now = 0.0
        self.viewer = Viewer(IDENTITY, send=self._send, close=self._close, now=0.0)
        self.room = Room(TENANT, now=0.0)
        self.subscription = self.subscribe("a", FeedKey(frozenset({DEVICE}), None, 250))
        if not held:
            self.subscription.held = None

    async def _send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def _close(self, code: int) -> None:
        self.codes.append(code)

    def subscribe(self, name: str, key: FeedKey) -> Subscription:
        subscription = Subscription(
            Subscribe(id=name), self.viewer, self.room.feed(key), key.devices or frozenset()
        )
        self.viewer.subscriptions[name] = subscription
        self.room.add(subscription)
        return subscription

    def offer(self, *points) -> None:
        texts = encode_points(points)
        text = texts[0].decode() if len(texts) == 1 else None
        self.viewer.offer(self.subscription, keyed(points), text)

    async def run(self) -> float | None:
        return await self.viewer.send_waiting(self.now)

    async def step(self, *points, seconds: float = 0.25) -> None:
        self.now += seconds
        self.offer(*points)
        await self.run()

    def acknowledge(self, number: int) -> None:
        self.viewer.credit.acknowledge(number, now=self.now)

    def values(self) -> list[float]:
        return [point[3] for frame in self.sent for point in frame.get("points", [])]


async def test_points_go_out_numbered():
    socket = Socket()

    await socket.step(point(1.0))
    await socket.step(point(2.0))

    assert socket.sent == [
        {"type": "data", "seq": 1, "points": [point(1.0)]},
        {"type": "data", "seq": 2, "points": [point(2.0)]},
    ]


async def test_at_most_ten_frames_a_second_and_the_last_value_arrives():
    socket = Socket()
    await socket.run()

    for n in range(200):
        socket.now += 0.01
        socket.offer(point(float(n), time_ms=n))
        wait = await socket.run()
    socket.now += wait or 0.0
    await socket.run()

    assert len(socket.sent) <= 2 * 10 + 3
    assert socket.values()[-1] == 199.0


async def test_without_credit_values_replace_each_other():
    socket = Socket()
    for n in range(64):
        await socket.step(point(float(n), time_ms=n))

    for n in range(64, 100):
        await socket.step(point(float(n), time_ms=n))

    assert len(socket.sent) == 64
    socket.acknowledge(10)
    await socket.run()
    assert socket.sent[64:] == [
        {"type": "data", "seq": 65, "points": [point(99.0, time_ms=99)]},
        {"type": "lag", "dropped": 35},
    ]


async def test_a_stalled_socket_keeps_one_point_for_each_channel():
    socket = Socket()
    for n in range(1000):
        await socket.step(point(float(n), time_ms=n, metric=f"metric_{n % 5}"))

    assert len(socket.viewer._backlog) == 5


async def test_large_frames_use_up_the_credit_by_their_size():
    socket = Socket()
    big = [point(1.5, metric=f"metric_{n}" + "x" * 40) for n in range(500)]

    for n in range(64):
        await socket.step(*[[*p[:2], n, *p[3:]] for p in big])

    assert len(socket.sent) < 20
    assert sum(len(json.dumps(frame)) for frame in socket.sent) < 700_000


async def test_values_wait_for_the_snapshot_of_their_subscription():
    socket = Socket(held=True)

    await socket.step(point(2.0, time_ms=20), point(1.0, time_ms=5, metric="voltage"))
    assert socket.sent == []
    snapshot = [[*point(1.0, time_ms=10), "kW"], [*point(1.0, time_ms=5, metric="voltage"), "V"]]
    socket.viewer.give_snapshot(socket.subscription, make_snapshot(snapshot))
    await socket.run()

    assert socket.sent == [
        {"type": "snapshot", "id": "a", "seq": 1, "points": snapshot},
        {"type": "data", "seq": 2, "points": [point(2.0, time_ms=20)]},
    ]


async def test_a_new_snapshot_overtakes_older_waiting_values():
    socket = Socket()
    for n in range(65):
        await socket.step(point(float(n), time_ms=n))
    snapshot = make_snapshot([[*point(70.0, time_ms=70), "kW"]])
    socket.viewer.give_snapshot(socket.subscription, snapshot)

    socket.acknowledge(64)
    await socket.run()

    assert [frame["type"] for frame in socket.sent[64:]] == ["snapshot", "lag"]


async def test_a_snapshot_that_was_not_sent_is_replaced():
    socket = Socket()
    for n in range(64):
        await socket.step(point(float(n), time_ms=n))
    for value in (1.0, 2.0, 3.0):
        snapshot = make_snapshot([[*point(value, time_ms=100), "kW"]])
        socket.viewer.give_snapshot(socket.subscription, snapshot)

    socket.acknowledge(64)
    await socket.run()

    assert socket.values()[64:] == [3.0]


async def test_an_ended_subscription_takes_its_waiting_values_along():
    socket = Socket()
    other = socket.subscribe("b", FeedKey(frozenset({"d2"}), None, 250))
    other.held = None
    for n in range(65):
        await socket.step(point(float(n), time_ms=n))
    socket.viewer.offer(other, keyed([point(7.0, device="d2")]), None)

    socket.viewer.drop_subscription(socket.subscription)
    socket.acknowledge(64)
    await socket.run()

    assert socket.sent[64]["points"] == [point(7.0, device="d2")]


async def test_a_closed_socket_gets_nothing_more():
    socket = Socket()
    socket.offer(point(1.0))

    await socket.viewer.close(4408)
    await socket.viewer.close(4401)
    await socket.run()
    await socket.viewer.send_message({"type": "pong"})

    assert socket.codes == [4408]
    assert socket.sent == []


steps = st.lists(
    st.tuples(
        st.sampled_from(["offer", "offer", "offer", "ack", "snapshot", "wait"]),
        st.integers(0, 3),
    ),
    max_size=300,
)


@pytest.mark.parametrize("held", [False, True])
@settings(max_examples=60, deadline=None)
@given(steps=steps)
async def test_the_client_always_ends_with_the_newest_values(held, steps):
    """Whatever is offered, acknowledged and re-read: the last value of each channel is shown."""
    socket = Socket(held=held)
    newest: dict[str, list] = {}
    time_ms = 0
    for step, number in steps:
        if step == "offer":
            time_ms += 1
            metric = f"metric_{number}"
            newest[metric] = point(float(time_ms), time_ms=time_ms, metric=metric)
            await socket.step(newest[metric], seconds=0.01)
        elif step == "ack":
            socket.acknowledge(max(0, socket.viewer.credit.sent - number))
        elif step == "snapshot":
            snapshot = make_snapshot([[*value, "kW"] for value in newest.values()])
            socket.viewer.give_snapshot(socket.subscription, snapshot)
        socket.now += 0.02
        await socket.run()
        assert socket.viewer.credit.owed <= 64
    if socket.subscription.held is not None:
        socket.viewer.give_snapshot(socket.subscription, make_snapshot([]))
    socket.acknowledge(socket.viewer.credit.sent)
    for _ in range(5):
        socket.now += 1.0
        await socket.run()
        socket.acknowledge(socket.viewer.credit.sent)

    shown = {point[1]: point for frame in socket.sent for point in frame.get("points", [])}
    assert {metric: value[:4] for metric, value in shown.items()} == {
        metric: value[:4] for metric, value in newest.items()
    }
