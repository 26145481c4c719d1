"""Encodes what viewers watch, once a room, and hands it to the hubs."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from accounts.tenancy import all_tenants
from devices.models import Channel
from energy.lib.metrics import LIVE_FRAMES
from energy.lib.redis import ephemeral
from telemetry.ingest.batch import SampleBatch, StoredBatch
from telemetry.live.event_pump import EventPump, Messages
from telemetry.live.frames import Point, encode_points, keep_latest
from telemetry.live.rooms import EVERYTHING, Interest, InterestReader, group_name
from telemetry.live.routes import Route, RouteCache
from telemetry.quality import QUALITY_NAMES
from telemetry.reactors.base import Reactor

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1
BEAT_SECONDS = 1.0
# Long enough for a hub's new interest to be seen after its snapshot was read.
RECENT_SECONDS = 2.0
SEND_TIMEOUT_SECONDS = 2.0
SENDERS = 8
PAUSE_SECONDS = 0.5


class LiveReactor(Reactor):
    """Sends each room with viewers at most ten frames a second; the newest value wins.

    Values of the last two seconds are kept for viewers who come: a value committed after
    their snapshot was read, but flushed before their interest was known, is sent then.
    """

    name = "live"
    starts_at = "$"
    skips_backlog = True

    def __init__(self) -> None:
        self._interest = InterestReader(ephemeral())
        self._watched: Interest = {}
        self._routes = RouteCache(load_routes)
        self._pending: list[SampleBatch] = []
        self._recent: deque[tuple[float, SampleBatch]] = deque()
        self._events = EventPump()
        self._sender = RoomSender(self._events.newest)
        self._flush_at = self._look_at = 0.0
        self._is_redis_lost = False

    def react(self, batch: StoredBatch) -> None:
        """Keep the rows that moved a latest value forward."""
        rows = batch.samples()[batch.is_live()]
        if len(rows):
            self._pending.append(rows)

    def on_gap(self) -> None:
        """Let the hubs read new snapshots: a new epoch tells them."""
        self._sender.begin_epoch()

    def flush(self, now: float) -> None:
        """Send what was collected, at most every 100 ms."""
        clock = time.monotonic()  # immune to the wall clock being set
        self._tell_events(clock)
        if clock < (self._flush_at if self._pending else self._look_at):
            return
        self._look_at = clock + FLUSH_SECONDS
        if self._pending:  # else the next value goes out at once
            self._flush_at = self._look_at
        try:
            self._flush(now, clock)
        except (RedisError, OSError, TimeoutError) as error:
            self._flush_at = self._look_at = clock + PAUSE_SECONDS
            self._note_redis_lost(error)
            self._sender.begin_epoch()
        except BaseException:
            self._sender.begin_epoch()
            raise
        else:
            self._is_redis_lost = False

    def _tell_events(self, clock: float) -> None:
        """Number new events and tell them; what is not told the hubs read from the table."""
        messages = self._events.step(self._watched, clock)
        try:
            self._sender.send_events(messages)
        except (RedisError, OSError, TimeoutError) as error:
            self._note_redis_lost(error)

    def wait_seconds(self) -> float:
        """Return the time until the next flush, if one is waiting."""
        if not self._pending:
            return FLUSH_SECONDS
        return min(FLUSH_SECONDS, max(0.0, self._flush_at - time.monotonic()))

    def close(self) -> None:
        """Close the connections of the channel layer."""
        self._sender.close()

    def _flush(self, now: float, clock: float) -> None:
        rows, self._pending = keep_latest(self._pending), []
        self._forget_old(clock)
        before, self._watched = self._watched, self._interest.read(now=now)
        points = self._points_of(rows, self._watched, clock)
        gained = gained_interest(before, self._watched)
        if gained:
            missed = keep_latest([recent for _, recent in self._recent])
            for tenant, found in self._points_of(missed, gained, clock).items():
                points[tenant] = found + points.get(tenant, [])
        if len(rows):
            self._recent.append((clock, rows))
        self._sender.send(points, rooms=self._watched, clock=clock)

    def _forget_old(self, clock: float) -> None:
        while self._recent and self._recent[0][0] < clock - RECENT_SECONDS:
            self._recent.popleft()

    def _points_of(
        self, rows: SampleBatch, interest: Interest, clock: float
    ) -> dict[str, list[Point]]:
        """Return the watched points of each tenant (hex)."""
        points: dict[str, list[Point]] = {}
        if not interest or not len(rows):
            return points
        routes = self._routes.find(rows["channel"].tolist(), tenants=interest, now=clock)
        for channel, time_us, value, quality in rows.tolist():
            route = routes.get(channel)
            if route is None:
                continue
            watched = interest[route.tenant]
            if route.device in watched or EVERYTHING in watched:
                quality_name = QUALITY_NAMES.get(quality, "uncertain")
                point = [route.device, route.metric, time_us // 1000, value, quality_name]
                points.setdefault(route.tenant, []).append(point)
        return points

    def _note_redis_lost(self, error: Exception) -> None:
        if not self._is_redis_lost:
            logger.warning("No live values, the ephemeral Redis does not answer: %s", error)
        self._is_redis_lost = True


class RoomSender:
    """Numbers frames room by room and sends them through the channel layer."""

    def __init__(self, newest: Mapping[str, int]) -> None:
        self._newest = newest
        self._loop = asyncio.new_event_loop()
        self._layer: Any = get_channel_layer()
        self._sent_at: dict[str, float] = {}
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Make every hub notice that frames may be missing."""
        self._epoch = uuid.uuid4().hex
        self._began_at = time.monotonic()
        self._numbers: dict[str, int] = {}

    def send(self, points: dict[str, list[Point]], *, rooms: Iterable[str], clock: float) -> None:
        """Send the points of each room, and a beat to rooms that had none for a second.

        Raises:
            RedisError, OSError, TimeoutError: some rooms did not get their frames, which
                their hubs notice by the numbers.
        """
        messages = [
            self._messages(room, points.get(room, []), clock)
            for room in rooms
            if room in points or clock - self._sent_at.get(room, 0.0) >= BEAT_SECONDS
        ]
        if messages:
            self._loop.run_until_complete(self._send_all(messages))

    def send_events(self, messages: Messages) -> None:
        """Send events to their rooms.

        Raises:
            RedisError, OSError, TimeoutError: some rooms did not get them.
        """
        if messages:
            rooms = [[(room, one) for one in parts] for room, parts in messages.items()]
            self._loop.run_until_complete(self._send_all(rooms))

    def close(self) -> None:
        """Close connections and the loop."""
        self._loop.close()  # the layer closes its connections with its loop

    def _messages(
        self, room: str, points: list[Point], clock: float
    ) -> list[tuple[str, dict[str, Any]]]:
        self._sent_at[room] = clock
        parts = encode_points(points) or [b""]
        return [(room, self._message(room, part, clock)) for part in parts]

    def _message(self, room: str, points: bytes, clock: float) -> dict[str, Any]:
        number = self._numbers.get(room, 0) + bool(points)
        self._numbers[room] = number
        return {
            "type": "live.frame",
            "room": room,
            "epoch": self._epoch,
            "age": clock - self._began_at,
            "n": number,
            "seq": self._newest.get(room, 0),
            "points": points,
        }

    async def _send_all(self, messages: list[list[tuple[str, dict[str, Any]]]]) -> None:
        limit = asyncio.Semaphore(SENDERS)
        results = await asyncio.gather(
            *(self._send_room(room, limit) for room in messages), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send_room(
        self, messages: list[tuple[str, dict[str, Any]]], limit: asyncio.Semaphore
    ) -> None:
        async with limit, asyncio.timeout(SEND_TIMEOUT_SECONDS):
            for room, message in messages:
                await self._layer.group_send(group_name(room), message)
                LIVE_FRAMES.inc(bool(message.get("points")))


def gained_interest(before: Interest, after: Interest) -> Interest:
    """Return what is watched now and was not before."""
    gained = {room: watched - before.get(room, frozenset()) for room, watched in after.items()}
    return {room: watched for room, watched in gained.items() if watched}


def load_routes(channels: list[int]) -> dict[int, Route]:
    """Return tenant, device and metric of channels of all tenants."""
    with all_tenants():
        rows = Channel.objects.filter(id__in=channels).values_list(
            "id", "tenant_id", "device_id", "name"
        )
        return {
            channel: Route(tenant.hex, str(device), metric)
            for channel, tenant, device, metric in rows
        }
