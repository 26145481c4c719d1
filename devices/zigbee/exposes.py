"""Zigbee2MQTT's `exposes`: what a device measures, by the key of its payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PUBLISHED = 1  # bit of `access`: it stands in the device's payloads
_DEPTH = 4
_MOST = 300
_LONGEST = 64
_KINDS = frozenset({"numeric", "binary", "enum"})
# settings, firmware and momentary events are no measurements
_NO_MEASUREMENT = frozenset({"action", "effect", "update", "identify", "color", "color_options"})


@dataclass(frozen=True, slots=True)
class Ability:
    """A value in the payload; `key` joins the levels of nested values with "-".

    kind: numeric, binary or enum. `unit` as Zigbee2MQTT spells it. `choices`: of an enum, whose
    place in the list is stored.
    """

    key: str
    kind: str
    unit: str = ""
    on: Any = True
    off: Any = False
    choices: tuple[str, ...] = ()


def read_exposes(exposes: Any) -> dict[str, Ability]:
    """Return the published measurements by key; what has no known form is left out."""
    found: dict[str, Ability] = {}
    for ability in _walk(exposes, "", 0):
        if len(found) >= _MOST:
            break
        found.setdefault(ability.key, ability)
    return found


def _walk(features: Any, prefix: str, depth: int) -> Iterator[Ability]:
    if not isinstance(features, list) or depth > _DEPTH:
        return
    for feature in features[:_MOST]:
        if not isinstance(feature, Mapping) or feature.get("category") == "config":
            continue
        key = feature.get("property")
        if str(key) in _NO_MEASUREMENT or str(feature.get("name")) in _NO_MEASUREMENT:
            continue
        inner = feature.get("features")
        if isinstance(inner, list):
            yield from _walk(inner, _nested(prefix, feature), depth + 1)
            continue
        ability = _ability(feature, prefix)
        if ability is not None:
            yield ability


def _nested(prefix: str, feature: Mapping[str, Any]) -> str:
    """A composite's values are nested below its own key; a switch or light has no key."""
    key = feature.get("property")
    is_nested = feature.get("type") == "composite" and key and _is_plain(key, _LONGEST)
    return f"{prefix}{key}-" if is_nested else prefix


def _ability(feature: Mapping[str, Any], prefix: str) -> Ability | None:
    key, kind = feature.get("property"), str(feature.get("type"))
    access = feature.get("access", PUBLISHED)
    if not key or not _is_plain(key, _LONGEST) or kind not in _KINDS:
        return None
    if isinstance(access, int) and not access & PUBLISHED:
        return None
    unit, choices = feature.get("unit"), feature.get("values")
    return Ability(
        key=prefix + key,
        kind=kind,
        unit=str(unit) if _is_plain(unit, 20) else "",
        on=_value(feature.get("value_on", True), True),
        off=_value(feature.get("value_off", False), False),
        choices=tuple(str(choice) for choice in choices[:100] if _is_plain(choice, 64))
        if isinstance(choices, list)
        else (),
    )


def _value(value: Any, otherwise: bool) -> Any:
    """Binary values are words, truth values or small numbers."""
    if isinstance(value, bool) or _is_plain(value, 64):
        return value
    return value if isinstance(value, int) and abs(value) < 1_000_000 else otherwise


def _is_plain(value: Any, length: int) -> bool:
    return isinstance(value, str) and len(value) <= length and value.isprintable()
