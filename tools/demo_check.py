"""`./run demo --check`: follow one reading and one box through a demo of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
import websockets

from tools.demo import Demo, stop_on_signals
from tools.demo_alarm import AlarmFailed, follow_alarm
from tools.demo_box import BoxFailed, follow_box
from tools.demo_charge import ChargeFailed, follow_charge
from tools.demo_file import read_demo
from tools.demo_ledger import LedgerFailed, follow_register
from tools.demo_rule import RuleFailed, follow_rule
from tools.embedded.state import throwaway_home
from tools.embedded.supervisor import StartFailed
from tools.terminal import paint, say
from tools.web_session import LoginFailed, WebSession

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.02
HISTORY_DAYS = 2  # a register that has counted before, and nobody looks at the year

CHANNEL = """
    SELECT id, name, source FROM devices_channel
    WHERE device_id = %s AND kind = 'gauge'
    ORDER BY scale <> 1, source_unit NOT IN ('', unit), name NOT LIKE 'active_power%%', id
    LIMIT 1
"""
STORED = "SELECT value FROM telemetry_sample WHERE channel_id = %s AND time = to_timestamp(%s)"


class CheckFailed(RuntimeError):
    """A station did not see the reading; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is sent, and how it is recognised: by device, channel and time."""

    gateway: Mapping[str, Any]
    device: Mapping[str, Any]
    channel_id: int
    metric: str
    source: str
    sent_ms: int
    value: float

    def topic(self) -> str:
        """Return where the gateway publishes it."""
        return f"{self.gateway['topic_prefix']}/data/device/{self.device['uid']}"

    def payload(self) -> str:
        """Return the message."""
        return json.dumps({"ts": self.sent_ms, "values": {self.source: self.value}})

    def is_point(self, point: list[Any]) -> bool:
        """Tell whether a WebSocket point [device, metric, t_ms, value, quality] is this reading."""
        return point[:3] == [self.device["id"], self.metric, self.sent_ms]


def choose_reading(demo: Mapping[str, Any]) -> Reading:
    """Make a reading of the first device of the first gateway. Raises: CheckFailed."""
    gateway = next((entry for entry in demo["gateways"] if entry["devices"]), None)
    if gateway is None:
        raise CheckFailed("the seed made no gateway with a device")
    device = gateway["devices"][0]
    with psycopg.connect(demo["database_url"]) as database:
        row = database.execute(CHANNEL, [device["id"]]).fetchone()
    if row is None:
        raise CheckFailed(f"device {device['name']} has no gauge channel")
    value = round(random.uniform(1, 2), 3)
    channel_id, metric, source = row
    now_ms = time.time_ns() // 1_000_000
    return Reading(gateway, device, channel_id, metric, source, now_ms, value)


def publish_reading(demo: Mapping[str, Any], reading: Reading) -> None:
    """Publish as the gateway itself: its certificate, TLS, QoS 1. Raises: CheckFailed."""
    gateway = reading.gateway
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=gateway["uid"])
    client.tls_set(demo["mqtt"]["ca_file"], gateway["cert_file"], gateway["key_file"])
    client.connect("127.0.0.1", demo["mqtt"]["tls_port"])
    client.loop_start()
    try:
        message = client.publish(reading.topic(), reading.payload(), qos=1)
        message.wait_for_publish(PATIENCE_SECONDS)
        if not message.is_published():
            raise CheckFailed("the broker did not acknowledge the gateway's message")
    finally:
        client.disconnect()
        client.loop_stop()


async def wait_for_row(demo: Mapping[str, Any], reading: Reading) -> None:
    """Wait for the committed row."""
    query = [reading.channel_id, reading.sent_ms / 1000]
    async with await psycopg.AsyncConnection.connect(
        demo["database_url"], autocommit=True
    ) as database:
        while not await (await database.execute(STORED, query)).fetchone():
            await asyncio.sleep(POLL_SECONDS)


async def wait_for_answer(session: WebSession, reading: Reading) -> None:
    """Wait until the REST API tells the value."""
    path = f"/api/v1/devices/{reading.device['id']}/latest"
    while not contains_number(await asyncio.to_thread(session.get_json, path), reading.value):
        await asyncio.sleep(POLL_SECONDS)


async def wait_for_frame(socket: websockets.ClientConnection, reading: Reading) -> None:
    """Wait for the point in a data frame."""
    async for frame in received_frames(socket):
        if frame["type"] == "data" and any(map(reading.is_point, frame["points"])):
            return


async def received_frames(socket: websockets.ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """Yield frames and acknowledge those with a number. Raises: CheckFailed: closed."""
    async for text in socket:
        frame = json.loads(text)
        if "seq" in frame:
            await socket.send(json.dumps({"type": "ack", "n": frame["seq"]}))
        yield frame
    raise CheckFailed(f"the server closed the WebSocket with code {socket.close_code}")


def contains_number(answer: Any, number: float) -> bool:
    """Tell whether a JSON value contains a number, at any depth."""
    if isinstance(answer, dict):
        return any(contains_number(value, number) for value in answer.values())
    if isinstance(answer, list):
        return any(contains_number(value, number) for value in answer)
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    return is_number and abs(answer - number) < 1e-9


@contextlib.asynccontextmanager
async def live_socket(
    demo: Mapping[str, Any], session: WebSession, reading: Reading
) -> AsyncIterator[websockets.ClientConnection]:
    """Yield a WebSocket that is subscribed to the reading's device."""
    url = demo["web"].replace("http", "ws", 1) + "/ws/v1/live"
    headers = {"Cookie": session.cookie_header()}
    async with websockets.connect(
        url, origin=websockets.Origin(demo["web"]), additional_headers=headers
    ) as socket:
        subscription = {"type": "sub", "id": "1", "devices": [reading.device["id"]]}
        await socket.send(json.dumps(subscription))
        async for frame in received_frames(socket):
            if frame["type"] == "err":
                raise CheckFailed(f"the WebSocket refused the subscription: {frame['code']}")
            if frame["type"] == "snapshot":  # what comes now is news
                break
        yield socket


