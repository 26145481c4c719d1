"""What differs between what a device should be set to and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One field; `path` is dotted. None stands for a value that is not there."""

    path: str
    desired: Any
    reported: Any


def differences(desired: Any, reported: Any) -> list[Difference]:
    """Return the fields of `desired` that are not so in `reported`, in the order of `desired`.

    A device may report more than it was told: its defaults are no drift. 1 and 1.0 are the
    same number, 1 and true are not.
    """
    return list(_compare(desired, reported, ""))


def changes(old: Any, new: Any) -> list[Difference]:
    """Return every field that was added, removed or changed; `desired` holds the new value."""
    found = list(_compare(new, old, ""))
    known = {difference.path for difference in found}
    gone = [gone for gone in _compare(old, new, "") if gone.path not in known]
    return found + [Difference(gone.path, gone.reported, gone.desired) for gone in gone]


def _compare(desired: Any, reported: Any, path: str) -> Iterator[Difference]:
    if isinstance(desired, Mapping) and isinstance(reported, Mapping):
        for name, value in desired.items():
            yield from _compare(value, reported.get(name, ABSENT), _join(path, name))
    elif isinstance(desired, list) and isinstance(reported, list):
        for number, value in enumerate(desired):
            other = reported[number] if number < len(reported) else ABSENT
            yield from _compare(value, other, _join(path, str(number)))
        for number in range(len(desired), len(reported)):
            yield Difference(_join(path, str(number)), None, reported[number])
    elif not _same(desired, reported):
        yield Difference(path, desired, None if reported is ABSENT else reported)


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
