"""Nodes without a clock ask for the time before they say that they are online (S4R.2)."""

from __future__ import annotations

import datetime as dt

import msgspec

from devices.inbound.message import BadMessage, Inbound
from devices.services.outbox import URGENT, queue_message

TOPIC = "hydro/time/response"
# an answer that comes later would only mislead
VALID = dt.timedelta(seconds=5)
NAME_LENGTH = 64


class TimeRequest(msgspec.Struct, frozen=True):
    """`{"request_id": "a1", "node": "nd-1", "client_ts": 12345}`; all optional, all returned.

    From `client_ts`, its own clock, a node knows how long the answer was on its way.
    """

    request_id: str = ""
    node: str = ""
    client_ts: float | None = None


def handle_time_request(message: Inbound, now: dt.datetime) -> None:
    """Answer with the time in seconds and milliseconds since 1970 UTC."""
    request = message.read(TimeRequest) if message.payload.strip() else TimeRequest()
    if max(len(request.request_id), len(request.node)) > NAME_LENGTH:
        raise BadMessage("bad_payload", f"Names have at most {NAME_LENGTH} characters.")
    moment = now.timestamp()
    answer = {
        "ts": int(moment),
        "ts_ms": int(moment * 1000),
        "request_id": request.request_id,
        "node": request.node,
        "client_ts": request.client_ts,
    }
    queue_message(
        topic=TOPIC,
        payload=msgspec.json.encode(answer),
        now=now,
        tenant_id=None,
        expires_at=now + VALID,
        priority=URGENT - 1,
    )
