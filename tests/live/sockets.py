"""A client of /ws/v1/live inside the process of the test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from accounts.models import User
from energy.asgi import application

NOW_MS = 1_795_176_000_000  # 2026-11-20 12:00 UTC, the time of LatestValueFactory


def cookies_of(user: User | AnonymousUser) -> str:
    client = Client()
    if isinstance(user, User):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


class Socket(WebsocketCommunicator):
    """A client of the protocol."""

    async def say(self, type_: str, **fields: Any) -> None:
        await self.send_json_to({"type": type_, **fields})

    async def hear(self, *types: str) -> dict[str, Any]:
        """Return the next message of one of these types, acknowledging frames."""
        while True:
            message = await self.receive_json_from(timeout=60)
            if "seq" in message:
                await self.say("ack", n=message.get("frame", message["seq"]))
            if message["type"] in types:
                return message

    async def closed(self, timeout: float = 60.0) -> int:
        """Return the close code."""
        while True:
            message = await self.receive_output(timeout)
            if message["type"] == "websocket.close":
                return message["code"]

    async def subscribe(self, **target: Any) -> dict[str, Any]:
        """Subscribe as `a` and return the snapshot."""
        await self.say("sub", id="a", **target)
        answer = await self.hear("ok", "err")
        answer.pop("since_seq", None)
        assert answer == {"type": "ok", "id": "a"}
        return await self.hear("snapshot")


@contextlib.asynccontextmanager
async def connect(user: Any, **headers: str) -> AsyncIterator[Socket]:
    """Open a socket as a user; leave the welcome to be heard."""
    cookie = cookies_of(user)
    sent = [(b"host", b"localhost"), (b"cookie", cookie.encode())]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    socket = Socket(application, "/ws/v1/live", headers=sent)
    accepted, _ = await socket.connect(timeout=60)
    assert accepted
    try:
        yield socket
    finally:
        await socket.disconnect(timeout=60)


async def send_frame(tenant: Any, *points: list, number: int = 1, epoch: str = "e") -> None:
    """Send what the live reactor would send."""
    message = {
        "type": "live.frame",
        "room": tenant.id.hex,
        "epoch": epoch,
        "age": 3600.0,
        "n": number,
        "points": orjson.dumps(points) if points else b"",
    }
    await get_channel_layer().group_send(f"live.{tenant.id.hex}", message)
