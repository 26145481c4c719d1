"""Signing in again on an open socket."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from telemetry.live import hub as hub_module
from telemetry.live import renewal
from tests.live.sockets import connect
from tests.live.test_ways_to_sign_in import key_of, token_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis", "own_layer", "in_one_thread"),
]


async def test_a_new_token_of_the_same_person_prolongs(red, meter):
    token = await token_of(red.viewer)
    async with connect(red.viewer) as socket:
        before = (await socket.hear("welcome"))["exp"]
        await socket.say("auth", token=token)
        answer = await socket.hear("ok")
        await socket.subscribe(tenant=True)

    assert answer["exp"] != before
    end = dt.datetime.fromisoformat(answer["exp"])
    assert end > timezone.now()


async def test_a_bad_token_ends_the_socket(red):
    async with connect(red.viewer) as socket:
        await socket.say("auth", token="nonsense")
        assert await socket.closed() == 4401


async def test_a_token_of_somebody_else_changes_nothing(red, meter):
    token = await token_of(red.operator)
    key = (await key_of(red)).secret.text
    async with connect(red.viewer) as socket:
        for other in (token, key):
            await socket.say("auth", token=other)
            assert (await socket.hear("err"))["code"] == "other_identity"
        await socket.subscribe(tenant=True)


async def test_is_asked_for_once_before_the_end(red, monkeypatch):
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(renewal, "REMIND_SECONDS", 10**8)
    async with connect(red.viewer) as socket:
        end = (await socket.hear("welcome"))["exp"]
        assert await socket.hear("reauth") == {"type": "reauth", "exp": end}
        assert await socket.receive_nothing(1.2)
