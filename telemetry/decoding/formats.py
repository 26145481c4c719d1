"""Which formats a mapping can choose.

A document is what JSON can say: objects, lists, texts, numbers. Frames are lists of readings
that already carry name, unit and time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from telemetry.decoding import documents
from telemetry.decoding.frames.dsmr import decode_dsmr
from telemetry.decoding.frames.mbus import decode_mbus
from telemetry.decoding.frames.reading import Frames
from telemetry.decoding.frames.sml import decode_sml
from telemetry.decoding.frames.sparkplug import Sparkplug


@dataclass(frozen=True, slots=True)
class Message:
    """What a decoder gets; `scope` keeps apart what two customers call by the same name."""

    topic: str
    payload: bytes
    zone: dt.tzinfo
    scope: str = ""
    options: documents.Options = field(default_factory=documents.Options)


sparkplug = Sparkplug()

DOCUMENTS: dict[str, Callable[[bytes, documents.Options], Any]] = {
    "json": documents.read_json,
    "csv": documents.read_csv,
    "scalar": documents.read_scalar,
    "form": documents.read_form,
    "pairs": documents.read_pairs,
    "teleinfo": documents.read_teleinfo,
}

FRAMES: dict[str, Callable[[Message], Frames]] = {
    "dsmr": lambda message: decode_dsmr(message.payload, message.zone),
    "sml": lambda message: decode_sml(message.payload),
    "mbus": lambda message: decode_mbus(message.payload, message.zone),
    "sparkplug": lambda message: sparkplug.decode(
        message.topic, message.payload, scope=message.scope
    ),
}

NAMES = (*DOCUMENTS, *FRAMES)
