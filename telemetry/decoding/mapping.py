"""Mappings: what messages of a family of devices mean, without code.

A mapping is compiled once; decoding is a walk over the document, bounded in depth, in the
values it looks at and in the values it returns. No expression of a mapping is run.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from telemetry.decoding.compiling import compile_rules
from telemetry.decoding.documents import MAX_DEPTH
from telemetry.decoding.errors import MappingError
from telemetry.decoding.rules import Rule
from telemetry.decoding.spec import read_spec
from telemetry.decoding.topics import TopicPattern
from telemetry.ingest.decode import DecodeError, Reading

MASKED = "***"


@dataclass(frozen=True, slots=True)
class Match:
    """A rule whose topic fits, with what the topic says."""

    rule: Rule
    captures: dict[str, str]
    rank: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Bound:
    """Everything that may understand the messages of one topic, the likeliest first."""

    topic: str
    matches: tuple[Match, ...]

    @property
    def device(self) -> str | None:
        """The device that the topic names; None when the payload says it, or nothing does."""
        for match in self.matches:
            if not match.rule.is_ignored:
                return match.rule.device_of(match.captures)
        return None

    @property
    def is_ignored(self) -> bool:
        """Tell whether nothing on this topic can become a reading."""
        return all(match.rule.is_ignored for match in self.matches)

    @property
    def is_counted(self) -> bool:
        """Tell whether messages on this topic carry numbers."""
        return any(match.rule.is_counted for match in self.matches)

    def decode(
        self, payload: bytes, received_at_us: int, zone: dt.tzinfo, *, scope: str = ""
    ) -> list[Reading]:
        """Return the readings of a message; none when it says nothing that is measured.

        Raises: DecodeError: the format's codes, or no_rule.
        """
        problem: DecodeError | None = None
        for match in self.matches:
            if problem is not None and match.rule.is_ignored:
                break  # what should have been readings is not to be passed over
            try:
                found = match.rule.decode(
                    self.topic, match.captures, payload, received_at_us, zone, scope
                )
            except DecodeError as error:
                problem = problem or error
                continue
            if found is not None:
                return found
        raise problem or DecodeError("no_rule", "No rule is for a message such as this.")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A compiled mapping."""

    patterns: tuple[tuple[TopicPattern, Rule], ...]
    mask: frozenset[str]

    def matches(self, native_topic: str) -> list[Match]:
        """Return the rules whose topic fits, the one that says most first."""
        found = [
            Match(rule, captures, pattern.rank)
            for pattern, rule in self.patterns
            if (captures := pattern.match(native_topic)) is not None
        ]
        return sorted(found, key=lambda match: match.rank, reverse=True)

    def match(self, native_topic: str) -> dict[str, str] | None:
        """Return what the topic says; None when the mapping does not know it."""
        found = self.matches(native_topic)
        return found[0].captures if found else None

    def decode(
        self, native_topic: str, payload: bytes, received_at_us: int, zone: dt.tzinfo
    ) -> list[Reading]:
        """Return the readings of a message.

        Raises: DecodeError: unknown_topic, no_rule, or the format's codes.
        """
        bound = bind([self], native_topic)
        if bound is None:
            raise DecodeError("unknown_topic", "The mapping does not know this topic.")
        return bound.decode(payload, received_at_us, zone)

    def masked(self, payload: bytes) -> bytes:
        """Return a JSON payload without what stands under the keys to mask; others as they are."""
        if not self.mask:
            return payload
        try:
            document = json.loads(payload)
            return json.dumps(self._hide(document, 0), ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            return payload

    def _hide(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return MASKED
        if isinstance(value, dict):
            return {
                key: MASKED if key.lower() in self.mask else self._hide(inner, depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._hide(inner, depth + 1) for inner in value]
        return value


def compile_mapping(spec: dict[str, Any]) -> Mapping:
    """Compile a mapping.

    Raises: MappingError: where and why it cannot be used.
    """
    found = read_spec(spec)
    mask = frozenset(key.lower() for key in found.mask)
    return Mapping(tuple(compile_rules(found)), mask)


def check_mapping(spec: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong with the mapping of a profile, by field; a blank one is right."""
    try:
        if spec:
            compile_mapping(spec)
    except MappingError as error:
        return {"mapping": str(error)}
    return {}


def bind(mappings: Iterable[Mapping] | Sequence[Mapping], native_topic: str) -> Bound | None:
    """Return what may understand a topic: earlier mappings first; None when nothing does.

    Within one mapping, and among those that come with the product, the rule that says most
    about the topic comes first.
    """
    matches = [match for mapping in mappings for match in mapping.matches(native_topic)]
    return Bound(native_topic, tuple(matches)) if matches else None


def bind_first(groups: Iterable[Sequence[Mapping]], native_topic: str) -> Bound | None:
    """As `bind`; within a group the rule that says most comes first, whose ever it is."""
    matches: list[Match] = []
    for group in groups:
        found = [match for mapping in group for match in mapping.matches(native_topic)]
        matches += sorted(found, key=lambda match: match.rank, reverse=True)
    return Bound(native_topic, tuple(matches)) if matches else None
