"""Each way to sign a socket in, and how each of them ends."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from channels.testing import WebsocketCommunicator
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Membership, Role, SystemRole
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.services.keys import create_key, revoke_key
from accounts.services.sessions import end_sign_ins
from energy.asgi import application
from telemetry.live import consumer as consumer_module
from telemetry.live import hub as hub_module
from telemetry.live import tickets
from tests.factories import PASSWORD
from tests.live.sockets import Socket, connect, cookies_of

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")

HOST = (b"host", b"localhost")
LOGIN, TICKET = "/api/v1/auth/login", "/api/v1/live/ticket"


async def open_socket(path="/ws/v1/live", headers=(), subprotocols=None) -> Socket:
    """Open a socket; the welcome, or the close, is left to be heard."""
    socket = Socket(application, path, headers=[HOST, *headers], subprotocols=subprotocols)
    accepted, _ = await WebsocketCommunicator.connect(socket, timeout=60)
    assert accepted
    return socket


async def token_of(user) -> str:
    """Sign an app in; return its access token."""
    body = {"email": user.email, "password": PASSWORD}
    answer = Client().post(LOGIN, body, "application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()["access_token"]


async def key_of(red, codes=("read:telemetry",)):
    """Make an API key."""
    with red.scope():
        return create_key(
            name="x", codes=codes, expires_at=None, created_by=None,
            editor_codes=SYSTEM_ROLES["admin"], now=timezone.now(),
        )  # fmt: skip


async def ticket_of(user) -> str:
    """Take a ticket with a session."""
    client = Client(headers={"Cookie": cookies_of(user)})
    client.cookies.load(cookies_of(user))
    answer = client.post(TICKET)
    assert answer.status_code == 201, answer.content
    return answer.json()["ticket"]


async def is_welcome(socket: Socket) -> bool:
    await socket.hear("welcome")
    await socket.subscribe(tenant=True)
    await socket.disconnect()
    return True


class TestWays:
    """All of them lead to the same protocol."""

    async def test_an_access_token_as_a_subprotocol(self, red):
        token = await token_of(red.viewer)
        socket = await open_socket(subprotocols=["ems.v1", f"bearer.{token}"])

        assert await is_welcome(socket)

    async def test_an_api_key_in_the_header(self, red):
        key = await key_of(red)
        socket = await open_socket(headers=[(b"x-api-key", key.secret.text.encode())])

        assert await is_welcome(socket)

    async def test_the_first_message(self, red):
        token = await token_of(red.viewer)
        socket = await open_socket()
        await socket.say("auth", token=token)

        assert await is_welcome(socket)

    async def test_a_ticket(self, red):
        ticket = await ticket_of(red.viewer)
        socket = await open_socket(f"/ws/v1/live?token={ticket}")

        assert await is_welcome(socket)


class TestRefusals:
    """Whatever is wrong, the socket is closed with 4401 or 4403."""

    async def test_a_ticket_is_good_once(self, red):
        ticket = await ticket_of(red.viewer)
        first = await open_socket(f"/ws/v1/live?token={ticket}")
        second = await open_socket(f"/ws/v1/live?token={ticket}")

        assert await second.closed() == 4401
        assert await is_welcome(first)

    async def test_a_ticket_is_good_for_half_a_minute(self, red, monkeypatch):
        monkeypatch.setattr(tickets, "LIFETIME_SECONDS", 1)
        ticket = await ticket_of(red.viewer)
        await asyncio.sleep(1.2)
        socket = await open_socket(f"/ws/v1/live?token={ticket}")

        assert await socket.closed() == 4401

    async def test_neither_tokens_nor_keys_travel_in_the_address(self, red):
        key, token = await key_of(red), await token_of(red.viewer)
        cookie = (b"cookie", cookies_of(red.viewer).encode())
        for secret in (key.secret.text, token):
            socket = await open_socket(f"/ws/v1/live?token={secret}", headers=[cookie])
            assert await socket.closed() == 4401

    async def test_silence_ends_it(self, red, monkeypatch):
        monkeypatch.setattr(consumer_module, "AUTH_SECONDS", 0.3)
        socket = await open_socket()

        assert await socket.closed() == 4401

    @pytest.mark.parametrize(
        "message",
        [
            '{"type":"auth","token":"nonsense"}',
            '{"type":"ping"}',
            '{"type":"sub","id":1,"tenant":true}',
            "no json",
            '{"type":"auth"}',
            '{"type":"auth","token":"' + "x" * 20_000 + '"}',
        ],
    )
    async def test_a_first_message_that_is_no_sign_in(self, red, message):
        socket = await open_socket()
        await socket.send_to(text_data=message)

        assert await socket.closed() == 4401

    @pytest.mark.parametrize("way", ["bearer.nonsense", "bearer."])
    async def test_a_bad_token(self, red, way):
        socket = await open_socket(subprotocols=["ems.v1", way])

        assert await socket.closed() == 4401

    async def test_a_key_without_the_permission(self, red):
        key = await key_of(red, codes=("read:device",))
        socket = await open_socket(headers=[(b"x-api-key", key.secret.text.encode())])

        assert await socket.closed() == 4403

    async def test_a_role_without_the_permission(self, red):
        with red.scope():
            bare = Role.objects.create(name="Bare", codes=["read:site"])
        Membership.objects.filter(user=red.viewer).update(role="", custom_role=bare)

        async with connect(red.viewer) as socket:
            assert await socket.closed() == 4403


class TestEnds:
    """What ends a sign-in closes its sockets within five seconds."""

    @pytest.fixture(autouse=True)
    def look_often(self, monkeypatch):
        monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.3)

    async def test_a_raised_version_ends_tokens(self, red):
        token = await token_of(red.viewer)
        socket = await open_socket(subprotocols=["ems.v1", f"bearer.{token}"])
        await socket.hear("welcome")
        end_sign_ins(user=red.viewer, now=timezone.now())

        assert await socket.closed() == 4401

    async def test_a_revoked_key_ends(self, red):
        key = await key_of(red)
        socket = await open_socket(headers=[(b"x-api-key", key.secret.text.encode())])
        await socket.hear("welcome")
        with red.scope():
            revoke_key(key_id=key.key.id, now=timezone.now())

        assert await socket.closed() == 4401

    async def test_an_expired_key_ends(self, red):
        key = await key_of(red)
        socket = await open_socket(headers=[(b"x-api-key", key.secret.text.encode())])
        await socket.hear("welcome")
        with red.scope():
            ApiKey.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))

        assert await socket.closed() == 4401

    async def test_a_role_that_lost_the_permission_ends(self, red):
        with red.scope():
            bare = Role.objects.create(name="Bare", codes=["read:site"])
        async with connect(red.viewer) as socket:
            await socket.hear("welcome")
            Membership.objects.filter(user=red.viewer).update(role="", custom_role=bare)

            assert await socket.closed() == 4401

    async def test_a_second_factor_that_is_required_ends(self, red):
        async with connect(red.viewer) as socket:
            await socket.hear("welcome")
            type(red.tenant).objects.update(requires_mfa=True)

            assert await socket.closed() == 4401

    async def test_another_role_that_may_watch_stays(self, red):
        async with connect(red.viewer) as socket:
            await socket.hear("welcome")
            Membership.objects.filter(user=red.viewer).update(role=SystemRole.OPERATOR)
            await asyncio.sleep(1)
            await socket.say("ping")

            assert await socket.hear("pong")
