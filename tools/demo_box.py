"""`./run demo --check`, second part: a box is claimed, measures, is stolen and shut out."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psycopg

from devices.claim_codes import ScannedCode, hash_code, parse_scanned
from devices.simulators.label import ADDRESS_FILE
from tools.terminal import paint, say
from tools.web_session import WebSession

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.2
FIRST_READING_SECONDS = 10.0
CUT_SECONDS = 2.0
OUT_SECONDS = 4.0  # in which the box tries to come back

SITE = """
    SELECT s.id FROM devices_site s JOIN accounts_tenant t ON t.id = s.tenant_id
    WHERE t.slug = %s ORDER BY s.name LIMIT 1
"""


class BoxFailed(RuntimeError):
    """The box did not get as far as it should; the message says where."""


async def follow_box(demo: Mapping[str, Any], folder: Path) -> bool:
    """Claim the box on the shelf as a customer's administrator, then revoke it.

    Prints how long each step took; tells whether all were fast enough.

    Raises: BoxFailed, LoginFailed, OSError.
    """
    return await asyncio.to_thread(_follow, demo, folder)


def _follow(demo: Mapping[str, Any], folder: Path) -> bool:
    gateway = demo["gateways"][0]
    person = next(
        user
        for user in demo["users"]
        if (user["tenant"], user["role"]) == (gateway["tenant_slug"], "admin")
    )
    session = WebSession(demo["web"])
    session.log_in(person["email"], person["password"])
    other = _connect_as(demo, gateway)
    try:
        device_id, reading = _claim(demo, session, folder)
        in_time = _report("box: claim to first reading", reading, FIRST_READING_SECONDS)
        cut = _revoke(session, device_id, folder.parent / "log" / "boxes.log")
        in_time &= _report("box: revoked to the end of its connection", cut, CUT_SECONDS)
        if not other.is_connected():
            raise BoxFailed("another gateway lost its connection")
    finally:
        other.disconnect()
        other.loop_stop()
    say(
        f"  {paint('ok', '32')}      box: stays out, others never notice, a new one is on the shelf"
    )
    return in_time


def _claim(demo: Mapping[str, Any], session: WebSession, folder: Path) -> tuple[str, float]:
    """Claim what the label says; return the device and the seconds to its first reading."""
    label = (folder / ADDRESS_FILE).read_text()
    scanned = parse_scanned(label)
    if scanned is None:
        raise BoxFailed(f"no code in {label!r}")
    with psycopg.connect(demo["database_url"]) as database:
        [site] = database.execute(SITE, [demo["gateways"][0]["tenant_slug"]]).fetchone() or [""]
    body = {
        "hardware_id": scanned.hardware_id, "code": scanned.code, "site": str(site),
        "name": "Box of the check", "profile": "relay-board",
    }  # fmt: skip
    _wait_until_heard(demo, scanned)
    began = time.monotonic()
    claim = session.post_json("/api/v1/provisioning/claims", body)
    path = f"/api/v1/provisioning/claims/{claim['id']}"
    _wait(lambda: "reading" in _steps_done(session.get_json(path)), "first reading of the box")
    seconds = time.monotonic() - began
    _wait(lambda: (folder / ADDRESS_FILE).read_text() != label, "a new box on the shelf")
    return claim["device_id"], seconds


def _wait_until_heard(demo: Mapping[str, Any], scanned: ScannedCode) -> None:
    """Wait until the platform knows this code: a person needs longer to scan it."""
    query = "SELECT 1 FROM devices_pendingdevice WHERE code_hash = %s"
    with psycopg.connect(demo["database_url"], autocommit=True) as database:
        values = [hash_code(scanned.code)]
        _wait(lambda: database.execute(query, values).fetchone() is not None, "hello of the box")


def _revoke(session: WebSession, device_id: str, log: Path) -> float:
    """Revoke the box's certificate; return the seconds until its connection ended.

    Raises: BoxFailed: it came back.
    """
    path = f"/api/v1/devices/{device_id}/certificates"
    [certificate] = session.get_json(path)["results"]
    began = time.time()
    session.post_json(f"{path}/{certificate['serial']}/revoke", {"reason": "key_compromise"})
    _wait(lambda: _lines(log, device_id, "lost its connection") != [], "the end of its connection")
    ended = _lines(log, device_id, "lost its connection")[0]
    time.sleep(OUT_SECONDS)
    if len(_lines(log, device_id, "is connected")) != 1:
        raise BoxFailed("the revoked box came back")
    return ended - began


def _steps_done(claim: Mapping[str, Any]) -> set[str]:
    return {step["key"] for step in claim["steps"] if step["state"] == "done"}


def _lines(log: Path, device_id: str, words: str) -> list[float]:
    """Return when the box said something, in seconds since 1970."""
    return [
        dt.datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
        for line in log.read_text().splitlines()
        if device_id in line and words in line
    ]


def _connect_as(demo: Mapping[str, Any], gateway: Mapping[str, Any]) -> mqtt.Client:
    """Connect as a gateway that nobody revokes."""
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=gateway["uid"], reconnect_on_failure=False
    )
    client.tls_set(demo["mqtt"]["ca_file"], gateway["cert_file"], gateway["key_file"])
    client.connect("127.0.0.1", demo["mqtt"]["tls_port"])
    client.loop_start()
    _wait(client.is_connected, "connection of another gateway")
    return client


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BoxFailed(f"{what}: nothing after {PATIENCE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def _report(name: str, seconds: float, limit: float) -> bool:
    is_ok = seconds <= limit
    mark = paint("ok", "32") + "    " if is_ok else paint("FAILED", "31")
    say(f"  {mark}  {name:<50}{1000 * seconds:6.0f} ms (at most {limit:.0f} s)")
    return is_ok