async def follow_reading(demo: Mapping[str, Any]) -> bool:
    """Publish one reading and print when it arrived where; tell whether it did everywhere.

    Raises: CheckFailed, LoginFailed, OSError: the check could not even begin.
    """
    reading = choose_reading(demo)
    tenant = reading.gateway["tenant_slug"]
    viewer = next(
        user for user in demo["users"] if (user["tenant"], user["role"]) == (tenant, "viewer")
    )
    session = WebSession(demo["web"])
    await asyncio.to_thread(session.log_in, viewer["email"], viewer["password"])
    async with live_socket(demo, session, reading) as socket:
        publishing = asyncio.to_thread(publish_reading, demo, reading)
        stations: dict[str, Awaitable[None]] = {
            "MQTT over TLS, gateway's certificate": publishing,
            "row in the database": wait_for_row(demo, reading),
            f"REST as {viewer['email']}": wait_for_answer(session, reading),
            "WebSocket frame": wait_for_frame(socket, reading),
        }
        started = time.monotonic()
        arrived = await asyncio.gather(
            *(_observe(name, waiting, started) for name, waiting in stations.items())
        )
    return all(arrived)


async def _observe(name: str, waiting: Awaitable[None], started: float) -> bool:
    """Print one line about a station; tell whether the reading arrived there."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await waiting
    except TimeoutError:
        _report_failure(name, f"nothing after {PATIENCE_SECONDS:.0f} s")
    except (CheckFailed, OSError, psycopg.Error, websockets.WebSocketException) as error:
        _report_failure(name, str(error))
    else:
        milliseconds = (time.monotonic() - started) * 1000
        say(f"  {paint('ok', '32')}      {name:<50}{milliseconds:6.0f} ms")
        return True
    return False


def _report_failure(name: str, reason: str) -> None:
    say(f"  {paint('FAILED', '31')}  {name}: {reason}")


_FAILURES = (
    StartFailed,
    CheckFailed,
    BoxFailed,
    LedgerFailed,
    AlarmFailed,
    RuleFailed,
    ChargeFailed,
    LoginFailed,
)


async def _start_and_follow(demo: Demo) -> bool:
    started = time.monotonic()
    try:
        await demo.start(with_fleet=False)
        say(f"  {paint('ok', '32')}      {'start':<50}{time.monotonic() - started:6.1f} s")
        reading = await follow_reading(read_demo(demo.file))
        ledger = await asyncio.to_thread(follow_register, read_demo(demo.file))
        alarm = await asyncio.to_thread(follow_alarm, read_demo(demo.file))
        rule = await asyncio.to_thread(follow_rule, read_demo(demo.file))
        charge = await asyncio.to_thread(follow_charge, read_demo(demo.file))
        box = await follow_box(read_demo(demo.file), demo.boxes)
        return all((reading, ledger, alarm, rule, charge, box))
    except (*_FAILURES, OSError) as error:
        _report_failure("demo", str(error))
    return False


async def _run(demo: Demo) -> int:
    """Check until done or until a signal; stop everything in any case."""
    stopping = asyncio.Event()
    stop_on_signals(stopping, demo.supervisor)
    stopped = asyncio.create_task(stopping.wait())
    work = asyncio.create_task(_start_and_follow(demo))
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return 0 if work.done() and work.result() else 1
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await demo.stop()


def run_check(*, verbose: bool) -> int:
    """Run the check on free ports with a state of its own, deleted afterwards.

    Servers given in the environment are not used: the check writes into its database.
    """
    with throwaway_home("check") as home:
        try:
            demo = Demo(home, ports="free", external={}, verbose=verbose, history_days=HISTORY_DAYS)
            return asyncio.run(_run(demo))
        except RuntimeError as error:
            _report_failure("servers", str(error))
            return 1
