"""`/ws/telemetry`: the same values and events in the words of older clients.

They acknowledge nothing, so a ping stands for it: what was sent before it has arrived.
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qs

import orjson

from telemetry.live.consumer import BAD_REQUEST, LiveConsumer
from telemetry.live.event_desk import visible_to
from telemetry.live.messages import (
    VALUE_TYPES,
    Acknowledge,
    Authenticate,
    ClientMessage,
    Ping,
    Subscribe,
)
from telemetry.live.seed_messages import TYPES, translate
from telemetry.live.signin import FORBIDDEN
from telemetry.live.viewer import Viewer

RATE_MS = 1000
SILENCE_SECONDS = 90.0


class SeedConsumer(LiveConsumer):
    """`?token=<ticket>&devices=<uuid>,<uuid>`; without devices the whole tenant.

    Close codes: as of `/ws/v1/live`; 4400 also for devices that are no uuids, 4403 also for
    devices that are unknown.
    """

    ack_seconds = SILENCE_SECONDS

    async def begin(self, viewer: Viewer) -> None:
        """Subscribe to what the address names."""
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        named = [name for text in query.get("devices", ()) for name in text.split(",") if name]
        try:
            devices = [uuid.UUID(name) for name in named]
        except ValueError:
            await self._end(viewer, "bad_devices", BAD_REQUEST)
            return
        target: dict[str, Any] = {"devices": devices} if devices else {"tenant": True}
        visible = VALUE_TYPES | await visible_to(viewer.identity)
        types = [name for name in TYPES if name in visible]
        wanted = Subscribe(id="all", types=types, rate_ms=RATE_MS, **target)
        await super()._answer(wanted, viewer)
        if not viewer.subscriptions:
            await viewer.close(FORBIDDEN)
            await self._detach()

    async def deliver(self, text: str) -> None:
        """Send a message of the protocol as the messages that older clients know."""
        for message in translate(orjson.loads(text)):
            await self.send(orjson.dumps(message).decode())

    async def _answer(self, message: ClientMessage, viewer: Viewer) -> None:
        if isinstance(message, Ping):
            await super()._answer(Acknowledge(viewer.credit.sent), viewer)
        if isinstance(message, Ping | Authenticate):
            await super()._answer(message, viewer)
        else:
            await self._refuse(None, "unknown_message")

    async def _end(self, viewer: Viewer, code: str, close: int) -> None:
        await viewer.send_message({"type": "err", "id": None, "code": code})
        await viewer.close(close)
        await self._detach()
