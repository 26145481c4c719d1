"""Patterns of topics, matched level by level.

`{name}` captures one level, `{name*}` any number of levels, none among them, `{name+}` at
least one; at most one of a pattern captures several, so there is one way to match.
"""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.decoding.errors import MappingError
from telemetry.decoding.text import Text, compile_pattern

MAX_LEVELS = 16
MAX_TOPIC_LENGTH = 512


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """`before` and `after` are the levels around the capture of several, if there is one."""

    before: tuple[Text, ...]
    after: tuple[Text, ...]
    several: str | None
    fewest: int

    @property
    def names(self) -> frozenset[str]:
        """Everything that is captured."""
        one = {name for level in (*self.before, *self.after) for name in level.names}
        return frozenset(one | ({self.several} if self.several else set()))

    @property
    def rank(self) -> tuple[int, int, int]:
        """How much a pattern says: the higher of two that match is meant."""
        levels = (*self.before, *self.after)
        plain = sum(level.is_plain for level in levels)
        literal = sum(len("".join(level.literals)) > 0 for level in levels)
        return plain, literal, -(self.several is not None)

    def match(self, topic: str) -> dict[str, str] | None:
        """Return the captures; None when the topic has another form."""
        levels = topic.split("/")
        rest = len(levels) - len(self.before) - len(self.after)
        if len(topic) > MAX_TOPIC_LENGTH or rest < self.fewest:
            return None
        if self.several is None and rest != 0:
            return None
        end = len(levels) - len(self.after)
        found: dict[str, str] = {}
        pairs = [*zip(self.before, levels, strict=False)]
        pairs += zip(self.after, levels[end:], strict=True)
        for pattern, level in pairs:
            captures = pattern.match(level)
            if captures is None:
                return None
            for name, text in captures.items():
                if found.setdefault(name, text) != text:
                    return None
        if self.several is not None:
            found[self.several] = "/".join(levels[len(self.before) : end])
        return found


def compile_topic(pattern: str, where: str) -> TopicPattern:
    """Read a pattern.

    Raises: MappingError: bad_topic.
    """
    levels = pattern.split("/")
    if not pattern or len(pattern) > MAX_TOPIC_LENGTH or len(levels) > MAX_LEVELS:
        raise MappingError(where, "bad_topic", f"A topic has 1 to {MAX_LEVELS} levels.")
    if any(wildcard in levels for wildcard in ("+", "#")):
        raise MappingError(where, "bad_topic", "Write {name} for +, {name*} for #.")
    several = [at for at, level in enumerate(levels) if level.endswith(("*}", "+}"))]
    if len(several) > 1:
        raise MappingError(where, "bad_topic", "Only one capture may hold several levels.")
    if not several:
        return TopicPattern(_levels(levels, where), (), None, 0)
    at = several[0]
    capture = compile_pattern(f"{levels[at][:-2]}}}", where, "bad_topic")
    if capture.literals != ("", ""):
        raise MappingError(where, "bad_topic", f"{levels[at]!r} must stand alone in its level.")
    fewest = int(levels[at].endswith("+}"))
    after = _levels(levels[at + 1 :], where)
    return TopicPattern(_levels(levels[:at], where), after, capture.names[0], fewest)


def _levels(levels: list[str], where: str) -> tuple[Text, ...]:
    return tuple(compile_pattern(level, where, "bad_topic") for level in levels)
