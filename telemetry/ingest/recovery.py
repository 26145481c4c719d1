"""What can be saved of a JSON text that was cut off."""

from __future__ import annotations

import json
import re
from typing import Any

_OPENING = {"{": "}", "[": "]"}
# strings are skipped whole, an unfinished one to the end of the text
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)|[\[\]{},]', re.DOTALL)


def recover_json(payload: bytes) -> Any | None:
    """Return the part of a cut JSON text that is certainly whole; None if nothing is.

    A value counts only when a comma or a bracket follows: the 23 of a text that ends in
    `"power": 23` may have been 230.
    """
    try:
        text = payload.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        text = payload[: error.start].decode("utf-8")
    if text.lstrip()[:1] not in _OPENING:
        return None
    cut = _last_safe_cut(text)
    if cut is None:
        return None
    end, closing = cut
    try:
        document = json.loads(text[:end] + closing)
    except (json.JSONDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def _last_safe_cut(text: str) -> tuple[int, str] | None:
    """Return where the last whole value ends and the brackets that are open there."""
    stack: list[str] = []
    safe: tuple[int, str] | None = None
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if mark in _OPENING:
            stack.append(_OPENING[mark])
        elif mark in _OPENING.values():
            if not stack or stack.pop() != mark:
                return None
            safe = match.end(), "".join(reversed(stack))
        elif mark == "," and stack:
            safe = match.start(), "".join(reversed(stack))
    return safe if stack else None
