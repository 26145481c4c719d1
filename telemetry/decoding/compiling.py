"""Compiles the rules of a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from telemetry.decoding import formats
from telemetry.decoding.errors import MappingError
from telemetry.decoding.paths import ITSELF, compile_path
from telemetry.decoding.rules import OF_FRAMES, Presence, Rule
from telemetry.decoding.sequence import compile_counting, compile_frame_counting
from telemetry.decoding.spec import MAX_VALUES, MappingSpec, RuleSpec, TimeSpec, UseSpec, ValueSpec
from telemetry.decoding.text import Text, compile_text
from telemetry.decoding.topics import TopicPattern, compile_topic
from telemetry.decoding.values import (
    check_names,
    compile_clock,
    compile_conditions,
    compile_value,
    lowered,
)


def compile_rules(spec: MappingSpec) -> Iterator[tuple[TopicPattern, Rule]]:
    """Yield each topic with its rule.

    Raises: MappingError.
    """
    for number, rule in enumerate(spec.topics):
        where = f"topics[{number}]"
        topics = [rule.topic] if isinstance(rule.topic, str) else rule.topic
        patterns = [compile_topic(topic, f"{where}.topic") for topic in topics]
        if not patterns:
            raise MappingError(f"{where}.topic", "bad_topic", "Which topic is meant?")
        captured = frozenset[str]().union(*(pattern.names for pattern in patterns))
        compiled = _compile_rule(rule, where, captured, _values_of(rule, spec, where))
        for pattern in patterns:
            yield pattern, compiled
        if rule.answer is not None:  # it comes back to us: the topic is below our prefix
            said = RuleSpec(topic=rule.answer.topic, ignore=True)
            pattern = compile_topic(rule.answer.topic, f"{where}.answer.topic")
            yield pattern, _compile_rule(said, where, pattern.names, [])


def _values_of(rule: RuleSpec, spec: MappingSpec, where: str) -> list[tuple[str, ValueSpec]]:
    found = [(f"{where}.values[{at}]", value) for at, value in enumerate(rule.values)]
    for use in rule.use:
        use = UseSpec(use) if isinstance(use, str) else use
        part = spec.parts.get(use.part)
        if part is None:
            raise MappingError(f"{where}.use", "bad_shape", f"There is no part {use.part!r}.")
        for at, value in enumerate(part):
            found.append((f"parts.{use.part}[{at}]", _moved(value, use.under)))
    if len(found) > MAX_VALUES:
        raise MappingError(f"{where}.values", "too_large", f"More than {MAX_VALUES} values.")
    return sorted(found, key=lambda pair: pair[1].otherwise)  # stable: the others stay in order


def _moved(value: ValueSpec, under: str) -> ValueSpec:
    """Return a value whose paths begin below another one."""
    if not under:
        return value

    def move(path: str) -> str:
        if path in ("", ITSELF):
            return under
        return under + path if path.startswith("[") else f"{under}.{path}"

    changes: dict[str, Any] = {"path": move(value.path)}
    changes["when"] = [msgspec.structs.replace(one, path=move(one.path)) for one in value.when]
    return msgspec.structs.replace(value, **changes)


def _compile_rule(
    spec: RuleSpec, where: str, captured: frozenset[str], values: list[tuple[str, ValueSpec]]
) -> Rule:
    if spec.format not in formats.NAMES:
        detail = f"{spec.format!r:.40} is none of: {', '.join(formats.NAMES)}."
        raise MappingError(f"{where}.format", "bad_format", detail)
    each = compile_path(spec.each, f"{where}.each") if spec.each else None
    known = captured | (each.names if each else frozenset())
    if spec.format in formats.FRAMES:
        known |= OF_FRAMES
    default = "{device}" if "device" in known else ""
    device = compile_text(spec.device or default, f"{where}.device")
    check_names(frozenset(device.names), known, f"{where}.device")
    check_names(frozenset(spec.map), known, f"{where}.map")
    times = [spec.time] if isinstance(spec.time, TimeSpec) else spec.time
    words = lowered(spec.words)
    return Rule(
        spec=spec,
        where=where,
        when=compile_conditions(spec.when, f"{where}.when"),
        wrap=_compile_wrap(spec, where, known),
        root=tuple(compile_path(path, f"{where}.root") for path in spec.root),
        each=each,
        device=device,
        device_path=compile_path(spec.device_path, f"{where}.device_path")
        if spec.device_path
        else None,
        clocks=tuple(compile_clock(time, f"{where}.time") for time in times),
        counting=compile_counting(spec.sequence, f"{where}.sequence")
        if spec.sequence and spec.format in formats.DOCUMENTS
        else None,
        frame_counting=compile_frame_counting(spec.sequence, f"{where}.sequence")
        if spec.sequence and spec.format in formats.FRAMES
        else None,
        values=tuple(compile_value(value, at, known, words) for at, value in values),
        presence=_compile_presence(spec, where),
        announce={
            name: compile_path(path, f"{where}.announce.{name}")
            for name, path in spec.announce.items()
        },
        answer=_compile_answer(spec, where, known),
    )


def _compile_presence(spec: RuleSpec, where: str) -> Presence | None:
    said = spec.presence
    if said is None:
        return None
    path = compile_path(said.path, f"{where}.presence.path")
    online = frozenset(word.lower() for word in said.online)
    offline = frozenset(word.lower() for word in said.offline)
    return Presence(path, online, offline - online, said.always)


def _compile_wrap(spec: RuleSpec, where: str, known: frozenset[str]) -> Text | None:
    if not spec.wrap:
        return None
    wrap = compile_text(spec.wrap, f"{where}.wrap")
    check_names(frozenset(wrap.names), known, f"{where}.wrap")
    return wrap


def _compile_answer(
    spec: RuleSpec, where: str, known: frozenset[str]
) -> tuple[Text, Mapping[str, Any]] | None:
    if spec.answer is None:
        return None
    topic = compile_text(spec.answer.topic, f"{where}.answer.topic")
    check_names(frozenset(topic.names), known, f"{where}.answer.topic")
    if any(wildcard in spec.answer.topic for wildcard in "+#\0"):
        raise MappingError(f"{where}.answer.topic", "bad_topic", "An answer has one topic.")
    return topic, spec.answer.payload
