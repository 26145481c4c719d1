"""Events through a real daphne: the stream, and what is missed while a server is away."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.site import SESSIONS, LiveClient, Site
from tests.pace import assert_within

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_HAPPEN = """
INSERT INTO devices_deviceevent (id, tenant_id, created_at, updated_at, device_id, kind, code,
                                 severity, message, detail, at)
VALUES (gen_random_uuid(), %s, now(), now(), %s, 'alarm', %s, 'critical', '', '{}', now())
"""


def happen(site: Site, tenant: dict[str, Any], *codes: str) -> None:
    for code in codes:
        device = tenant["devices"][0]["id"]
        site.database.execute(_HAPPEN, [tenant["tenant"], device, code])


def open_stream(site: Site, tenant: dict[str, Any], number: int, **headers: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    cookie = {"Cookie": f"sessionid={tenant['cookies'][number]}"}
    connection.request("GET", "/api/v1/events/stream?types=alarm", headers=cookie | headers)
    return connection.getresponse()


def read_until(answer: Any, name: str) -> Iterator[dict[str, str]]:
    """Yield the messages of a stream up to the first of a name."""
    message: dict[str, str] = {}
    while line := answer.readline().decode():
        if line.strip():
            field, _, value = line.rstrip("\n").partition(": ")
            message[field] = value
        elif message:
            yield message
            if message.get("event") == name:
                return
            message = {}


def test_a_stream_tells_events_and_is_resumed(site):
    code = f"S{uuid.uuid4().hex[:8]}".upper()
    answer = open_stream(site, site.red, 0)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    list(read_until(answer, "ready"))

    began = time.monotonic()
    happen(site, site.blue, f"{code}_THEIRS")
    happen(site, site.red, f"{code}_1", f"{code}_2")
    first = list(read_until(answer, "alarm"))[-1]
    assert_within(time.monotonic() - began, 5)
    assert json.loads(first["data"])["payload"]["code"] == f"{code}_1"

    resumed = open_stream(site, site.red, 0, **{"Last-Event-ID": first["id"]})
    found = list(read_until(resumed, "alarm"))[-1]
    assert json.loads(found["data"])["payload"]["code"] == f"{code}_2"
    assert int(found["id"]) == int(first["id"]) + 1


def test_a_stream_ends_when_the_session_does(site):
    answer = open_stream(site, site.red, SESSIONS)
    list(read_until(answer, "ready"))
    sockets = site.sockets_open()

    site.database.execute(
        "DELETE FROM django_session WHERE session_key = %s", [site.red["cookies"][SESSIONS]]
    )
    began = time.monotonic()
    assert list(read_until(answer, "never")) == []
    assert_within(time.monotonic() - began, 8)
    assert site.sockets_open() == sockets - 1


def test_a_client_that_goes_is_forgotten(site):
    before = site.sockets_open()
    answer = open_stream(site, site.red, 2)
    list(read_until(answer, "ready"))
    assert site.sockets_open() == before + 1

    answer.close()
    deadline = time.monotonic() + 60
    while site.sockets_open() > before:
        assert time.monotonic() < deadline
        time.sleep(0.2)


async def test_no_alarm_is_missed_while_daphne_is_killed(site, note):
    """F23."""
    code = f"K{uuid.uuid4().hex[:8]}".upper()
    async with site.connect(site.red, 3) as socket:
        client = LiveClient(socket)
        await client.say("sub", id="a", tenant=True, types=["alarm"])
        since = (await client.hear("ok"))["since_seq"]
        happen(site, site.red, f"{code}_0")
        seen = await hear_codes(client, code, 1)

    killed_at = time.monotonic()
    site.web.end(signal.SIGKILL)
    happen(site, site.red, *(f"{code}_{number}" for number in range(1, 20)))
    site.web.start()  # not in a thread: it would end with that
    await asyncio.to_thread(site.start_processes)
    async with site.connect(site.red, 3) as socket:
        client = LiveClient(socket)
        await client.say("sub", id="a", tenant=True, types=["alarm"], since_seq=since)
        seen = await hear_codes(client, code, 20)
    note(seconds_away=time.monotonic() - killed_at)

    assert seen == [f"{code}_{number}" for number in range(20)]


async def hear_codes(client: LiveClient, prefix: str, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        message = await client.hear("event", seconds=60)
        codes = [event["payload"]["code"] for event in message["events"]]
        found += [code for code in codes if code.startswith(prefix)]
    return found
