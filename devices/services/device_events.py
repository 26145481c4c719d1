"""Keeps what happens at devices."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from devices.models import Device, DeviceEvent, Severity

CODE_LENGTH = 255
_HASH_LENGTH = 8
_NOT_IN_CODE = re.compile(r"[^A-Z0-9_]+")


def record_device_event(
    *,
    device: Device,
    kind: str,
    code: str,
    at: dt.datetime,
    severity: Severity = Severity.INFO,
    message: str = "",
    detail: Mapping[str, Any] | None = None,
) -> DeviceEvent:
    """Keep an event; one that comes twice is kept once."""
    event, _is_new = DeviceEvent.objects.get_or_create(
        device=device,
        kind=kind[:40],
        code=normalise_code(code),
        at=at,
        defaults={
            "severity": severity,
            "message": message[:1000],
            "detail": dict(detail or {}),
        },
    )
    return event


def normalise_code(raw: str) -> str:
    """Return a code of `[A-Z0-9_]`; one that is cut ends in a hash of the whole.

    >>> normalise_code("over-temperature!"), normalise_code("")
    ('OVER_TEMPERATURE', 'UNKNOWN')
    """
    code = _NOT_IN_CODE.sub("_", raw.upper()).strip("_") or "UNKNOWN"
    if len(code) <= CODE_LENGTH:
        return code
    mark = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH].upper()
    return f"{code[: CODE_LENGTH - _HASH_LENGTH - 1]}_{mark}"
