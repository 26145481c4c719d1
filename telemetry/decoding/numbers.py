"""From what stands in a document to numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

# what devices and home automations say instead of a number
NULLS = frozenset({
    "", "-", "--", "null", "none", "nan", "-nan", "n/a", "na", "unavailable", "unknown",
    "undefined", "inf", "-inf", "infinity", "-infinity", "overflow",
})  # fmt: skip
PLAIN_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?")
_GROUPING = re.compile(r"[\s.'\u2019]")


class NoNumber(ValueError):
    """A value that should be a number and is none."""


def read_number(
    value: Any, *, words: Mapping[str, float], has_decimal_comma: bool = False
) -> float | None:
    """Return a number; None where nothing was measured.

    Texts are numbers, words of the mapping (in any case), or one of NULLS.

    Raises: NoNumber.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return float(words.get(str(value).lower(), value))
    if isinstance(value, int | float):
        return _finite(value)
    if not isinstance(value, str):
        raise NoNumber(f"a {type(value).__name__}, no number")
    text = value.strip()
    word = words.get(text.lower())
    if word is not None:
        return word
    if text.lower() in NULLS:
        return None
    if has_decimal_comma:
        text = _GROUPING.sub("", text).replace(",", ".", 1)
    if not PLAIN_NUMBER.fullmatch(text):
        raise NoNumber(f"{value!r:.42}, no number")
    return _finite(float(text))


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
