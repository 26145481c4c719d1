"""Every WebSocket address with everybody: 4401 without identity, 4403 without the right."""

from __future__ import annotations

import contextlib
import functools
import uuid
from typing import Any

import orjson
import pytest
from channels.testing import WebsocketCommunicator

from energy.asgi import application
from telemetry.routing import websocket_urlpatterns
from tests.isolation.outlets import found_in
from tests.isolation.people import NAMES
from tests.live.conftest import in_one_thread, own_connection, own_layer
from tests.live.sockets import Socket
from tests.pace import slowness

__all__ = ["in_one_thread", "own_connection", "own_layer"]

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis", "in_one_thread", "own_layer"),
]
# Addresses by what they are: "live" speaks the protocol of live values, "older" the same in the
# words of older clients, "nowhere" refuses all.
ROUTES = {"ws/v1/live": "live", "ws/telemetry": "older", "": "nowhere"}
HOST = (b"host", b"localhost")
READS = "read:telemetry"


def test_every_socket_address_is_classified():
    known = {str(route.pattern) for route in websocket_urlpatterns}

    assert known == set(ROUTES), (
        f"Say in ROUTES of tests/isolation/test_live.py what {known ^ set(ROUTES)} is, "
        "and let a test there try everybody on it."
    )


def headers_of(client: Any) -> list[tuple[bytes, bytes]]:
    """Return what a client sends to prove who it is."""
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    sent = [HOST, (b"cookie", cookie.encode())] if cookie else [HOST]
    named = {"HTTP_AUTHORIZATION": b"authorization", "HTTP_X_API_KEY": b"x-api-key"}
    return sent + [
        (named[name], value.encode()) for name, value in client.defaults.items() if name in named
    ]


async def talk(client: Any, *targets: dict[str, Any]) -> tuple[list[Any], int | None]:
    """Subscribe to each target; return everything heard and the close code, if closed."""
    protocols = None
    bearer = client.defaults.get("HTTP_AUTHORIZATION", "")
    if bearer.startswith("Bearer "):
        protocols = ["ems.v1", f"bearer.{bearer.removeprefix('Bearer ')}"]
    socket = Socket(application, "/ws/v1/live", headers=headers_of(client), subprotocols=protocols)
    heard: list[Any] = []
    accepted, code = await WebsocketCommunicator.connect(socket, timeout=60)
    if not accepted:
        return heard, code
    for number, target in enumerate(targets):
        with contextlib.suppress(Closed):
            await socket.say("sub", id=f"t{number}", **target)
            if await _hear(socket, heard, "ok", "err") == "ok":
                await _hear(socket, heard, "snapshot")
            continue
        return heard, heard.pop()
    await socket.disconnect(timeout=60)
    return heard, None


async def _hear(socket: Socket, heard: list[Any], *types: str) -> str:
    """Keep what comes until a message of these types; return its type.

    Raises:
        Closed: the socket was closed; its code is the last that was heard.
    """
    while True:
        message = await socket.receive_output(5)
        if message["type"] == "websocket.close":
            heard.append(message["code"])
            raise Closed
        text = message.get("text") or message["bytes"].decode()
        heard.append(text)
        said = orjson.loads(text)
        if "seq" in said:
            await socket.say("ack", n=said["seq"])
        if said["type"] in types:
            return str(said["type"])


class Closed(Exception):
    """The other side closed the socket."""


@pytest.mark.parametrize("name", NAMES)
async def test_everybody_hears_their_own_only(name, worlds, everybody):
    a, b = worlds
    who = everybody[name]
    targets = [{"devices": [str(w.device.id)]} for w in (a, b)] + [
        {"tenant": True}, {"devices": [str(uuid.uuid4())]}, {"site": str(b.objects["site_id"])},
        {"site": str(a.objects["site_id"])},
    ]  # fmt: skip

    heard, code = await talk(who.client, *targets)

    text = repr(heard).encode()
    assert found_in(text, who.forbidden(a, b)) == []
    for world in worlds:
        if world.name not in who.sees:
            assert b"snapshot" not in text or str(world.number).encode() not in text
    if not who.is_known:
        assert code == 4401, heard
    elif who.codes is None and name not in {"B admin", "B token", "B key"}:
        assert code in {4401, 4403}, heard
    elif who.codes is not None and not who.is_guest and READS not in who.codes:
        assert code == 4403, heard
    elif name in {"A admin", "A viewer", "A operator", "both as A", "wide token", "A guest"}:
        assert code is None, heard
        assert found_in(text, [str(a.number)])


@functools.cache
def quiet() -> float:
    """Return for how many seconds nothing comes once all has come."""
    return 0.3 * slowness()


async def listen(client: Any, path: str) -> tuple[list[str], int | None]:
    """Return all that an address says by itself until it is quiet, and the close code."""
    headers = headers_of(client)
    if bearer := client.defaults.get("HTTP_AUTHORIZATION", ""):
        headers.append((b"authorization", bearer.encode()))
    socket = WebsocketCommunicator(application, path, headers=headers)
    heard: list[str] = []
    accepted, code = await socket.connect(timeout=60)
    while accepted and not await socket.receive_nothing(timeout=quiet()):
        message = await socket.receive_output(60)
        if message["type"] == "websocket.close":
            return heard, message["code"]
        heard.append(str(message.get("text")))
    if accepted:
        await socket.disconnect(timeout=60)
    return heard, None if accepted else code


@pytest.mark.parametrize("name", NAMES)
async def test_older_clients_hear_their_own_only(name, worlds, everybody):
    a, b = worlds
    who = everybody[name]
    for query in ("", f"?devices={a.device.id}", f"?devices={b.device.id}"):
        heard, code = await listen(who.client, f"/ws/telemetry{query}")

        text = repr(heard).encode()
        assert found_in(text, who.forbidden(a, b)) == []
        for world in worlds:
            assert world.name in who.sees or str(world.number).encode() not in text
        if not who.is_known:  # some may still say who they are
            assert heard == [] and code in {None, 4401}
        elif name in {"A admin", "A viewer", "A operator"}:
            foreign = str(b.device.id) in query
            assert (code, found_in(text, [str(a.number)]) != []) == (
                (4403, False) if foreign else (None, True)
            ), heard


@pytest.mark.parametrize("name", ["anonymous", "A admin", "wide token"])
async def test_other_addresses_open_for_nobody(name, everybody):
    for path in ("/ws/v1/other", "/ws/", "/"):
        socket = WebsocketCommunicator(
            application, path, headers=headers_of(everybody[name].client)
        )
        accepted, _code = await socket.connect(timeout=60)
        message = await socket.receive_output(60) if accepted else {"type": "websocket.close"}
        assert message["type"] == "websocket.close"
