"""Which topics carry something else than readings, and what each means.

A pattern is matched word by word: `{name}` captures one safe segment, `{name*}` the rest.
The table is searched by length and literal words, the first match wins.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from devices.topic_segments import is_safe_segment


class Kind(StrEnum):
    """What a message is about; each has one handler in devices.inbound.routes."""

    HELLO = "hello"
    CLAIM_READY = "claim_ready"
    OWNERSHIP_ACK = "ownership_ack"
    NODE_HELLO = "node_hello"
    STATUS = "status"
    HEARTBEAT = "heartbeat"
    REPORTED_CONFIG = "reported_config"
    REPORTED_RAW_CONFIG = "reported_raw_config"
    CONFIG_RESPONSE = "config_response"
    COMMAND_ANSWER = "command_answer"
    ACTUATOR_STATUS = "actuator_status"
    ALERT = "alert"
    ERROR = "error"
    FIRMWARE = "firmware"
    CERTIFICATE_REQUEST = "certificate_request"
    TIME_REQUEST = "time_request"
    ZIGBEE = "zigbee"


@dataclass(frozen=True, slots=True)
class MessageRoute:
    """A topic, understood. Words that the topic does not carry are empty.

    `captures` holds the remaining words by name: gpio, channel, zone, mac, friendly_name …
    """

    kind: Kind
    family: str
    tenant_id: uuid.UUID | None = None
    gateway_uid: str = ""
    device_uid: str = ""
    device_id: uuid.UUID | None = None
    captures: dict[str, str] = field(default_factory=dict)


# (family, pattern, kind); family names the dialect in which an answer must be sent
PATTERNS: tuple[tuple[str, str, Kind], ...] = (
    ("bootstrap", "/bootstrap/{mac}/hello", Kind.HELLO),
    ("bootstrap", "/bootstrap/{mac}/claim_ready", Kind.CLAIM_READY),
    ("bootstrap", "bootstrap/{mac}/hello", Kind.HELLO),
    ("bootstrap", "bootstrap/{mac}/claim_ready", Kind.CLAIM_READY),
    ("zeus", "zeus/devices/{device_id}/events/ownership_ack", Kind.OWNERSHIP_ACK),
    ("tenant", "tenant/{tenant}/gw/{gateway}/reported/status", Kind.STATUS),
    ("tenant", "tenant/{tenant}/gw/{gateway}/reported/config", Kind.REPORTED_CONFIG),
    ("tenant", "tenant/{tenant}/gw/{gateway}/reported/config/{device}", Kind.REPORTED_CONFIG),
    ("tenant", "tenant/{tenant}/gw/{gateway}/reported/rawconfig", Kind.REPORTED_RAW_CONFIG),
    ("tenant", "tenant/{tenant}/gw/{gateway}/reported/firmware", Kind.FIRMWARE),
    (
        "tenant",
        "tenant/{tenant}/gw/{gateway}/reported/certificate_request",
        Kind.CERTIFICATE_REQUEST,
    ),
    ("tenant", "tenant/{tenant}/gw/{gateway}/reported/heartbeat", Kind.HEARTBEAT),
    ("tenant", "tenant/{tenant}/gw/{gateway}/evt/alarm", Kind.ALERT),
    ("tenant", "tenant/{tenant}/gw/{gateway}/evt/command", Kind.COMMAND_ANSWER),
    ("tenant", "tenant/{tenant}/gw/{gateway}/zigbee2mqtt/{name*}", Kind.ZIGBEE),
    ("device", "devices/{device_id}/status", Kind.COMMAND_ANSWER),
    ("device", "devices/{device_id}/reported/status", Kind.STATUS),
    ("device", "devices/{device_id}/reported/heartbeat", Kind.HEARTBEAT),
    ("device", "devices/{device_id}/reported/config", Kind.REPORTED_CONFIG),
    ("device", "devices/{device_id}/reported/rawconfig", Kind.REPORTED_RAW_CONFIG),
    ("device", "devices/{device_id}/reported/firmware", Kind.FIRMWARE),
    ("device", "devices/{device_id}/reported/certificate_request", Kind.CERTIFICATE_REQUEST),
    ("device", "devices/{device_id}/evt/alarm", Kind.ALERT),
    ("kaiser", "kaiser/{gateway}/esp/{device}/actuator/{gpio}/status", Kind.ACTUATOR_STATUS),
    ("kaiser", "kaiser/{gateway}/esp/{device}/actuator/{gpio}/response", Kind.COMMAND_ANSWER),
    ("kaiser", "kaiser/{gateway}/esp/{device}/actuator/{gpio}/alert", Kind.ALERT),
    ("kaiser", "kaiser/{gateway}/esp/{device}/system/heartbeat", Kind.HEARTBEAT),
    ("kaiser", "kaiser/{gateway}/esp/{device}/config_response", Kind.CONFIG_RESPONSE),
    ("hydro", "hydro/node_hello", Kind.NODE_HELLO),
    ("hydro", "hydro/{gateway}/node_hello", Kind.NODE_HELLO),
    ("hydro", "hydro/time/request", Kind.TIME_REQUEST),
    ("hydro", "hydro/{gateway}/{zone}/{device}/status", Kind.STATUS),
    ("hydro", "hydro/{gateway}/{zone}/{device}/lwt", Kind.STATUS),
    ("hydro", "hydro/{gateway}/{zone}/{device}/heartbeat", Kind.HEARTBEAT),
    ("hydro", "hydro/{gateway}/{zone}/{device}/error", Kind.ERROR),
    ("hydro", "hydro/{gateway}/{zone}/{device}/config_report", Kind.REPORTED_CONFIG),
    ("hydro", "hydro/{gateway}/{zone}/{device}/config_response", Kind.CONFIG_RESPONSE),
    (
        "hydro",
        "hydro/{gateway}/{zone}/{device}/{channel}/command_response",
        Kind.COMMAND_ANSWER,
    ),
)
_BY_START: dict[str, list[tuple[str, tuple[str, ...], Kind]]] = {}
for _family, _pattern, _kind in PATTERNS:
    _words = tuple(_pattern.split("/"))
    _BY_START.setdefault(_words[0], []).append((_family, _words, _kind))


def match_message(segments: Sequence[str]) -> MessageRoute | None:
    """Return what a topic means; None when it carries readings, or nothing we know.

    Captured ids that are no UUID do not match. Segments are not trusted: each capture is
    checked by the segment grammar, only the last words of `{name*}` may hold blanks.
    """
    for family, words, kind in _BY_START.get(segments[0], ()):
        captures = _capture(words, segments)
        if captures is not None:
            return _route(family, kind, captures)
    return None


def _capture(words: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    rest = words[-1].endswith("*}")
    if len(segments) != len(words) and not (rest and len(segments) > len(words)):
        return None
    found: dict[str, str] = {}
    for word, segment in zip(words, segments, strict=False):
        if word.endswith("*}"):
            found[word[1:-2]] = "/".join(segments[len(words) - 1 :])
        elif word.startswith("{"):
            if not is_safe_segment(segment):
                return None
            found[word[1:-1]] = segment
        elif word != segment:
            return None
    return found


def _route(family: str, kind: Kind, captures: dict[str, str]) -> MessageRoute | None:
    try:
        tenant = captures.pop("tenant", None)
        device_id = captures.pop("device_id", None)
        return MessageRoute(
            kind,
            family,
            tenant_id=uuid.UUID(tenant) if tenant else None,
            gateway_uid=captures.pop("gateway", ""),
            device_uid=captures.pop("device", ""),
            device_id=uuid.UUID(device_id) if device_id else None,
            captures=captures,
        )
    except ValueError:
        return None
