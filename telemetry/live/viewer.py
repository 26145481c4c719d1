"""One socket: what it asked for, what it still has to get, and what it owes."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from energy.lib.metrics import LIVE_DROPPED
from telemetry.live.credit import CreditWindow
from telemetry.live.events import EventFrame, EventQueue, Listening
from telemetry.live.frames import (
    Point,
    PointKey,
    Snapshot,
    data_frame,
    merge_points,
    snapshot_frame,
)
from telemetry.live.identity import Identity
from telemetry.live.limits import FRAME_POINTS, FRAMES_PER_SECOND, TokenBucket
from telemetry.live.messages import Subscribe

if TYPE_CHECKING:
    from telemetry.live.room import Feed

SubscriptionId = str | int
# Two frames may come at once, so that a feed of 100 ms is never late for a rounding error.
FRAMES_BURST = 2
_ANY_NUMBER = 2**63


@dataclass(eq=False, slots=True)
class Subscription:
    """One `sub` of one socket. Values that come before its snapshot are held back."""

    wanted: Subscribe
    viewer: Viewer
    feed: Feed
    devices: frozenset[str]  # for the limit; a feed of the whole tenant shows others too
    held: dict[PointKey, Point] | None = field(default_factory=dict)
    listening: Listening | None = None

    def events_since(self) -> int:
        """Return the number up to which it needs no events; without listening, any."""
        return self.listening.since if self.listening is not None else _ANY_NUMBER

    @property
    def id(self) -> SubscriptionId:
        """The name that the client gave it."""
        return self.wanted.id


class Viewer:
    """Sends snapshots and the newest values as credit and pace allow; sends one at a time.

    Without credit nothing is sent and values replace each other: memory is bounded by
    the number of subscribed channels.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        now: float,
        credit: CreditWindow | None = None,
    ) -> None:
        self.identity = identity
        self.subscriptions: dict[SubscriptionId, Subscription] = {}
        self.credit = credit or CreditWindow()
        self.is_closed = False
        self.is_reminded = False  # that its sign-in ends
        self.is_timed = False  # a timer of the hub will wake it
        self._send = send
        self._close = close
        self._snapshots: dict[SubscriptionId, list[str]] = {}
        self._backlog: dict[PointKey, Point] = {}
        self._passing: tuple[str, Mapping[PointKey, Point]] | None = None
        self._events = EventQueue()
        self._pace = TokenBucket(rate=FRAMES_PER_SECOND, burst=FRAMES_BURST, now=now)
        self._dropped = 0
        self._is_lagging = False

    @property
    def tenant(self) -> uuid.UUID:
        """The tenant whose room this socket is in."""
        return self.identity.tenant_id

    def devices(self) -> frozenset[str]:
        """Return the uuids of what the socket watches."""
        return frozenset().union(*(s.devices for s in self.subscriptions.values()))

    def offer(
        self, subscription: Subscription, points: Mapping[PointKey, Point], text: str | None
    ) -> None:
        """Take new points of a feed; the mapping stays the feed's.

        Args: text: the points encoded, shared between sockets; None when they exceed a frame.
        """
        if subscription.held is not None:
            merge_points(subscription.held, points.items())
        elif text is not None and self._is_idle() and self.credit.is_open():
            self._passing = text, points
        else:
            self._put_back(points)

    def offer_events(self, frames: Iterable[EventFrame]) -> None:
        """Take events; without credit they are dropped, and the socket is told so later."""
        for frame in frames:
            self._events.offer(frame, is_open=self.credit.is_open())

    def miss_events(self, after: int, count: int) -> None:
        """Tell the socket to ask for the events after a number itself."""
        self._events.miss(after, count)

    def give_snapshot(self, subscription: Subscription, snapshot: Snapshot) -> None:
        """Put a snapshot in line; it replaces an older one that was not sent yet."""
        self._snapshots[subscription.id] = list(snapshot.texts)
        held, subscription.held = subscription.held or {}, None
        self._recall()
        merge_points(self._backlog, held.items())
        self._backlog = snapshot.leave_newer(self._backlog)

    def drop_subscription(self, subscription: Subscription) -> None:
        """Forget what only this subscription asked for."""
        self._recall()
        del self.subscriptions[subscription.id]
        self._snapshots.pop(subscription.id, None)
        feeds = [other.feed for other in self.subscriptions.values()]
        self._backlog = {
            key: point
            for key, point in self._backlog.items()
            if any(feed.covers(key) for feed in feeds)
        }

    async def send_message(self, message: Mapping[str, object]) -> None:
        """Send an answer; answers are few and need no credit."""
        if not self.is_closed:
            await self._send(orjson.dumps(message).decode())

    async def send_waiting(self, now: float) -> float | None:
        """Send what credit and pace allow; return the seconds until more may go, if known."""
        while not self.is_closed and (text := self._next_frame(now)) is not None:
            await self._send(text)
        if self._backlog and self.credit.is_open():
            return max(0.001, self._pace.wait_seconds(now))
        return None

    async def close(self, code: int) -> None:
        """Close the socket, once."""
        if not self.is_closed:
            self.is_closed = True
            await self._close(code)

    def _is_idle(self) -> bool:
        return not (self._passing or self._backlog or self._snapshots)

    def _put_back(self, points: Mapping[PointKey, Point]) -> None:
        self._recall()
        replaced = merge_points(self._backlog, points.items())
        if not self.credit.is_open():
            LIVE_DROPPED.inc()
            self._dropped += replaced
            self._is_lagging = True

    def _recall(self) -> None:
        """Turn the text that waits to be passed on back into points."""
        if self._passing is not None:
            merge_points(self._backlog, self._passing[1].items())
            self._passing = None

    def _next_frame(self, now: float) -> str | None:
        if not self.credit.is_open():
            self._events.drop()
            return None
        if (text := self._events.next_text(self.credit, now)) is not None:
            return text
        if self._snapshots:
            return self._next_snapshot(now)
        if self._passing or self._backlog:
            return self._next_data(now)
        if self._is_lagging:
            text = f'{{"type":"lag","dropped":{self._dropped}}}'
            self._is_lagging, self._dropped = False, 0
            return text
        return None

    def _next_snapshot(self, now: float) -> str:
        name, texts = next(iter(self._snapshots.items()))
        text = texts.pop(0)
        if not texts:
            del self._snapshots[name]
        return snapshot_frame(name, self.credit.take(len(text), now=now), text)

    def _next_data(self, now: float) -> str | None:
        if not self._pace.take(now):
            self._recall()
            return None
        text = self._passing[0] if self._passing else self._encode_backlog()
        self._passing = None
        return data_frame(self.credit.take(len(text), now=now), text)

    def _encode_backlog(self) -> str:
        """Take as much of the backlog as surely fits one frame."""
        keys = list(islice(self._backlog, FRAME_POINTS))
        return orjson.dumps([self._backlog.pop(key) for key in keys]).decode()
