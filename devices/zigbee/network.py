"""What Zigbee2MQTT tells about its network: devices, events, its own state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.zigbee.exposes import Ability, read_exposes
from devices.zigbee.names import is_friendly_name, is_ieee_address

MOST_DEVICES = 500
LONGEST_JOIN_SECONDS = 254
_POWER_SOURCES = {
    "battery": "battery", "dc source": "dc", "mains (single phase)": "mains",
    "mains (3 phase)": "mains", "emergency mains constantly powered": "mains",
    "emergency mains and transfer switch": "mains",
}  # fmt: skip
_INTERVIEWS = {"started", "successful", "failed"}
_STATES = {"in_progress": "started", "pending": "started", "successful": "successful",
           "failed": "failed"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A radio as it was told; None for what was not said.

    interview: started, successful, failed, or "" when nothing was said.
    """

    ieee_address: str
    friendly_name: str
    interview: str = ""
    vendor: str | None = None
    model: str | None = None
    description: str | None = None
    power_source: str | None = None
    is_router: bool | None = None
    is_supported: bool | None = None
    abilities: tuple[Ability, ...] | None = None


@dataclass(frozen=True, slots=True)
class BridgeFacts:
    """What `bridge/info` says; `joins_until` is None while nothing may join."""

    version: str
    coordinator: str
    joins_until: dt.datetime | None


def read_devices(document: Any) -> tuple[list[NodeFacts], bool]:
    """Read `bridge/devices`; also tell whether all of it could be used."""
    items = document if isinstance(document, list) else []
    found = [read_device(item) for item in items[: MOST_DEVICES + 1] if not _is_coordinator(item)]
    usable = [facts for facts in found if facts is not None]
    is_whole = isinstance(document, list) and len(usable) == len(found) <= MOST_DEVICES
    return usable[:MOST_DEVICES], is_whole


def read_device(item: Any) -> NodeFacts | None:
    """Read one of `bridge/devices`; None when it has no address or no safe name."""
    if not isinstance(item, Mapping):
        return None
    state = str(item.get("interview_state", "")).lower()
    interview = _STATES.get(state) or ("successful" if item.get("interview_completed") else "")
    return _facts(item, interview or "started", item.get("supported"))


def read_event(document: Any) -> tuple[str, NodeFacts] | None:
    """Read `bridge/event`: device_joined, device_interview, device_leave, device_announce."""
    if not isinstance(document, Mapping) or not isinstance(document.get("data"), Mapping):
        return None
    data, kind = document["data"], document.get("type")
    status = data.get("status")
    facts = _facts(data, status if status in _INTERVIEWS else "", data.get("supported"))
    return (kind, facts) if isinstance(kind, str) and facts is not None else None


def read_info(document: Any, *, at: dt.datetime) -> BridgeFacts | None:
    """Read `bridge/info`; None when it is no object."""
    if not isinstance(document, Mapping):
        return None
    coordinator = document.get("coordinator")
    kind = coordinator.get("type") if isinstance(coordinator, Mapping) else ""
    return BridgeFacts(
        version=clean(document.get("version"), 50),
        coordinator=clean(kind, 100),
        joins_until=_joins_until(document, at) if document.get("permit_join") is True else None,
    )


def read_groups(document: Any) -> list[str]:
    """Return the names of groups, which send states as devices do."""
    items = document if isinstance(document, list) else []
    names = [item.get("friendly_name") for item in items[:MOST_DEVICES]
             if isinstance(item, Mapping)]  # fmt: skip
    return [name for name in names if isinstance(name, str) and is_friendly_name(name)]


def read_online(payload: bytes) -> bool | None:
    """Read `{"state": "online"}` or a bare word; None for anything else."""
    text = payload[:200].decode("utf-8", "replace").lower().replace(" ", "")
    for word, is_online in (("online", True), ("offline", False)):
        if text in {word, f'"{word}"', f'{{"state":"{word}"}}'}:
            return is_online
    return None


def clean(value: Any, length: int) -> str:
    """Return a text as it can be stored and shown; "" for anything else."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if letter.isprintable())[:length].strip()


def dump_abilities(abilities: tuple[Ability, ...]) -> list[dict[str, Any]]:
    """Return abilities as they are stored."""
    return [
        {"key": ability.key, "kind": ability.kind, "unit": ability.unit, "on": ability.on,
         "off": ability.off, "choices": list(ability.choices)}
        for ability in abilities
    ]  # fmt: skip


def load_abilities(stored: Any) -> dict[str, Ability]:
    """Return stored abilities by key."""
    return {
        row["key"]: Ability(**{**row, "choices": tuple(row.get("choices", ()))})
        for row in stored
        if isinstance(row, dict) and "key" in row
    }


def _facts(item: Mapping[str, Any], interview: str, supported: Any) -> NodeFacts | None:
    address, name = item.get("ieee_address"), item.get("friendly_name")
    if not isinstance(address, str) or not is_ieee_address(address.lower()):
        return None
    name = address.lower() if name is None else name
    if not isinstance(name, str) or not is_friendly_name(name):
        return None
    definition = item.get("definition")
    known = definition if isinstance(definition, Mapping) else {}
    exposes = known.get("exposes")
    return NodeFacts(
        ieee_address=address.lower(),
        friendly_name=name,
        interview=interview,
        vendor=_text(known, "vendor", 100) or _text(item, "manufacturer", 100),
        model=_text(known, "model", 100) or _text(item, "model_id", 100),
        description=_text(known, "description", 200),
        power_source=_power_source(item),
        is_router=item["type"] == "Router" if "type" in item else None,
        is_supported=supported if isinstance(supported, bool) else None,
        abilities=tuple(read_exposes(exposes).values()) if isinstance(exposes, list) else None,
    )


def _text(item: Mapping[str, Any], key: str, length: int) -> str | None:
    return clean(item[key], length) or None if key in item else None


def _power_source(item: Mapping[str, Any]) -> str | None:
    if "power_source" not in item:
        return None
    return _POWER_SOURCES.get(str(item["power_source"]).lower(), "")


def _is_coordinator(item: Any) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "Coordinator"


def _joins_until(document: Mapping[str, Any], at: dt.datetime) -> dt.datetime:
    """`permit_join_end` is in ms since 1970; older versions tell the seconds that are left."""
    latest = at + dt.timedelta(seconds=LONGEST_JOIN_SECONDS)
    end, left = document.get("permit_join_end"), document.get("permit_join_timeout")
    if isinstance(end, int | float) and not isinstance(end, bool):
        return max(at, min(latest, _moment(end, latest)))
    if isinstance(left, int | float) and not isinstance(left, bool):
        return at + dt.timedelta(seconds=max(0, min(left, LONGEST_JOIN_SECONDS)))
    return latest


def _moment(milliseconds: float, otherwise: dt.datetime) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return otherwise
