"""MQTT topic filters: what one matches, and which of two is wider. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

MAX_BYTES = 65_535


def may_publish(topic: str, allowed: Iterable[str]) -> bool:
    """Tell whether a topic, which holds no wildcard, matches one of the filters."""
    if not _is_plain(topic) or "+" in topic or "#" in topic:
        return False
    return any(_covers(allowed_filter, topic) for allowed_filter in allowed)


def may_subscribe(wanted: str, allowed: Iterable[str]) -> bool:
    """Tell whether everything that a filter matches is matched by one of the allowed ones.

    Shared subscriptions are nobody's: a group would see what was meant for another.
    """
    if not _is_plain(wanted) or not _is_filter(wanted):
        return False
    return any(_covers(allowed_filter, wanted) for allowed_filter in allowed)


def _covers(allowed: str, wanted: str) -> bool:
    """Tell whether `allowed` is as wide as `wanted`, a filter or a topic, or wider."""
    wide, narrow = allowed.split("/"), wanted.split("/")
    for at, word in enumerate(wide):
        if word == "#":  # also matches the level above it
            return at <= len(narrow)
        if at >= len(narrow):
            return False
        if narrow[at] == "#" or (narrow[at] == "+" and word != "+"):
            return False
        if word not in ("+", narrow[at]):
            return False
    return len(wide) == len(narrow)


def _is_plain(topic: str) -> bool:
    return (
        0 < len(topic.encode("utf-8", "surrogatepass")) <= MAX_BYTES
        and "\0" not in topic
        and not topic.startswith("$")
    )


def _is_filter(text: str) -> bool:
    """Tell whether wildcards stand alone in their level, and `#` last."""
    words = text.split("/")
    return all(
        ("#" not in word and "+" not in word)
        or word == "+"
        or (word == "#" and at == len(words) - 1)
        for at, word in enumerate(words)
    )
