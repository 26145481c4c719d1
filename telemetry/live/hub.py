"""The sockets of one web process: rooms in, frames out."""

from __future__ import annotations

import asyncio
import logging
import uuid
import weakref
from collections.abc import Mapping
from typing import Any

import orjson
from django.db import DatabaseError
from django.utils import timezone
from msgspec import structs
from prometheus_client import Gauge

from telemetry.live import event_desk
from telemetry.live.database import TargetRefused, find_devices, find_withdrawn, read_latest
from telemetry.live.events import Listening
from telemetry.live.frames import make_snapshot
from telemetry.live.identity import Identity
from telemetry.live.limits import MAX_DEVICES, MAX_SUBSCRIPTIONS
from telemetry.live.link import Link
from telemetry.live.messages import TYPES, Subscribe
from telemetry.live.renewal import remind
from telemetry.live.room import Feed, FeedKey, Room
from telemetry.live.rooms import EVERYTHING, REFRESH_SECONDS
from telemetry.live.shutdown import before_server_stops
from telemetry.live.signin import UNAUTHORIZED, find_standing
from telemetry.live.viewer import Subscription, Viewer

logger = logging.getLogger(__name__)

SOCKETS = Gauge("energy_live_sockets", "Open live sockets of this process")

STALLED = 4408
NORMAL = 1000
CHECK_SECONDS = 4.0
TICK_SECONDS = 0.5
# After so many sockets the event loop serves others.
SENDS_IN_A_ROW = 100


