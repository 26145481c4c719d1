"""The numbers of a definition that change when prices do, by place."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NUMBERS = ("price", "percent", "excess_price", "contracted_kw", "surcharge", "factor")
_LISTS = {"bands": "name", "tiers": "up_to"}


@dataclass(frozen=True, slots=True)
class Number:
    """One of them. place: such as `components.0.bands.1.price`; part: a band or a limit."""

    place: str
    component: str
    part: str
    name: str
    value: str


def numbers_of(definition: Mapping[str, Any]) -> Iterator[Number]:
    """Yield the numbers of a definition as it is stored, in its order."""
    for at, component in enumerate(definition.get("components", ())):
        for name in _NUMBERS:
            if component.get(name) is not None:
                place = f"components.{at}.{name}"
                yield Number(place, component["name"], "", name, component[name])
        for members, title in _LISTS.items():
            for number, member in enumerate(component.get(members, ())):
                place = f"components.{at}.{members}.{number}.price"
                part = str(member.get(title) or "")
                yield Number(place, component["name"], part, "price", member["price"])


def with_numbers(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the definition with other numbers; places that it does not have are left out."""
    changed = copy.deepcopy(dict(definition))
    for number in numbers_of(definition):
        if number.place not in given:
            continue
        target: Any = changed
        *path, last = number.place.split(".")
        for step in path:
            target = target[int(step)] if step.isdigit() else target[step]
        target[last] = given[number.place].strip().replace(",", ".")
    return changed
