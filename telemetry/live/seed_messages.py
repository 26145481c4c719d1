"""The messages of `/ws/telemetry`, made of those of the protocol; no I/O.

`measurement {device_id, timestamp, data: {metric: value}}`, `device_status {device_id, status}`,
`gateway_status {gateway_id, status}`, `alarm {device_id, severity, code, message}`, `pong`,
`error {code}`, and `resync` where something was left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from telemetry.live.renewal import format_time

Message = dict[str, Any]

TYPES = ("measurement", "device_status", "gateway_status", "alarm")


def translate(message: Mapping[str, Any]) -> Iterator[Message]:
    """Return what an older client gets for a message; nothing for what it does not know."""
    match message["type"]:
        case "snapshot" | "data":
            yield from _measurements(message["points"])
        case "event":
            for event in message["events"]:
                yield _event(event)
        case "lag" if "since_seq" in message:
            yield {"type": "resync", "dropped": message["dropped"]}
        case "err":
            yield {"type": "error", "code": message["code"]}
        case "pong" | "reauth":
            yield dict(message)
        case _:
            return


def _measurements(points: Iterable[list[Any]]) -> Iterator[Message]:
    by_device: dict[str, list[list[Any]]] = {}
    for point in points:
        by_device.setdefault(point[0], []).append(point)
    for device, found in by_device.items():
        newest = max(point[2] for point in found)
        yield {
            "type": "measurement",
            "device_id": device,
            "timestamp": format_time(dt.datetime.fromtimestamp(newest / 1000, dt.UTC)),
            "data": {point[1]: point[3] for point in found},
        }


def _event(event: Mapping[str, Any]) -> Message:
    payload = event["payload"]
    known: Message = {
        "type": event["event_type"],
        "event_id": event["event_id"],
        "timestamp": event["occurred_at"],
        "device_id": event["device"],
    }
    match event["event_type"]:
        case "device_status":
            return {**known, "status": payload.get("status")}
        case "gateway_status":
            return {**known, "gateway_id": event["gateway"], "status": payload.get("status")}
        case _:
            told = {name: payload.get(name, "") for name in ("code", "message")}
            return {**known, "severity": event["severity"], **told}