class Hub:
    """Fans frames out; its tasks run while there are sockets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = Link()
        self._viewers: set[Viewer] = set()
        self._rooms: dict[uuid.UUID, Room] = {}
        self._ready: dict[Viewer, None] = {}  # an ordered set
        self._has_ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._kept_at = self._checked_at = self._loop.time()

    def now(self) -> float:
        """Return the clock of credit, pace and intervals."""
        return self._loop.time()

    async def attach(self, viewer: Viewer) -> None:
        """Take in a signed-in socket."""
        self._viewers.add(viewer)
        SOCKETS.inc()
        await self._link.open()
        if not self._tasks:
            jobs = (self._receive, self._send, self._watch, self._keep)
            self._tasks = [self._loop.create_task(_forever(job)) for job in jobs]

    async def detach(self, viewer: Viewer) -> None:
        """Let a socket go; the last one stops the tasks."""
        if viewer not in self._viewers:
            return
        self._viewers.discard(viewer)
        self._ready.pop(viewer, None)
        SOCKETS.dec()
        for subscription in list(viewer.subscriptions.values()):
            self._remove(subscription)
        if not self._viewers:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._link.close(self._rooms)

    async def subscribe(self, viewer: Viewer, wanted: Subscribe) -> None:
        """Answer `ok`, then a snapshot; values follow without a gap.

        Raises:
            TargetRefused: nothing is subscribed; its code is for the client.
            DatabaseError: likewise.
        """
        _check_request(viewer, wanted)
        devices = await find_devices(viewer.identity, devices=wanted.devices, sites=wanted.sites)
        begun = await event_desk.begin(viewer, wanted, devices)
        if viewer not in self._viewers:
            return
        self._replace(viewer, wanted, devices, begun and begun.listening)
        await self._link.announce([self._rooms[viewer.tenant]])
        number = {"since_seq": begun.listening.since} if begun else {}
        await viewer.send_message({"type": "ok", "id": wanted.id, **number})
        if begun is not None:
            viewer.offer_events(begun.missed)
            self.wake(viewer)
        await self._send_snapshot(viewer.subscriptions.get(wanted.id))

    async def close_all(self) -> None:
        """Close every socket, because the server stops."""
        for viewer in list(self._viewers):
            await self._close(viewer, NORMAL)

    def unsubscribe(self, viewer: Viewer, subscription_id: str | int) -> bool:
        """End a subscription; False when there is none of this id."""
        subscription = viewer.subscriptions.get(subscription_id)
        if subscription is not None:
            self._remove(subscription)
        return subscription is not None

    def wake(self, viewer: Viewer) -> None:
        """Let a socket send what it may."""
        if viewer in self._viewers:
            self._ready[viewer] = None
            self._has_ready.set()

    def _replace(
        self,
        viewer: Viewer,
        wanted: Subscribe,
        devices: frozenset[str],
        listening: Listening | None,
    ) -> None:
        before = viewer.subscriptions.get(wanted.id)
        others = [other for other in viewer.subscriptions.values() if other is not before]
        if len(devices.union(*(other.devices for other in others))) > MAX_DEVICES:
            raise TargetRefused("too_many_devices")
        if before is not None:
            self._remove(before)
        room = self._enter_room(viewer.tenant)
        feed = room.feed(_feed_key(wanted, devices, is_guest=viewer.identity.is_guest))
        subscription = Subscription(wanted, viewer, feed, devices, listening=listening)
        viewer.subscriptions[wanted.id] = subscription
        room.add(subscription)

    def _enter_room(self, tenant_id: uuid.UUID) -> Room:
        if tenant_id not in self._rooms:
            self._rooms[tenant_id] = Room(tenant_id, now=self.now())
        return self._rooms[tenant_id]

    def _remove(self, subscription: Subscription) -> None:
        viewer = subscription.viewer
        viewer.drop_subscription(subscription)
        room = self._rooms[viewer.tenant]
        room.remove(subscription)
        if not room.feeds:
            del self._rooms[viewer.tenant]

    async def _send_snapshot(self, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        room = self._rooms[subscription.viewer.tenant]
        devices, metrics, _ = subscription.feed.key
        points = await read_latest(room.tenant_id, devices=devices, metrics=metrics)
        viewer = subscription.viewer
        if viewer.subscriptions.get(subscription.id) is subscription:
            room.note_newest(points)
            viewer.give_snapshot(subscription, make_snapshot(points))
            self.wake(viewer)

    async def _receive(self) -> None:
        """Take one message from the reactor."""
        message = await self._link.receive()
        room = self._rooms.get(uuid.UUID(message["room"])) if message else None
        if message is None or room is None:
            return
        if message["type"] == "live.events":
            event_desk.receive(room, message, self.wake)
            return
        room.events.note_newest(message.get("seq", 0))
        points = message["points"]
        room.note_frame(
            message["epoch"],
            message["n"],
            is_beat=not points,
            age_seconds=message["age"],
            now=self.now(),
        )
        if points:
            for feed in room.distribute(orjson.loads(points)):
                self._schedule(feed)

    def _schedule(self, feed: Feed) -> None:
        if feed.is_scheduled:
            return
        wait_seconds = feed.due_at - self.now()
        if wait_seconds <= 0:
            self._hand_out(feed)
        else:
            feed.is_scheduled = True
            self._loop.call_later(wait_seconds, self._hand_out, feed)

    def _hand_out(self, feed: Feed) -> None:
        feed.is_scheduled = False
        feed.hand_out(self.now())
        for subscription in feed.subscriptions:
            self.wake(subscription.viewer)

    async def _send(self) -> None:
        """Send to the sockets that have something to send."""
        await self._has_ready.wait()
        self._has_ready.clear()
        batch, self._ready = list(self._ready), {}
        for count, viewer in enumerate(batch, start=1):
            await self._send_to(viewer)
            if count % SENDS_IN_A_ROW == 0:
                await asyncio.sleep(0)

    async def _send_to(self, viewer: Viewer) -> None:
        try:
            wait_seconds = await viewer.send_waiting(self.now())
        except Exception:
            logger.exception("A live socket cannot be written, closing it")
            await self._close(viewer, NORMAL)
            return
        if wait_seconds is not None and not viewer.is_timed:
            viewer.is_timed = True
            self._loop.call_later(wait_seconds, self._wake_timed, viewer)

    def _wake_timed(self, viewer: Viewer) -> None:
        viewer.is_timed = False
        self.wake(viewer)

    async def _watch(self) -> None:
        """Close sockets that stall and those whose sign-in ended."""
        await asyncio.sleep(TICK_SECONDS)
        for viewer in [viewer for viewer in self._viewers if viewer.credit.is_overdue(self.now())]:
            await self._close(viewer, STALLED)
        if self.now() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = self.now()
        identities = {viewer.identity for viewer in self._viewers}
        standing = await find_standing(identities, now=timezone.now())
        known = [viewer for viewer in self._viewers if viewer.identity in identities]
        for viewer in known:
            if viewer.identity not in standing:
                await self._close(viewer, UNAUTHORIZED)
        await remind(self._viewers, now=timezone.now())
        await self._take_events(standing)
        await self._take_from_guests()

    async def _take_events(self, standing: Mapping[Identity, frozenset[str]]) -> None:
        """End subscriptions to types of events that somebody may not see any more."""
        for viewer in list(self._viewers):
            types = standing.get(viewer.identity)
            for subscription in list(viewer.subscriptions.values()):
                if types is not None and not subscription.wanted.event_types() <= types:
                    await self._subscribe_again(subscription)

    async def _take_from_guests(self) -> None:
        """Narrow what guests watch to what is still shared with them, or end it."""
        guests = [viewer for viewer in self._viewers if viewer.identity.is_guest]
        watched: dict[Identity, frozenset[str]] = {}
        for viewer in guests:
            watched[viewer.identity] = watched.get(viewer.identity, frozenset()) | viewer.devices()
        withdrawn = await find_withdrawn(watched) if watched else {}
        for viewer in guests:
            lost = withdrawn.get(viewer.identity, frozenset())
            touched = [s for s in viewer.subscriptions.values() if s.devices & lost]
            for subscription in touched:
                await self._subscribe_again(subscription)

    async def _subscribe_again(self, subscription: Subscription) -> None:
        viewer, wanted = subscription.viewer, subscription.wanted
        if subscription.listening is not None:
            wanted = structs.replace(wanted, since_seq=subscription.listening.since)
        self._remove(subscription)  # first: nothing of it may pass while the database is asked
        try:
            await self.subscribe(viewer, wanted)
        except TargetRefused as refused:
            await viewer.send_message({"type": "err", "id": wanted.id, "code": refused.code})
        except DatabaseError:
            self.unsubscribe(viewer, wanted.id)
            await viewer.send_message({"type": "err", "id": wanted.id, "code": "unavailable"})

    async def _keep(self) -> None:
        """Keep rooms known to the reactor, and read snapshots after lost frames."""
        await asyncio.sleep(TICK_SECONDS)
        if self._link.is_lost:
            if await self._link.restore(self._rooms):
                logger.info("Live values go on")
                self._need_snapshots()
        elif self.now() - self._kept_at >= REFRESH_SECONDS:
            self._kept_at = self.now()
            await self._link.keep(self._rooms)
            for room in self._rooms.values():  # whatever was lost, and however
                room.events.needs_reading = True
        for room in [room for room in self._rooms.values() if room.events.needs_reading]:
            await event_desk.catch_up(room, self.wake)
        for room in [room for room in self._rooms.values() if room.needs_snapshots]:
            await self._send_snapshots(room)

    def _need_snapshots(self) -> None:
        for room in self._rooms.values():
            room.needs_snapshots = room.events.needs_reading = True

    async def _send_snapshots(self, room: Room) -> None:
        watched = room.watched()
        devices = None if EVERYTHING in watched else watched
        points = await read_latest(room.tenant_id, devices=devices)
        room.needs_snapshots = False
        room.note_newest(points)
        room.give_snapshots(points)
        for feed in room.feeds.values():
            for subscription in feed.subscriptions:
                self.wake(subscription.viewer)

    async def _close(self, viewer: Viewer, code: int) -> None:
        """Close a socket; its consumer detaches it, since a task must not stop itself."""
        await viewer.close(code)
        for subscription in list(viewer.subscriptions.values()):
            self._remove(subscription)


def _check_request(viewer: Viewer, wanted: Subscribe) -> None:
    if wanted.tenant not in (None, False, True, viewer.tenant):
        raise TargetRefused("unknown_tenant")
    if not wanted.names_one_target():
        raise TargetRefused("bad_target")
    if not TYPES.issuperset(wanted.types):
        raise TargetRefused("unknown_type")
    is_new = wanted.id not in viewer.subscriptions
    if is_new and len(viewer.subscriptions) >= MAX_SUBSCRIPTIONS:
        raise TargetRefused("too_many_subscriptions")


def _feed_key(wanted: Subscribe, devices: frozenset[str], *, is_guest: bool) -> FeedKey:
    metrics = frozenset(wanted.metrics) or None
    if not wanted.wants_values():
        return FeedKey(frozenset(), metrics, wanted.rate_ms)
    is_wide = bool(wanted.tenant) and not is_guest
    return FeedKey(None if is_wide else devices, metrics, wanted.rate_ms)


async def _forever(job: Any) -> None:
    """Repeat a step; one that fails is logged and does not stop the others."""
    while True:
        try:
            await job()
        except DatabaseError as error:
            logger.warning("Live sockets wait, the database does not answer: %s", error)
            await asyncio.sleep(1.0)
        except Exception:
            logger.exception("A step of the live hub failed, going on")
            await asyncio.sleep(1.0)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def get_hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
        before_server_stops(hub.close_all)
    return hub
