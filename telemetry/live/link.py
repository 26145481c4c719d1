"""The hub's side of the ephemeral Redis: groups of the channel layer and its interest."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from telemetry.live.room import Room
from telemetry.live.rooms import declare_interest, group_name

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
# The reactor beats every second: longer silence may be a dead connection, so make a new one.
SILENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.25

LinkErrors = (RedisError, OSError, TimeoutError)


class Link:
    """One channel of the channel layer for all rooms of a process.

    While Redis does not answer, `is_lost` is set and calls do nothing, so that no
    socket waits for it; `restore` makes everything known again.
    """

    def __init__(self) -> None:
        self.is_lost = False
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._joined: set[uuid.UUID] = set()
        self._lock = asyncio.Lock()  # else leaving a room could overtake entering it again
        self._client = AsyncRedis.from_url(
            settings.REDIS_EPHEMERAL_URL,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    async def open(self) -> None:
        """Name the channel; once, because frames for another name would pile up unread."""
        self._channel = self._channel or await self._layer.new_channel()

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message; None after silence or an error."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message: dict[str, Any] = await self._layer.receive(self._channel)
                return message
        except TimeoutError:
            return None
        except (RedisError, OSError) as error:
            self._lose(error)
            await asyncio.sleep(PAUSE_SECONDS)
            return None

    async def announce(self, rooms: Iterable[Room]) -> None:
        """Enter the groups of these rooms and tell the reactor what is watched in them."""
        if not self.is_lost:
            await self._guard(self._announce(list(rooms)))

    async def keep(self, rooms: dict[uuid.UUID, Room]) -> None:
        """Say again what is watched, and leave the groups of rooms without viewers."""
        if not self.is_lost:
            await self._guard(self._leave_others(rooms))
            await self._guard(self._announce(list(rooms.values()), again=True))

    async def restore(self, rooms: dict[uuid.UUID, Room]) -> bool:
        """Make everything known again after an outage; True when that worked."""
        self.is_lost = False
        await self._guard(self._announce(list(rooms.values()), again=True), is_news=False)
        return not self.is_lost

    async def close(self, rooms: dict[uuid.UUID, Room]) -> None:
        """Leave all groups and close the connection, which the next use opens again.

        Args: rooms: as they are at the moment of leaving; a new viewer may have come.
        """
        await self._guard(self._leave_others(rooms))
        await self._client.aclose()

    async def _announce(self, rooms: list[Room], *, again: bool = False) -> None:
        async with self._lock:
            for room in rooms:
                if again or room.tenant_id not in self._joined:
                    name = group_name(room.tenant_id.hex)
                    await self._layer.group_add(name, self._channel)
                    self._joined.add(room.tenant_id)
        wanted = {room.tenant_id.hex: room.interest() for room in rooms}
        if wanted:
            await declare_interest(self._client, wanted, now=time.time())

    async def _leave_others(self, rooms: dict[uuid.UUID, Room]) -> None:
        async with self._lock:
            for tenant_id in self._joined - rooms.keys():
                await self._layer.group_discard(group_name(tenant_id.hex), self._channel)
                self._joined.discard(tenant_id)

    async def _guard(self, work: Any, *, is_news: bool = True) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS * 2):
                await work
        except LinkErrors as error:
            self._lose(error, is_news=is_news)

    def _lose(self, error: BaseException, *, is_news: bool = True) -> None:
        if not self.is_lost and is_news:
            logger.warning("Live values stop, the ephemeral Redis does not answer: %s", error)
        self.is_lost = True
