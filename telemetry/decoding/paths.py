"""Paths into a document: which values are meant, and what the keys on the way say.

ENERGY.Total            keys; blanks and colons need no quotes
params["switch:{n}"].apower     a quoted key; {n} captures what stands there
SDS0X1["PM2.5"]         a key with a dot;  [""] the empty key
emeters[{i}].voltage    every element, its number captured;  [0]  the first;  [*]  each
{sensor}.Temperature    every key, captured;  *  each key
@                       the document itself
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.decoding.errors import MappingError
from telemetry.decoding.text import Text, compile_pattern
from telemetry.ingest.decode import DecodeError

MAX_STEPS = 12
MAX_VISITS = 20_000
ITSELF = "@"
_TOKEN = re.compile(
    r'\["(?P<quoted>(?:[^"\\]|\\.)*)"\]'
    r"|\[(?P<index>-?\d{1,5}|\*|\{[a-z_][a-z0-9_]*\})\]"
    r'|(?P<bare>[^.\[\]"]+)'
)

Location = tuple[str | int, ...]
# where, value, captures
Found = tuple[Location, Any, dict[str, str]]


class Budget:
    """Counts the values that one message makes us look at."""

    def __init__(self, visits: int = MAX_VISITS) -> None:
        self._left = visits

    def spend(self, count: int = 1) -> None:
        """Take from what is left.

        Raises: DecodeError: too_many_values.
        """
        self._left -= count
        if self._left < 0:
            raise DecodeError("too_many_values", "The message holds too many values.")


@dataclass(frozen=True, slots=True)
class Step:
    """One key or index; `every` means each of them, captured as `capture` if that is set."""

    key: Text | None = None
    index: int | None = None
    capture: str = ""
    every: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path; `plain` are its keys when it captures nothing and counts nothing."""

    steps: tuple[Step, ...]
    text: str
    plain: tuple[str, ...] | None = None

    @property
    def names(self) -> frozenset[str]:
        """Everything that is captured."""
        found = {name for step in self.steps if step.key for name in step.key.names}
        return frozenset(found | {step.capture for step in self.steps if step.capture})

    def find(self, document: Any, captures: Mapping[str, str], budget: Budget) -> Iterator[Found]:
        """Yield everything that the path means; known captures must agree."""
        if self.plain is None:
            yield from _walk(self.steps, 0, document, (), dict(captures), budget)
            return
        budget.spend(len(self.plain) + 1)
        for key in self.plain:
            if not isinstance(document, dict) or key not in document:
                return
            document = document[key]
        yield self.plain, document, dict(captures)

    def first(self, document: Any, captures: Mapping[str, str], budget: Budget) -> Any:
        """Return the first value that is no null; None without one."""
        for _where, value, _captures in self.find(document, captures, budget):
            if value is not None:
                return value
        return None


def _walk(
    steps: tuple[Step, ...],
    at: int,
    value: Any,
    where: Location,
    captures: dict[str, str],
    budget: Budget,
) -> Iterator[Found]:
    budget.spend()
    if at == len(steps):
        yield where, value, captures
        return
    for name, inner, more in _children(steps[at], value, captures, budget):
        yield from _walk(steps, at + 1, inner, (*where, name), more, budget)


def _children(
    step: Step, value: Any, captures: dict[str, str], budget: Budget
) -> Iterator[tuple[str | int, Any, dict[str, str]]]:
    if isinstance(value, dict):
        if step.key is None:
            return
        if step.key.is_plain:
            key = step.key.literals[0]
            if key in value:
                yield key, value[key], captures
            return
        budget.spend(len(value))
        for key, inner in value.items():
            found = step.key.match(key) if isinstance(key, str) else None
            more = None if found is None else _merge(captures, found)
            if more is not None:
                yield key, inner, more
    elif isinstance(value, list):
        yield from _elements(step, value, captures, budget)


def _elements(
    step: Step, value: list[Any], captures: dict[str, str], budget: Budget
) -> Iterator[tuple[str | int, Any, dict[str, str]]]:
    if step.every:
        budget.spend(len(value))
        for number, inner in enumerate(value):
            more = _merge(captures, {step.capture: str(number)} if step.capture else {})
            if more is not None:
                yield number, inner, more
    elif step.index is not None and -len(value) <= step.index < len(value):
        yield step.index % len(value), value[step.index], captures


def _merge(captures: dict[str, str], found: dict[str, str]) -> dict[str, str] | None:
    if not found:
        return captures
    if any(captures.get(name, text) != text for name, text in found.items()):
        return None
    return {**captures, **found}


def compile_path(text: str, where: str) -> Path:
    """Read a path.

    Raises: MappingError: bad_path.
    """
    if text in ("", ITSELF):
        return Path((), ITSELF, ())
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if text[at] == "." and steps and at + 1 < len(text):
            at += 1
        elif steps and text[at] != "[":
            raise _bad(where, text, at)
        token = _TOKEN.match(text, at)
        if token is None:
            raise _bad(where, text, at)
        steps.append(_step(token, where))
        at = token.end()
    if len(steps) > MAX_STEPS:
        raise MappingError(where, "bad_path", f"More than {MAX_STEPS} steps.")
    return Path(tuple(steps), text, _plain(steps))


def _plain(steps: list[Step]) -> tuple[str, ...] | None:
    keys = [step.key for step in steps]
    if any(key is None or not key.is_plain for key in keys):
        return None
    return tuple(key.literals[0] for key in keys if key is not None)


def _step(token: re.Match[str], where: str) -> Step:
    index, bare, quoted = token["index"], token["bare"], token["quoted"]
    if index is not None:
        if index == "*" or index.startswith("{"):
            return Step(every=True, capture=index.strip("*{}").strip("_") and index[1:-1])
        return Step(index=int(index))
    if bare == "*":
        return Step(key=compile_pattern("{_}", where, "bad_path"), every=True)
    if bare is None:
        try:
            bare = json.loads(f'"{quoted}"')
        except ValueError:
            raise MappingError(where, "bad_path", f"{quoted!r} is badly quoted.") from None
    return Step(key=compile_pattern(bare, where, "bad_path"))


def _bad(where: str, text: str, at: int) -> MappingError:
    return MappingError(where, "bad_path", f"{text!r} cannot be read from character {at + 1} on.")
