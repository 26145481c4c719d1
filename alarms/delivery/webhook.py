"""Alarms as signed requests to addresses that customers choose."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import ipaddress
import time
from functools import partial
from typing import Any

import orjson
from django.conf import settings

from alarms.delivery.letter import alarm_link
from alarms.delivery.outcome import NotTaken, Outcome, Refused, Send
from alarms.models import NotificationMessage, NotificationTarget
from energy.lib.outbound import OutboundFailed, OutboundRefused, Request, Rules, fetch
from energy.lib.sealing import Purpose, unseal

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
_FINAL = frozenset({400, 401, 403, 404, 405, 410, 413, 414, 415, 422})


def rules() -> Rules:
    """Return what a webhook may call: public addresses by TLS, unless the settings allow more."""
    return Rules(
        allowed_schemes=settings.NOTIFY_WEBHOOK_SCHEMES, timeout_seconds=TIMEOUT_SECONDS,
        max_bytes=MAX_ANSWER_BYTES,
        allowed_networks=tuple(ipaddress.ip_network(text) for text in settings.NOTIFY_NETWORKS),
    )  # fmt: skip


def secret_of(target: NotificationTarget) -> str:
    """Return what a webhook is signed with. Raises: CannotUnseal."""
    return unseal(target.secret, purpose=Purpose.NOTIFICATION_TARGET)


def prepare(message: NotificationMessage) -> Send:
    """Return what sends the request; it touches no database. Raises: CannotUnseal."""
    target = message.target
    return partial(_send, target.address, secret_of(target), str(message.id), body_of(message))


def body_of(message: NotificationMessage) -> bytes:
    """Return the body, the same bytes at each try."""
    content = message.content
    return orjson.dumps(
        {
            "id": str(message.id), "type": message.kind,
            "created_at": message.made_at.astimezone(dt.UTC).isoformat(),
            "tenant": content.get("tenant"), "summary": message.subject,
            "alarms": [_alarm(note) for note in content.get("notes", [])],
            "left_out": content.get("left_out", 0),
        }
        | ({"execution": content["execution"]} if "execution" in content else {})
    )  # fmt: skip


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature: HMAC-SHA256 over timestamp, a dot and the body, hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _alarm(note: dict[str, Any]) -> dict[str, Any]:
    names = ("what", "title", "subject", "severity", "source", "code", "text", "advice", "value",
             "limit", "unit", "site", "raised_at", "ended_at", "ending", "acknowledged_at",
             "step")  # fmt: skip
    found = {name: note[name] for name in names}
    return {"id": note["alarm"], "url": alarm_link(note["alarm"])} | found


def _send(url: str, secret: str, delivery: str, body: bytes) -> Outcome:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json", "User-Agent": "energy-platform-notifier/1",
        "X-Energy-Delivery": delivery, "X-Energy-Timestamp": timestamp,
        "X-Energy-Signature": f"sha256={sign(secret, timestamp, body)}",
    }  # fmt: skip
    try:
        answer = fetch(url, Request("POST", headers, body), rules())
    except OutboundRefused as error:
        raise Refused(str(error)) from error
    except OutboundFailed as error:
        raise NotTaken(str(error)) from error
    if 200 <= answer.status < 300:
        return Outcome()
    if answer.status in _FINAL:
        raise Refused(f"The other side answered {answer.status}.")
    raise NotTaken(f"The other side answered {answer.status}.")
