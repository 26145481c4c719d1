"""Reads the fields of one row of a register map and remembers what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

MOST_PROBLEMS = 20


class BadRegisterMap(ValueError):
    """A register map cannot be understood; `problems` name row and field and what to write."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        told = problems[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            told.append(f"and {len(problems) - MOST_PROBLEMS} more.")
        super().__init__("\n".join(told))


class Row:
    """One object of a map. A field that is wrong is noted in `problems` and read as its default."""

    def __init__(self, item: object, where: str, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        self.is_object = isinstance(item, Mapping)
        self.item: Mapping[str, Any] = item if isinstance(item, Mapping) else {}
        if not self.is_object:
            self.note("", "must be an object in braces")

    def note(self, field: str, what: str) -> None:
        self.problems.append(f"{self.where}{', ' if field else ''}{field}: {what}.")

    def only(self, *names: str) -> None:
        """Note the fields that nobody reads."""
        for name in self.item:
            if name not in names:
                self.note(str(name), f"unknown; known are {', '.join(names)}")

    def has(self, field: str) -> bool:
        return self.item.get(field) is not None

    def text(self, field: str, default: str | None = None) -> str:
        given = self.item.get(field)
        if given is None:
            if default is None:
                self.note(field, "must be given")
            return default or ""
        if not isinstance(given, str) or not given.strip() and default is None:
            self.note(field, "must be a text")
            return default or ""
        return given.strip()

    def choice(self, field: str, choices: Collection[Any], default: Any) -> Any:
        given = self.item.get(field)
        if given is None:
            return default
        if isinstance(given, bool | list | dict) or given not in choices:
            self.note(field, f"is one of {', '.join(map(str, choices))}, not {given!r}")
            return default
        return given

    def flag(self, field: str, default: bool) -> bool:
        given = self.item.get(field, default)
        if not isinstance(given, bool):
            self.note(field, "is true or false")
            return default
        return given

    def integer(self, field: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number; a text such as "0x4A38" is one."""
        given = self.item.get(field)
        if given is None:
            if default is None:
                self.note(field, f"must be given, {low} to {high}")
            return low if default is None else default
        found = whole_number(given)
        if found is None or not low <= found <= high:
            self.note(field, f"is a whole number from {low} to {high}, not {given!r}")
            return low if default is None else default
        return found

    def number(self, field: str, default: float | None = None) -> float | None:
        given = self.item.get(field)
        if given is None:
            return default
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.note(field, f"is a number, not {given!r}")
            return default
        if not _is_finite(given):
            self.note(field, "is a finite number")
            return default
        return given

    def rows(self, field: str, label: str = "") -> list[Row]:
        """Return the objects of a list, named by number and by what their `label` holds."""
        given = self.item.get(field)
        if given is None:
            return []
        if not isinstance(given, list | tuple):
            self.note(field, "must be a list")
            return []
        start = f"{self.where}, {field}" if self.where != "register map" else field
        return [self._named(item, f"{start}, row {n}", label) for n, item in enumerate(given, 1)]

    def child(self, field: str) -> Row:
        return Row(self.item.get(field, {}), field, self.problems)

    def _named(self, item: object, where: str, label: str) -> Row:
        name = item.get(label) if isinstance(item, Mapping) else None
        return Row(item, f"{where} ({name})" if isinstance(name, str) else where, self.problems)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def whole_number(given: object) -> int | None:
    """Return a whole number, also one written such as "0x4A38"; None if it is not one."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    if isinstance(given, str):
        try:
            return int(given, 0)
        except ValueError:
            return None
    return None
