"""What the topics of many devices have in common, so that equal troubles can be seen as one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.inbound.topics import PATTERNS

ANY = "+"
PATTERN_LENGTH, SENDER_LENGTH = 300, 150
_WORDS = frozenset(
    {word for _, pattern, _ in PATTERNS for word in pattern.split("/") if "{" not in word}
    | {"data", "device", "raw", "timeseries", "telemetry", "sensor", "ext", "+door"}
)  # fmt: skip
_UNIQUE = re.compile(r".*\d.*|.{25,}")


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """A topic with `+` for what names a sender, and these names with ` / ` between them."""

    pattern: str
    sender: str


def topic_pattern(topic: str) -> TopicPattern:
    """Return the pattern of a topic.

    Of topics of other makers (`…/ext/…`) and of unknown ones, words with a digit are taken
    for names: `tele/tasmota_7F3A/SENSOR` is `tele/+/SENSOR` of tasmota_7F3A.
    """
    words = topic.split("/")
    named = _named(words)
    pattern = "/".join(ANY if at in named else word for at, word in enumerate(words))
    sender = " / ".join(words[at] for at in sorted(named) if not (words[0] == "tenant" and at == 1))
    return TopicPattern(pattern[:PATTERN_LENGTH], sender[:SENDER_LENGTH])


def _named(words: list[str]) -> set[int]:
    """Return the places of names."""
    match words:
        case ["tenant", _, "gw", _, "ext", *_]:
            return {1, 3} | _unique(words, 5)
        case ["tenant", _, "gw", _, *_]:
            return {1, 3} | {at for at in range(4, len(words)) if words[at] not in _WORDS}
        case ["devices", _, "ext", *_]:
            return {1} | _unique(words, 3)
        case ["devices", _, *_]:
            return {1}
        case ["kaiser", _, "esp", _, _, _, *_]:
            return {1, 3, 5}
        case ["kaiser", _, "esp", _, *_]:
            return {1, 3}
        case ["hydro", _, _, _, _, _]:
            return {1, 2, 3, 4}
        case ["hydro", _, _, _, _]:
            return {1, 2, 3}
        case ["+door", _, _]:
            return {1, 2}
    return _unique(words, 0)


def _unique(words: list[str], start: int) -> set[int]:
    return {at for at in range(start, len(words)) if _UNIQUE.fullmatch(words[at])}
