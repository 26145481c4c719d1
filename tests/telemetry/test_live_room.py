"""Who gets which points, and that equal filters are encoded once."""

from __future__ import annotations

import uuid

import pytest

from telemetry.live.frames import make_snapshot
from telemetry.live.messages import Subscribe
from telemetry.live.room import FeedKey, Room
from telemetry.live.rooms import EVERYTHING
from telemetry.live.viewer import Subscription

TENANT = uuid.UUID(int=1)


class Recorder:
    """Stands for a viewer; keeps what it is offered."""

    def __init__(self) -> None:
        self.offers: list[tuple[list, str | None]] = []
        self.snapshots: list[object] = []

    def offer(self, subscription, points, text) -> None:
        self.offers.append((points, text))

    def give_snapshot(self, subscription, snapshot) -> None:
        self.snapshots.append(snapshot)


def point(device: str, metric: str = "power", *, time_ms: int = 1):
    return [device, metric, time_ms, 1.0, "good"]


def subscribe(room: Room, devices, *, metrics=None, rate_ms: int = 250) -> Subscription:
    names = None if devices is None else frozenset(devices)
    key = FeedKey(names, metrics and frozenset(metrics), rate_ms)
    subscription = Subscription(Subscribe(id="a"), Recorder(), room.feed(key), names or frozenset())
    room.add(subscription)
    return subscription


def pending(subscription: Subscription) -> list:
    return list(subscription.feed.pending.values())


def test_points_reach_the_feeds_of_their_device():
    room = Room(TENANT, now=0.0)
    one, two, all_devices = subscribe(room, ["d1"]), subscribe(room, ["d2"]), subscribe(room, None)

    touched = room.distribute([point("d1"), point("d3")])

    assert touched == {one.feed, all_devices.feed}
    assert pending(one) == [point("d1")]
    assert pending(two) == []
    assert pending(all_devices) == [point("d1"), point("d3")]


def test_metrics_narrow_a_feed():
    room = Room(TENANT, now=0.0)
    narrow = subscribe(room, ["d1"], metrics=["voltage"])

    room.distribute([point("d1"), point("d1", "voltage")])

    assert pending(narrow) == [point("d1", "voltage")]


def test_sockets_with_the_same_filter_share_one_encoded_text():
    room = Room(TENANT, now=0.0)
    first, second = subscribe(room, ["d1"]), subscribe(room, ["d1"])
    room.distribute([point("d1")])

    first.feed.hand_out(now=10.0)

    assert first.feed is second.feed
    [(_, text)], [(_, other_text)] = first.viewer.offers, second.viewer.offers
    assert text is other_text
    assert first.feed.due_at == 10.25


def test_values_older_than_a_snapshot_are_not_shown_again():
    room = Room(TENANT, now=0.0)
    one = subscribe(room, ["d1"])
    room.note_newest([[*point("d1", time_ms=5), "kW"]])

    room.distribute([point("d1", time_ms=4)])
    assert pending(one) == []
    room.distribute([point("d1", time_ms=5)])
    assert pending(one) == [point("d1", time_ms=5)]


def test_what_is_watched_is_the_union_of_the_feeds():
    room = Room(TENANT, now=0.0)
    one = subscribe(room, ["d1", "d2"])
    subscribe(room, ["d2"])
    assert room.watched() == {"d1", "d2"}

    everything = subscribe(room, None)
    assert room.watched() == {EVERYTHING}

    room.remove(everything)
    room.remove(one)
    assert room.watched() == {"d2"}


def test_the_last_socket_takes_all_memory_along():
    room = Room(TENANT, now=0.0)
    one, two, wide = subscribe(room, ["d1"]), subscribe(room, ["d1"]), subscribe(room, None)
    room.distribute([point("d1"), point("d9")])

    for subscription in (one, two, wide):
        room.remove(subscription)

    assert not room.feeds
    assert not room._newest
    assert not room._by_device


def test_new_snapshots_are_encoded_once_a_feed():
    room = Room(TENANT, now=0.0)
    one, two, wide = subscribe(room, ["d1"]), subscribe(room, ["d1"]), subscribe(room, None)

    room.give_snapshots([[*point("d1"), "kW"], [*point("d9"), "kW"]])

    assert one.viewer.snapshots[0] is two.viewer.snapshots[0]
    assert one.viewer.snapshots == [make_snapshot([[*point("d1"), "kW"]])]
    assert len(wide.viewer.snapshots[0].times_ms) == 2


@pytest.mark.parametrize(("age_seconds", "needs_snapshots"), [(60.0, False), (2.0, True)])
def test_a_reactor_younger_than_the_room_asks_for_snapshots(age_seconds, needs_snapshots):
    room = Room(TENANT, now=0.0)

    room.note_frame("e", 7, is_beat=True, age_seconds=age_seconds, now=5.0)

    assert room.needs_snapshots is needs_snapshots
    room.needs_snapshots = False
    room.note_frame("e", 8, is_beat=False, age_seconds=age_seconds + 1.0, now=6.0)
    assert not room.needs_snapshots
