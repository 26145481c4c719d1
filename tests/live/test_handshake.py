"""Who may open a socket."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import User
from energy.asgi import application
from telemetry.live import consumer as consumer_module
from tests.live.sockets import Socket, connect, cookies_of

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")


class TestHandshake:
    async def test_a_member_is_welcomed(self, red):
        async with connect(red.viewer) as socket:
            welcome = await socket.hear("welcome")

        moment = dt.datetime.fromisoformat(welcome["server_time"])
        assert abs(moment - timezone.now()) < dt.timedelta(seconds=10)
        assert dt.datetime.fromisoformat(welcome["exp"]) > moment
        assert welcome["limits"]["devices"] == 500
        assert welcome["limits"]["unacked_frames"] == 64

    async def test_without_a_session_4401(self, red, monkeypatch):
        monkeypatch.setattr(consumer_module, "AUTH_SECONDS", 0.2)
        async with connect(AnonymousUser()) as socket:
            assert await socket.closed() == 4401

    async def test_with_a_forged_session_4401(self, red):
        async with connect(AnonymousUser(), cookie="sessionid=" + "x" * 32) as socket:
            assert await socket.closed() == 4401

    async def test_a_token_in_the_query_is_ignored(self, red):
        socket = Socket(application, "/ws/v1/live?token=secret", headers=[])
        assert (await socket.connect(timeout=60))[0]
        assert await socket.closed() == 4401

    async def test_a_member_of_nothing_4403(self, stranger):
        async with connect(stranger) as socket:
            assert await socket.closed() == 4403

    async def test_a_disabled_user_4401(self, red):
        cookie = cookies_of(red.viewer)
        User.objects.filter(id=red.viewer.id).update(is_active=False)
        async with connect(AnonymousUser(), cookie=cookie) as socket:
            assert await socket.closed() == 4401

    @pytest.mark.parametrize(
        ("origin", "accepted"),
        [("http://localhost", True), ("http://evil.example", False), ("null", False)],
    )
    async def test_a_foreign_origin_is_refused_before_anything_else(self, red, origin, accepted):
        headers = [(b"host", b"localhost"), (b"origin", origin.encode())]
        socket = Socket(application, "/ws/v1/live", headers=headers)

        assert (await socket.connect(timeout=60))[0] is accepted
        await socket.disconnect()

    async def test_only_our_subprotocol_is_echoed(self, red):
        offered = ["bearer.secret", "ems.v1"]
        socket = Socket(application, "/ws/v1/live", subprotocols=offered)

        assert await socket.connect(timeout=60) == (True, "ems.v1")
        await socket.disconnect()

    @pytest.mark.parametrize("path", ["/", "/ws", "/ws/v1/live/", "/ws/v1/other"])
    async def test_unknown_addresses_are_refused(self, path):
        socket = Socket(application, path)

        assert (await socket.connect(timeout=60))[0] is False
