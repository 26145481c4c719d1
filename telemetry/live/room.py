"""The viewers of one tenant in this process, grouped by what they watch; no I/O."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from telemetry.live.events import EventRoom
from telemetry.live.frames import (
    FrameOrder,
    Point,
    PointKey,
    encode_points,
    make_snapshot,
    merge_points,
)
from telemetry.live.rooms import EVENTS, EVERYTHING
from telemetry.live.viewer import Subscription


class FeedKey(NamedTuple):
    """What a feed shows; None means all devices of the tenant, or all metrics."""

    devices: frozenset[str] | None
    metrics: frozenset[str] | None
    rate_ms: int


@dataclass(eq=False, slots=True)
class Feed:
    """Sockets with the same filter and rate; their frames are encoded once."""

    key: FeedKey
    subscriptions: set[Subscription] = field(default_factory=set)
    pending: dict[PointKey, Point] = field(default_factory=dict)
    due_at: float = 0.0
    is_scheduled: bool = False

    def covers(self, key: PointKey) -> bool:
        """Tell whether the feed shows a (device, metric)."""
        devices, metrics, _ = self.key
        return (devices is None or key[0] in devices) and (metrics is None or key[1] in metrics)

    def select(self, points: Iterable[Point]) -> list[Point]:
        """Return the points this feed shows."""
        return [point for point in points if self.covers((point[0], point[1]))]

    def hand_out(self, now: float) -> None:
        """Offer the pending points to every socket and begin a new interval."""
        points, self.pending = self.pending, {}
        self.due_at = now + self.key.rate_ms / 1000
        parts = encode_points(list(points.values()))
        text = parts[0].decode() if len(parts) == 1 else None
        for subscription in self.subscriptions:
            subscription.viewer.offer(subscription, points, text)


class Room:
    """Routes the points of a tenant to its feeds.

    `newest` remembers the time of the newest point per watched channel: after a
    standstill the reactor catches up with values that a snapshot has overtaken.
    """

    def __init__(self, tenant_id: uuid.UUID, *, now: float) -> None:
        self.tenant_id = tenant_id
        self.opened_at = now
        self.order = FrameOrder()
        self.events = EventRoom()
        self.feeds: dict[FeedKey, Feed] = {}
        self.needs_snapshots = False
        self._by_device: defaultdict[str, set[Feed]] = defaultdict(set)
        self._wide: set[Feed] = set()
        self._newest: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def note_frame(
        self, epoch: str, number: int, *, is_beat: bool, age_seconds: float, now: float
    ) -> None:
        """Ask for new snapshots if frames before this one were lost.

        An epoch younger than the room: values may have passed while no reactor was at work.
        """
        is_younger = not self.order.epoch and age_seconds < now - self.opened_at
        if self.order.is_gap(epoch, number, is_beat=is_beat) or is_younger:
            self.needs_snapshots = self.events.needs_reading = True

    def add(self, subscription: Subscription) -> None:
        """Let a subscription receive from now on."""
        feed = subscription.feed
        feed.subscriptions.add(subscription)
        self.feeds[feed.key] = feed
        if subscription.listening is not None:
            self.events.listeners.add(subscription)
        if feed.key.devices is None:
            self._wide.add(feed)
        for device in feed.key.devices or ():
            self._by_device[device].add(feed)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription; forget what nobody watches any more."""
        feed = subscription.feed
        feed.subscriptions.discard(subscription)
        self.events.listeners.discard(subscription)
        if feed.subscriptions or self.feeds.pop(feed.key, None) is None:
            return
        self._wide.discard(feed)
        for device in feed.key.devices or ():
            self._by_device[device].discard(feed)
            if not self._by_device[device]:
                del self._by_device[device]
        if not self._wide:
            for device in self._newest.keys() - self._by_device.keys():
                del self._newest[device]

    def feed(self, key: FeedKey) -> Feed:
        """Return the feed with this filter, a new one if nobody has it."""
        return self.feeds.get(key) or Feed(key)

    def watched(self) -> frozenset[str]:
        """Return the device uuids that are watched, or `*`."""
        return frozenset({EVERYTHING}) if self._wide else frozenset(self._by_device)

    def interest(self) -> frozenset[str]:
        """Return what the reactor must send."""
        return self.watched() | ({EVENTS} if self.events.listeners else frozenset())

    def give_snapshots(self, points: Iterable[Point]) -> None:
        """Put a new snapshot in line for every subscription, encoded once a feed."""
        by_device: defaultdict[str, list[Point]] = defaultdict(list)
        for point in points:
            by_device[point[0]].append(point)
        for feed in self.feeds.values():
            devices = by_device.keys() if feed.key.devices is None else feed.key.devices
            shown = feed.select(point for device in devices for point in by_device.get(device, ()))
            snapshot = make_snapshot(shown)
            for subscription in feed.subscriptions:
                subscription.viewer.give_snapshot(subscription, snapshot)

    def note_newest(self, points: Iterable[Point]) -> None:
        """Remember the times of a snapshot's points."""
        for device, metric, time_ms, *_ in points:
            times = self._newest[device]
            times[metric] = max(time_ms, times.get(metric, 0))

    def distribute(self, points: Iterable[Point]) -> set[Feed]:
        """Put points into the feeds that show them; return those feeds.

        A point as old as the newest one passes: another socket's snapshot may have had it.
        """
        touched: set[Feed] = set()
        for point in points:
            device, metric, time_ms = point[0], point[1], point[2]
            feeds = self._wide | self._by_device.get(device, set())
            if not feeds or time_ms < self._newest[device].get(metric, 0):
                continue
            self._newest[device][metric] = time_ms
            key = (device, metric)
            for feed in feeds:
                if feed.key.metrics is None or metric in feed.key.metrics:
                    merge_points(feed.pending, ((key, point),))
                    touched.add(feed)
        return touched
