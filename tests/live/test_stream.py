"""Events as server-sent events, in the hub of the test."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from telemetry.live.event_pump import EventPump
from telemetry.live.hub import get_hub
from telemetry.live.identity import Identity
from telemetry.live.messages import Subscribe
from telemetry.live.stream import stream_events
from tests.live.test_events import happen, tell

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("redis", "own_layer", "in_one_thread"),
]


def identity_of(team: Any, person: User) -> Identity:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return Identity(
        tenant_id=team.tenant.id,
        expires_at=timezone.now() + dt.timedelta(hours=1),
        user_id=person.pk,
        session_key=client.session.session_key or "",
        session_hash=person.get_session_auth_hash(),
    )


async def read(lines: Any, *names: str) -> list[tuple[str, Any]]:
    """Return the next messages of a stream, (name, data), which must have these names."""
    found: list[tuple[str, Any]] = []
    while len(found) < len(names):
        text = (await asyncio.wait_for(anext(lines), 60)).decode()
        fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
        if "event" in fields:
            found.append((fields["event"], orjson.loads(fields["data"])))
    assert tuple(name for name, _ in found) == names
    return found


async def test_tells_what_happens_and_resumes(red, meter):
    pump, identity = EventPump(), identity_of(red, red.viewer)
    with red.scope():
        async with aclosing(
            stream_events(identity, Subscribe(id="s", tenant=True, types=["alarm"]))
        ) as lines:
            assert (await read(lines, "ready"))[0][1] == {"seq": 0}
            happen(meter, "A", "B")
            await tell(pump)
            told = await read(lines, "alarm", "alarm")
        assert [event["payload"]["code"] for _, event in told] == ["A", "B"]

        wanted = Subscribe(id="s", tenant=True, types=["alarm"], since_seq=1)
        async with aclosing(stream_events(identity, wanted)) as lines:
            told = await read(lines, "ready", "alarm")
    assert told[1][1]["seq"] == 2
    assert not get_hub()._viewers


async def test_a_number_in_vain_is_told_and_events_go_on(red, meter):
    pump, identity = EventPump(), identity_of(red, red.viewer)
    wanted = Subscribe(id="s", tenant=True, types=["alarm"], since_seq=99)
    with red.scope():
        async with aclosing(stream_events(identity, wanted)) as lines:
            told = await read(lines, "error", "ready")
            happen(meter, "A")
            await tell(pump)
            await read(lines, "alarm")

    assert told[0][1] == {"code": "unknown_seq"}
