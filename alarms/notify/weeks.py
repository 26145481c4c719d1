"""Slots as they are stored, read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from alarms.rules.definition import Slot
from alarms.rules.week import WEEK_MINUTES, Week

MAX_SLOTS = 50


class BadSlots(ValueError):
    """What should be slots of the week is not, or leaves no minute of it."""


def read_slots(found: Any, *, may_be_all: bool = True) -> tuple[Slot, ...]:
    """Return checked slots. Raises: BadSlots."""
    try:
        slots = msgspec.convert(found, tuple[Slot, ...])
    except msgspec.ValidationError as error:
        raise BadSlots(str(error)) from error
    if len(slots) > MAX_SLOTS:
        raise BadSlots(f"At most {MAX_SLOTS} slots.")
    if not may_be_all and slots and Week(slots, ZoneInfo("UTC")).minutes == WEEK_MINUTES:
        raise BadSlots("The slots are the whole week.")
    return slots


def plain_slots(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    """Return slots as they are stored."""
    found: list[dict[str, Any]] = msgspec.to_builtins(list(slots))
    return found


def week_of(stored: list[Any], zone: str) -> Week | None:
    """Return the week of stored slots, None without any."""
    return _week(json.dumps(stored, sort_keys=True), zone) if stored else None


@lru_cache(maxsize=2048)
def _week(text: str, zone: str) -> Week:
    return Week(msgspec.json.decode(text, type=tuple[Slot, ...]), zone_of(zone))


def zone_of(name: str) -> ZoneInfo:
    """Return a zone; UTC for one that is no more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
