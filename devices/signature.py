"""Signs commands: HMAC-SHA256 over canonical JSON, with a clock that may differ by 10 s.

    {"cmd": "run_pump", "cmd_id": "…", "params": {"seconds": 5}, "ts": 1763712000, "sig": "…"}

`sig` is the hexadecimal HMAC over the message without `sig`, keys sorted, no blanks, UTF-8.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

FIELD = "sig"
TOLERANCE_SECONDS = 10
_FORMAT = re.compile(r"[0-9a-f]{64}")


class BadSignature(ValueError):
    """A message that a device must not obey; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def canonical(message: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: everything but the signature.

    Raises: ValueError: NaN or infinity, which JSON does not know.
    """
    content = {key: value for key, value in message.items() if key != FIELD}
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sign(message: Mapping[str, Any], *, secret: str) -> dict[str, Any]:
    """Return the message with its signature."""
    digest = hmac.new(secret.encode(), canonical(message), hashlib.sha256).hexdigest()
    return {**message, FIELD: digest}


def verify(message: Mapping[str, Any], *, secret: str, now: float) -> None:
    """Check a signed message as a device does; `ts` and `now` in seconds since 1970.

    Raises:
        BadSignature: `invalid_hmac_format`, `timestamp_expired` or `invalid_signature`.
    """
    given = message.get(FIELD)
    if not isinstance(given, str) or not _FORMAT.fullmatch(given):
        raise BadSignature("invalid_hmac_format", "sig must be 64 hexadecimal digits.")
    at = message.get("ts")
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise BadSignature("timestamp_expired", "ts must be seconds since 1970.")
    if not abs(now - at) <= TOLERANCE_SECONDS:  # also for NaN
        raise BadSignature("timestamp_expired", f"ts is {now - at:.0f} s away, 10 are allowed.")
    if not hmac.compare_digest(str(sign(message, secret=secret)[FIELD]), given):
        raise BadSignature("invalid_signature", "The message was changed, or the secret differs.")
