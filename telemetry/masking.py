"""Secrets and identities in payloads, hidden before a person sees the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

# words that a key contains when its value is nobody's business
SECRET_KEYS = (
    "password", "passwd", "pass", "pwd", "secret", "token", "psk", "apikey", "api_key",
    "private_key", "auth", "pin", "ssid", "bssid", "serial", "imei", "imsi", "iccid", "csr",
)  # fmt: skip
# OBIS codes under which meters send their serial numbers and free texts
_OBIS = re.compile(
    rb"(?:\d+-\d+:)?(?:96\.1\.\d+|0\.0\.0|42\.0\.0|96\.13\.\d)(?:\*\d+)?\(([^)\r\n]*)\)"
)


def masked(payload: bytes, keys: Iterable[str] = ()) -> bytes:
    """Return the payload with `*` over secrets, as long as before.

    It need not be whole nor valid: what follows a key such as "wifi_password" is hidden up to
    the end of its value. `keys`: names of a mapping to hide besides.
    """
    found = bytearray(payload)
    for pattern in (_pattern((*SECRET_KEYS, *keys)), _OBIS):
        for match in pattern.finditer(payload):
            start, end = match.span(1)
            found[start:end] = b"*" * (end - start)
    return bytes(found)


def _pattern(keys: tuple[str, ...]) -> re.Pattern[bytes]:
    words = b"|".join(re.escape(key.encode("utf-8", "replace")) for key in dict.fromkeys(keys))
    name = rb"[\w.-]{0,40}(?:" + words + rb")[\w.-]{0,20}"
    value = rb'("(?:[^"\\]|\\.)*"?|[^\s,;&}\])<>]+)'
    return re.compile(rb'(?i)(?<![\w.-])["\']?' + name + rb'["\']?\s*[:=]\s*' + value)
