"""Open sockets whose sign-in ends."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import Membership, SystemRole, User
from telemetry.live import hub as hub_module
from tests.live.sockets import connect
from tests.pace import assert_within

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")


class TestEndOfSignIn:
    """Open sockets close within five seconds."""

    @pytest.mark.parametrize(
        "ended", ["logout", "expiry", "membership", "user", "tenant", "password"]
    )
    async def test_4401(self, red, ended, monkeypatch):
        if ended != "logout":
            monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.5)

        def end() -> None:
            past = timezone.now() - dt.timedelta(seconds=1)
            {
                "logout": lambda: Session.objects.all().delete(),
                "expiry": lambda: Session.objects.update(expire_date=past),
                "membership": lambda: Membership.objects.filter(user=red.viewer).delete(),
                "user": lambda: User.objects.filter(id=red.viewer.id).update(is_active=False),
                "tenant": lambda: type(red.tenant).objects.update(is_active=False),
                "password": lambda: User.objects.filter(id=red.viewer.id).update(password="x"),
            }[ended]()

        async with connect(red.viewer) as socket, connect(red.operator) as other:
            await socket.subscribe(tenant=True)
            await other.subscribe(tenant=True)
            started = asyncio.get_running_loop().time()
            end()

            assert await socket.closed() == 4401
            assert_within(asyncio.get_running_loop().time() - started, 5.0)
            if ended in {"membership", "user", "password"}:
                await other.say("ping")
                assert await other.hear("pong")

    async def test_a_changed_role_keeps_the_socket(self, red, monkeypatch):
        monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.2)
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            Membership.objects.filter(user=red.viewer).update(role=SystemRole.ADMIN)
            await asyncio.sleep(1)
            await socket.say("ping")
            assert await socket.hear("pong")
