"""Events as server-sent events: the hub's events for clients without WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from django.db import DatabaseError
from msgspec import structs

from telemetry.live.credit import CreditWindow
from telemetry.live.database import TargetRefused
from telemetry.live.hub import Hub, get_hub
from telemetry.live.identity import Identity
from telemetry.live.messages import Subscribe
from telemetry.live.viewer import Viewer

HEARTBEAT_SECONDS = 15.0
RETRY_MS = 3000
# Nothing tells how much of it a reader has read: a stream ends, and the client resumes it.
MAX_BYTES = 1024 * 1024
MAX_SECONDS = 600.0
QUEUE_MESSAGES = 64
_RESUMED_IN_VAIN = {"events_deleted", "unknown_seq", "too_many_events"}


class EventStream:
    """One stream, from the subscription to its end."""

    def __init__(self, identity: Identity, wanted: Subscribe, hub: Hub) -> None:
        self._hub = hub
        self._wanted = wanted
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_MESSAGES)
        self._viewer = Viewer(
            identity, send=self._put, close=self._end, now=hub.now(), credit=CreditWindow()
        )
        self._sent = 0

    async def lines(self) -> AsyncGenerator[bytes]:
        """Yield the text of the stream until it ends or the client goes."""
        await self._hub.attach(self._viewer)
        try:
            yield self._count(f"retry: {RETRY_MS}\n\n".encode())
            async for part in self._begin():
                yield self._count(part)
            ends_at = self._hub.now() + MAX_SECONDS
            while self._viewer.subscriptions and self._sent < MAX_BYTES:
                async for part in self._next(ends_at - self._hub.now()):
                    yield self._count(part)
                if self._viewer.is_closed or self._hub.now() >= ends_at:
                    return
        finally:
            await self._hub.detach(self._viewer)

    async def _begin(self) -> AsyncIterator[bytes]:
        """Subscribe; a number that cannot be resumed from is told, and events go on from now."""
        try:
            await self._hub.subscribe(self._viewer, self._wanted)
        except TargetRefused as refused:
            yield _line("error", {"code": refused.code})
            if refused.code in _RESUMED_IN_VAIN:
                self._wanted = structs.replace(self._wanted, since_seq=None)
                await self._hub.subscribe(self._viewer, self._wanted)
        except DatabaseError:
            yield _line("error", {"code": "unavailable"})

    async def _next(self, seconds_left: float) -> AsyncIterator[bytes]:
        timeout = max(0.0, min(HEARTBEAT_SECONDS, seconds_left))
        try:
            async with asyncio.timeout(timeout):
                text = await self._queue.get()
        except TimeoutError:
            yield b": still here\n\n"
            return
        if text is not None:
            for part in self._translate(orjson.loads(text)):
                yield part

    def _translate(self, message: dict[str, Any]) -> Iterator[bytes]:
        match message["type"]:
            case "event":
                for event in message["events"]:
                    yield _line(event["event_type"], event, number=event["seq"])
            case "lag":
                yield _line("lag", message)
            case "err":
                yield _line("error", {"code": message["code"]})
            case "ok":
                # without a number while older events follow: a client resumes from the last one
                number = message["since_seq"] if self._wanted.since_seq is None else None
                yield _line("ready", {"seq": message["since_seq"]}, number=number)
        # what was yielded is written: the limit of the stream is what bounds the reader
        self._viewer.credit.acknowledge(self._viewer.credit.sent, now=self._hub.now())
        self._hub.wake(self._viewer)

    def _count(self, part: bytes) -> bytes:
        self._sent += len(part)
        return part

    async def _put(self, text: str) -> None:
        if self._queue.full():  # the event loop is behind: the client resumes
            await self._viewer.close(0)
            return
        self._queue.put_nowait(text)

    async def _end(self, _code: int) -> None:
        while self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)


async def stream_events(identity: Identity, wanted: Subscribe) -> AsyncGenerator[bytes]:
    """Yield the text of a stream."""
    async with aclosing(EventStream(identity, wanted, get_hub()).lines()) as lines:
        async for part in lines:
            yield part


def list_events_once(events: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Return the text of a stream that ends at once: without an event loop nobody can wait."""
    lines = [_line(event["event_type"], dict(event), number=event["seq"]) for event in events]
    return [f"retry: {RETRY_MS}\n\n".encode(), *lines]


def _line(name: str, data: dict[str, Any], *, number: int | None = None) -> bytes:
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: {orjson.dumps(data).decode()}\n\n".encode()
