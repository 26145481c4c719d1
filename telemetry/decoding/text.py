"""Texts with captures: `switch:{n}` matches a word, `active_power_{phase}` makes one.

Matching looks for each literal part from the left, once: the time is linear in the length of
the text, whatever somebody writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from telemetry.decoding.errors import MappingError

MAX_LENGTH = 256
MAX_CAPTURES = 8
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_PART = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]")
_NOT_IN_UID = re.compile(r"[^A-Za-z0-9.:_-]+")
_DOTS = re.compile(r"\.{2,}")


@dataclass(frozen=True, slots=True)
class Text:
    """Literals around captures; there is one literal more than names."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing is captured."""
        return not self.names

    def match(self, text: str) -> dict[str, str] | None:
        """Return what each capture holds; None when the text has another form.

        A capture holds at least one character, except `{_}`, which is thrown away.
        """
        first = self.literals[0]
        if not self.names:
            return {} if text == first else None
        if not text.startswith(first):
            return None
        found: dict[str, str] = {}
        at = len(first)
        for number, name in enumerate(self.names, 1):
            end = self._end(text, number, at)
            if end < at or (end == at and name != "_"):
                return None
            if name != "_" and found.setdefault(name, text[at:end]) != text[at:end]:
                return None
            at = end + len(self.literals[number])
        return found

    def _end(self, text: str, number: int, at: int) -> int:
        literal = self.literals[number]
        if number == len(self.names):
            return len(text) - len(literal) if text.endswith(literal) else -1
        return text.find(literal, at)

    def render(self, captures: Mapping[str, str]) -> str | None:
        """Return the text with the captures filled in; None when one is missing."""
        if not self.names:
            return self.literals[0]
        parts = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            held = captures.get(name)
            if held is None:
                return None
            parts += (held, literal)
        return "".join(parts)


def compile_text(text: str, where: str, code: str = "bad_template") -> Text:
    """Read a text with captures; `{{` and `}}` stand for braces.

    Raises: MappingError.
    """
    if len(text) > MAX_LENGTH:
        raise MappingError(where, code, f"More than {MAX_LENGTH} characters.")
    literals, names = [""], []
    for part in _PART.findall(text):
        if part in ("{{", "}}"):
            literals[-1] += part[0]
        elif part.startswith("{") and part.endswith("}"):
            names.append(_name(part[1:-1], where, code))
            literals.append("")
        elif part in "{}":
            raise MappingError(where, code, f"{text!r} has a brace without its partner.")
        else:
            literals[-1] += part
    if len(names) > MAX_CAPTURES:
        raise MappingError(where, code, f"More than {MAX_CAPTURES} captures.")
    return Text(tuple(literals), tuple(names))


def compile_pattern(text: str, where: str, code: str) -> Text:
    """Read a text that is matched: between two captures stands something.

    Raises: MappingError.
    """
    found = compile_text(text, where, code)
    if any(not literal for literal in found.literals[1:-1]):
        detail = f"{text!r} has two captures side by side: where does the first end?"
        raise MappingError(where, code, detail)
    return found


def _name(name: str, where: str, code: str) -> str:
    if not _NAME.fullmatch(name):
        detail = f"{{{name}}} is no capture: lower-case letters, digits and _ make one."
        raise MappingError(where, code, detail)
    return name


def device_uid(text: str) -> str:
    """Return the identifier of a device that calls itself so: other characters become `-`.

    `shellies/shellyem3` becomes shellies-shellyem3; topics hold no slash inside a name.
    """
    words = _DOTS.sub("-", _NOT_IN_UID.sub("-", text)).strip("-._:")
    return words[:64] or "unnamed"
