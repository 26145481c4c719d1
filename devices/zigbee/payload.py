"""From a payload of Zigbee2MQTT to numbers, in the units of the device.

A payload is a JSON object, or the bare value of one attribute. Nulls, texts and settings give
no numbers. Three things are not as they look:

* `power_a` has no sign where `energy_flow_a` says "producing"; it becomes negative.
* `timestamp_a` is the time of the values that end in `_a`; `last_seen` is that of the others.
* a value may be an ON or OFF in quotes, or a word of a list.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.zigbee.catalogue import is_known
from devices.zigbee.exposes import Ability

_MOST = 300
_DEPTH = 3
_LONGEST = 64
_TIMESTAMP = re.compile(r"timestamp(_[a-z0-9]{1,8})")
_SWITCH = re.compile(r"state(_[a-z0-9_]{1,40})?")
_PRODUCING = frozenset({"producing", "produce", "export", "exporting", "reverse"})
_FLOW = "energy_flow"
_WORDS = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "open": 1.0, "closed": 0.0}
_SKIPPED = frozenset({
    "last_seen", "update", "update_available", "action", "color", "color_options", "color_mode",
    "device", "elapsed", "update_frequency",
})  # fmt: skip


class BadPayload(ValueError):
    """A payload that is no JSON object; `code` is the reason under which it is kept."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Timed:
    """Values of one instant, by key; `time` as the payload spells it, None for receipt."""

    time: Any
    values: dict[str, float] = field(default_factory=dict)


def read_state(
    payload: bytes, *, attribute: str = "", abilities: Mapping[str, Ability]
) -> list[Timed]:
    """Return the numbers of a payload, by instant; none for an empty one.

    Args: attribute: the key of a bare value. abilities: what the device told it can; without
        any, well-known keys and plain numbers count.

    Raises: BadPayload: bad_payload, too_deep, not_finite.
    """
    document = _document(payload, attribute)
    if not document:
        return []
    values = dict(_numbers(document, abilities))
    _apply_directions(values, document)
    return _by_time(values, document)


def switch_states(payload: bytes, *, attribute: str = "") -> dict[str, bool]:
    """Return which outputs are on, by key: `state`, `state_l1` …

    Raises: BadPayload.
    """
    return {
        key: _WORDS[value.lower()] > 0
        for key, value in _document(payload, attribute).items()
        if _SWITCH.fullmatch(key) and isinstance(value, str) and value.lower() in {"on", "off"}
    }


def read_json(payload: bytes) -> Any:
    """Decode JSON without NaN and endless depth.

    Raises: BadPayload.
    """
    try:
        return json.loads(payload.decode("utf-8"), parse_constant=_refuse)
    except RecursionError as error:
        raise BadPayload("too_deep", "Nested too deep.") from error
    except ValueError as error:  # no UTF-8, no JSON, a number of 5,000 digits
        if isinstance(error, BadPayload):
            raise
        raise BadPayload("bad_payload", f"No JSON: {error!s:.200}") from error


def _document(payload: bytes, attribute: str) -> dict[str, Any]:
    if not payload.strip():
        return {}
    if attribute:
        return {attribute: _bare(payload)}
    document = read_json(payload)
    if not isinstance(document, dict):
        raise BadPayload("bad_payload", "The state of a device is a JSON object.")
    return document


def _bare(payload: bytes) -> Any:
    """An attribute's payload is a number, or a text without quotes."""
    try:
        return read_json(payload)
    except BadPayload as error:
        if error.code != "bad_payload":
            raise
        return payload.decode("utf-8", "replace")


def _refuse(name: str) -> Any:
    raise BadPayload("not_finite", f"{name} is no number.")


def _numbers(
    document: Mapping[str, Any], abilities: Mapping[str, Ability]
) -> Iterator[tuple[str, float]]:
    for key, value in _flat(document, "", 0):
        number = _number(value, abilities.get(key))
        if number is not None and _is_measured(key, value, abilities):
            yield key, number


def _flat(document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in list(document.items())[:_MOST]:
        if key in _SKIPPED or len(key) > _LONGEST or not key.isprintable():
            continue
        if isinstance(value, dict):
            if depth < _DEPTH:
                yield from _flat(value, f"{prefix}{key}-", depth + 1)
        elif value is not None:
            yield prefix + key, value


def _is_measured(key: str, value: Any, abilities: Mapping[str, Ability]) -> bool:
    if abilities:
        return key in abilities or is_known(key)
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return is_known(key) or is_plain


def _number(value: Any, ability: Ability | None) -> float | None:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return _finite(value)
    if not isinstance(value, str):
        return None
    if ability is not None and ability.kind == "binary" and value in (ability.on, ability.off):
        return float(value == ability.on)
    if ability is not None and ability.kind == "enum":
        return float(ability.choices.index(value)) if value in ability.choices else None
    return _WORDS.get(value.lower())


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _apply_directions(values: dict[str, float], document: Mapping[str, Any]) -> None:
    for key, word in document.items():
        if key.startswith(_FLOW) and isinstance(word, str) and word.lower() in _PRODUCING:
            power = f"power{key.removeprefix(_FLOW)}"
            if power in values:
                values[power] = -abs(values[power])


def _by_time(values: Mapping[str, float], document: Mapping[str, Any]) -> list[Timed]:
    """Give each value the time of its clamp; sums are as old as their oldest part."""
    stamps = {
        found[1]: (moment, value)
        for key, value in document.items()
        if (found := _TIMESTAMP.fullmatch(key)) and (moment := _instant(value)) is not None
    }
    others = document.get("last_seen") or None
    if others is None and stamps:
        others = min(stamps.values())[1]
    groups: dict[str, Timed] = {}
    for key, value in values.items():
        suffix = next((suffix for suffix in stamps if key.endswith(suffix)), "")
        time = stamps[suffix][1] if suffix else others
        groups.setdefault(suffix, Timed(time)).values[key] = value
    return list(groups.values())


def _instant(value: Any) -> dt.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
