"""Secrets do not leave through logs and records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"
_SECRET_NAME = re.compile(
    r"pass(word|wd)?$|passphrase|secret|token|authorization|api[-_]?key|cookie|session[-_]?key"
    r"|^otp$|^code$|recovery|private[-_]?key|csrf|hashed",
    re.IGNORECASE,
)
# what looks like a secret wherever it stands: JWTs, our API keys, URLs with passwords,
# Authorization headers, links that work once, name=value pairs of query strings and forms
_SECRET_TEXT = re.compile(
    r"(?P<jwt>\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*)"
    r"|(?P<key>\bek_[A-Za-z0-9]{4,}_[\w-]{8,})"
    r"|(?P<url>(?<=://)[^\s:/@]*:[^\s/@]+(?=@))"
    r"|(?P<header>(?i:\b(?:bearer|basic)\s+)[\w.~+/=-]{8,})"
    r"|(?P<link>(?<=/invitations/)[\w-]{40,}|(?<=/reset/key/)[\w-]{8,}"
    r"|(?<=/hooks/automation/)[\w-]{8,})"
    r"|(?P<pair>(?i:(?:password\d?|passwd|secret|token|api[-_]?key|sessionid|ticket)[\"']?\s*[=:]"
    r"\s*[\"']?)[^\s\"'&,;}]{4,})"
)
MAX_DEPTH = 6


def mask_text(text: str) -> str:
    """Return a text without what looks like a secret."""
    return _SECRET_TEXT.sub(MASK, text)


def mask_values(value: Any, *, depth: int = 0) -> Any:
    """Return a structure of JSON's types with secrets masked, by name and by look."""
    if isinstance(value, str):
        return mask_text(value)
    if depth >= MAX_DEPTH:
        return value if isinstance(value, int | float | bool | None) else MASK
    if isinstance(value, Mapping):
        return {
            name: MASK
            if is_secret_name(str(name)) and not isinstance(item, bool | None)
            else mask_values(item, depth=depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_values(item, depth=depth + 1) for item in value]
    return value


def is_secret_name(name: str) -> bool:
    """Tell whether something of this name is secret; a response's status `code` is a number."""
    return bool(_SECRET_NAME.search(name))
