"""Sparkplug B: births name the metrics of a node, later messages only their numbers.

    spBv1.0/{group}/NBIRTH|NDATA|NDEATH/{edge node}
    spBv1.0/{group}/DBIRTH|DDATA|DDEATH/{edge node}/{device}

What a birth said is remembered by group and node, for at most 10,000 nodes and 5,000 metrics
each; the longest silent is forgotten first. Data whose birth was not seen is refused with
`unknown_alias` and can be replayed after the next birth, for which the node is asked once; so it
is when the numbers of its messages show that some did not come.

Where several processes share the messages, a store keeps the births for all of them. Numbers come
to each process with holes then, so a node is asked for them once an hour at most.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError as ProtobufError

from telemetry.decoding.frames.reading import (
    MAX_PAYLOAD_BYTES,
    MAX_READINGS,
    FrameError,
    FrameReading,
    Frames,
)
from telemetry.decoding.frames.sparkplug_births import BirthStore, Metric
from telemetry.decoding.frames.sparkplug_wire import Payload

NAMESPACE = "spBv1.0"
MAX_NODES = 10_000
MAX_METRICS = 5_000
MAX_NAME_LENGTH = 256
OLDEST_MS, NEWEST_MS = 946_684_800_000, 4_102_444_800_000
ASK_AGAIN_SECONDS, LOST_AGAIN_SECONDS = 60, 3600
_BOOLEAN = 11
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_NODE_ONLY = ("bdSeq", "Node Control/", "Node Info/")
_BIRTHS, _DATA, _DEATHS = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA"), ("NDEATH", "DDEATH")
_COMMANDS = ("NCMD", "DCMD", "STATE")


@dataclass(slots=True)
class _Node:
    """An edge node: its metrics by (device, number) and by (device, name), its sequence."""

    by_alias: dict[int, tuple[str | None, Metric]] = field(default_factory=dict)
    by_name: dict[tuple[str | None, str], Metric] = field(default_factory=dict)
    birth: int | None = None
    sequence: int | None = None
    was_asked: bool = False
    token: bytes = b""

    def forget_all(self) -> None:
        """Forget every metric, those of devices too."""
        self.by_alias.clear()
        self.by_name.clear()


@dataclass(slots=True)
class Sparkplug:
    """The decoder of one process."""

    max_nodes: int = MAX_NODES
    births: BirthStore | None = None
    _nodes: OrderedDict[tuple[str, ...], _Node] = field(default_factory=OrderedDict)

    def decode(self, topic: str, payload: bytes, *, scope: str = "") -> Frames:
        """Return the readings of a message; those of commands and deaths are none.

        `scope` separates customers whose groups and nodes have the same names.

        Raises:
            FrameError: unknown_topic, too_large, bad_payload, too_many_values.
        """
        group, kind, name, device = _words(topic)
        if kind in _COMMANDS:
            return Frames()
        message = _parse(payload)
        key = scope, group, name
        node = self._node(key)
        self._follow(key, node)
        frames = Frames()
        if kind == "NBIRTH":
            node.forget_all()
            node.birth = _birth_number(message)
            self._tell_end(key, node)
            node.was_asked = False
        elif kind in _DEATHS:
            if self._die(node, device, message):
                self._tell_end(key, node, device)
            return frames
        lacks = not _follows(node, message, is_birth=kind == "NBIRTH")
        if kind in _BIRTHS:
            self._tell_birth(key, node, device, _learn(node, device, message))
        for reading in _readings(node, device, message, frames.problems):
            frames.add(reading)
        is_unknown = any(code == "unknown_alias" for code, _ in frames.problems)
        if (lacks or is_unknown) and self._may_ask(key, node, is_unknown=is_unknown):
            frames.answer = f"{NAMESPACE}/{group}/NCMD/{name}", _rebirth_request()
        return frames

    def _node(self, key: tuple[str, ...]) -> _Node:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = _Node()
            if len(self._nodes) > self.max_nodes:
                self._nodes.popitem(last=False)
        self._nodes.move_to_end(key)
        return node

    def _follow(self, key: tuple[str, ...], node: _Node) -> None:
        """Take over what another process has heard of a node."""
        if self.births is None:
            return
        token = self.births.token(key)
        if token is None or token == node.token:
            return
        known = self.births.load(key)
        node.forget_all()
        node.token, node.birth = known.token, known.birth
        for device, metrics in known.metrics.items():
            for metric in metrics:
                _note(node, device, metric)

    def _tell_birth(
        self, key: tuple[str, ...], node: _Node, device: str | None, metrics: list[Metric]
    ) -> None:
        if self.births is not None:
            self.births.keep(key, device, metrics)
            node.token = b""  # another process may have told something between

    def _tell_end(self, key: tuple[str, ...], node: _Node, device: str | None = None) -> None:
        if self.births is None:
            return
        if device is None:
            self.births.begin(key, node.birth)
        else:
            self.births.keep(key, device, [])
        node.token = b""

    def _may_ask(self, key: tuple[str, ...], node: _Node, *, is_unknown: bool) -> bool:
        if self.births is not None:
            seconds = ASK_AGAIN_SECONDS if is_unknown else LOST_AGAIN_SECONDS
            return self.births.may_ask(key, seconds=seconds)
        was_asked, node.was_asked = node.was_asked, True
        return not was_asked

    def _die(self, node: _Node, device: str | None, message: Any) -> bool:
        """Forget the metrics of a device, or of a node if this death belongs to its last birth."""
        if device is None:
            if node.birth is None or _birth_number(message) in (None, node.birth):
                node.forget_all()
                node.sequence = None
                return True
            return False
        _forget(node, device)
        return True


def _words(topic: str) -> tuple[str, str, str, str | None]:
    match topic.split("/"):
        case [namespace, group, kind, node] if namespace == NAMESPACE and kind[:1] in ("N", "S"):
            device = None
        case [namespace, group, kind, node, device] if namespace == NAMESPACE and kind[:1] == "D":
            pass
        case _:
            raise FrameError("unknown_topic", f"No Sparkplug message is known on {topic:.200}.")
    if kind not in (*_BIRTHS, *_DATA, *_DEATHS, *_COMMANDS):
        raise FrameError("unknown_topic", f"No Sparkplug message is called {kind:.20}.")
    return group, kind, node, device


def _parse(payload: bytes) -> Any:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise FrameError("too_large", f"{len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed.")
    message = Payload()
    try:
        message.ParseFromString(payload)
    except ProtobufError as error:
        raise FrameError("bad_payload", f"No Sparkplug payload: {error!s:.200}") from None
    if len(message.metrics) > MAX_READINGS:
        raise FrameError("too_many_values", f"More than {MAX_READINGS} metrics at once.")
    return message


def _rebirth_request() -> bytes:
    message = Payload()
    name = "Node Control/Rebirth"
    message.metrics.add(name=name, datatype=_BOOLEAN, boolean_value=True)
    found: bytes = message.SerializeToString()
    return found


def _birth_number(message: Any) -> int | None:
    for metric in message.metrics:
        if metric.name == "bdSeq":
            return int(metric.long_value or metric.int_value)
    return None


def _follows(node: _Node, message: Any, *, is_birth: bool) -> bool:
    """Note the number of a message; False when some before it did not come."""
    if not message.HasField("seq"):
        return True
    before, node.sequence = node.sequence, int(message.seq)
    if is_birth or before is None:
        return True
    # the broker may deliver the same message twice
    return node.sequence in (before, (before + 1) % 256)


def _learn(node: _Node, device: str | None, message: Any) -> list[Metric]:
    if device is not None:
        _forget(node, device)
    learned = []
    for metric in message.metrics:
        if not metric.name or len(metric.name) > MAX_NAME_LENGTH:
            continue
        if len(node.by_name) >= MAX_METRICS:
            raise FrameError("too_many_values", f"A node has at most {MAX_METRICS} metrics.")
        alias = metric.alias if metric.HasField("alias") else None
        known = Metric(metric.name, metric.datatype, _unit(metric), alias)
        _note(node, device, known)
        learned.append(known)
    return learned


def _note(node: _Node, device: str | None, known: Metric) -> None:
    node.by_name[device, known.name] = known
    if known.alias is not None:
        node.by_alias[known.alias] = device, known


def _forget(node: _Node, device: str) -> None:
    node.by_alias = {k: found for k, found in node.by_alias.items() if found[0] != device}
    node.by_name = {key: found for key, found in node.by_name.items() if key[0] != device}


def _unit(metric: Any) -> str:
    properties = metric.properties
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key.lower() in ("engunit", "engunits", "engineering units", "unit"):
            return str(value.string_value)[:20]
    return ""


def _readings(
    node: _Node, device: str | None, message: Any, problems: list[tuple[str, str]]
) -> Iterator[FrameReading]:
    for index, metric in enumerate(message.metrics):
        known = _known(node, device, metric)
        if known is None:
            detail = f"No birth has named metric {metric.alias}; replay it after the next birth."
            problems.append(("unknown_alias", detail))
        elif not known.name.startswith(_NODE_ONLY) and not metric.is_null:
            value = _value(metric, known.datatype)
            if value is not None and not math.isfinite(value):
                problems.append(("not_finite", f"{known.name:.80} is no finite number."))
            elif value is not None:
                time = _time(metric, message)
                yield FrameReading(known.name, value, known.unit, time, device=device, index=index)


def _known(node: _Node, device: str | None, metric: Any) -> Metric | None:
    if metric.name:
        name = metric.name[:MAX_NAME_LENGTH]
        found = node.by_name.get((device, name))
        datatype = metric.datatype or (found.datatype if found else 0)
        return Metric(name, datatype, found.unit if found else _unit(metric))
    owner, known = node.by_alias.get(metric.alias, (None, None))
    return known if known is not None and owner == device else None


def _value(metric: Any, datatype: int) -> float | None:
    """Return the number of a metric; None for texts, bytes and data sets.

    Signed integers travel as unsigned ones. A float of 32 bits becomes the shortest number
    that it stands for, 23.4 and not 23.399999618530273.
    """
    which = metric.WhichOneof("value")
    if which in ("int_value", "long_value"):
        number = int(getattr(metric, which))
        bits = _SIGNED_BITS.get(datatype)
        if bits:
            number &= (1 << bits) - 1
            number -= (number >> (bits - 1)) << bits
        return float(number)
    if which == "float_value":
        return float(str(np.float32(metric.float_value)))
    if which == "double_value":
        return float(metric.double_value)
    if which == "boolean_value":
        return float(metric.boolean_value)
    return None


def _time(metric: Any, message: Any) -> int | None:
    for source in (metric, message):
        if OLDEST_MS <= source.timestamp < NEWEST_MS:
            return int(source.timestamp) * 1000
    return None
