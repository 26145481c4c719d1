"""A mutant: the product without one of its walls."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class Stale(ValueError):
    """The text that a mutant replaces is not in the source, or not only once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that occurs once in a file, and what replaces it. `path` is below the checkout."""

    path: str
    old: str
    new: str

    def apply(self, source: str) -> str:
        """Return the source with the edit.

        Raises: Stale.
        """
        found = source.count(self.old)
        if found != 1:
            raise Stale(f"{self.path} has {found} × {self.old!r}, not 1")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is removed, and the tests that must notice: arguments of pytest without options.

    More than one edit removes walls that stand one behind the other.
    """

    id: str
    removes: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]

    @property
    def area(self) -> str:
        """Return the part of the product, such as "devices"."""
        return self.id.partition(".")[0]

    def files(self, root: Path) -> dict[Path, str]:
        """Return each changed file with its text.

        Raises: Stale.
        """
        changed: dict[Path, str] = {}
        for edit in self.edits:
            file = root / edit.path
            if not file.exists():
                raise Stale(f"{edit.path} does not exist")
            changed[file] = edit.apply(changed.get(file) or file.read_text())
        return changed

    def place(self, root: Path) -> str:
        """Return file and function of the first edit, such as "accounts/api/me.py:Me.get"."""
        edit = self.edits[0]
        source = (root / edit.path).read_text()
        position = source.find(edit.old)
        line = source.count("\n", 0, position) + 1 + edit.old[: len(edit.old) // 2].count("\n")
        return f"{edit.path}:{'.'.join(_names_around(ast.parse(source).body, line))}".rstrip(":")


def cut(
    id: str, path: str, old: str, new: str, *, removes: str, tests: str | tuple[str, ...]
) -> Mutant:
    """Return a mutant with one edit."""
    return Mutant(id, removes, (Edit(path, old, new),), _as_tuple(tests))


def cut_all(
    id: str, *edits: tuple[str, str, str], removes: str, tests: str | tuple[str, ...]
) -> Mutant:
    """Return a mutant that removes walls behind each other; edits are (path, old, new)."""
    return Mutant(id, removes, tuple(Edit(*edit) for edit in edits), _as_tuple(tests))


def _as_tuple(tests: str | tuple[str, ...]) -> tuple[str, ...]:
    return (tests,) if isinstance(tests, str) else tests


def _names_around(body: Iterable[ast.stmt], line: int) -> list[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first <= line <= (node.end_lineno or first):
                return [node.name, *_names_around(node.body, line)]
    return []
