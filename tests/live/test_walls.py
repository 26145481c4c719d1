"""Each condition under which a socket stays open, and the tenant of each frame, by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace

import orjson
import pytest
from channels.layers import get_channel_layer
from django.test import Client
from django.utils import timezone

from telemetry.live import signin
from telemetry.live.identity import Identity
from tests.live.sockets import NOW_MS, connect, send_frame

NOW = timezone.now()
PAST = NOW - dt.timedelta(seconds=1)


@pytest.fixture
def by_cookie(red) -> Identity:
    """What a socket of red's viewer is signed in with."""
    client = Client()
    client.force_login(red.viewer, backend="django.contrib.auth.backends.ModelBackend")
    return Identity(
        tenant_id=red.tenant.id,
        expires_at=NOW + dt.timedelta(hours=1),
        user_id=red.viewer.pk,
        session_key=client.session.session_key or "",
        session_hash=red.viewer.get_session_auth_hash(),
    )


def is_open(identity: Identity) -> bool:
    return identity in signin.find_standing.func([identity], now=NOW)


def test_a_cookie_holds_while_session_person_tenant_and_impersonation_do(by_cookie, blue):
    assert is_open(by_cookie)
    for change in (
        {"session_key": "x" * 32},
        {"session_hash": "x"},
        {"user_id": uuid.uuid4()},
        {"user_id": blue.viewer.pk},
        {"tenant_id": blue.tenant.id},
        {"ends_at": PAST},
    ):
        assert not is_open(replace(by_cookie, **change)), change


def test_a_token_holds_while_its_version_and_its_time_do(by_cookie, red):
    token = replace(by_cookie, session_hash="", version=red.viewer.token_version)

    assert is_open(token)
    assert not is_open(replace(token, version=red.viewer.token_version + 1))
    assert not is_open(replace(token, expires_at=PAST))
    assert not is_open(replace(token, session_key="x" * 32))


@pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")
class TestFrames:
    async def test_a_frame_for_another_room_is_shown_to_nobody(self, red, blue, meter, foreign):
        point = [str(foreign.id), "power", NOW_MS + 1, 42.5, "good"]
        astray = {
            "type": "live.frame", "room": blue.tenant.id.hex, "epoch": "e", "age": 3600.0,
            "n": 1, "points": orjson.dumps([point]),
        }  # fmt: skip
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            await get_channel_layer().group_send(f"live.{red.tenant.id.hex}", astray)
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1, 2.5, "good"])
            data = await socket.hear("data")

            assert [shown[0] for shown in data["points"]] == [str(meter.id)]
            assert await socket.receive_nothing(0.3)
