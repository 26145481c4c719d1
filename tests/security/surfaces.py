"""Every address of the product, made from the resolver, so that a new one is included."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve
from django.utils.regex_helper import normalize

SAMPLES = (str(uuid.UUID(int=7)), "1", "x", "x-1", "auth", "password")


@dataclass(frozen=True, slots=True)
class Surface:
    """An address that leads to a view, with made-up ids in it."""

    path: str
    name: str
    view: Any

    def __str__(self) -> str:
        return self.path


def all_surfaces() -> list[Surface]:
    """Return one address for each view; what no sample fits is an error."""
    found: dict[str, Surface] = {}
    for regex, pattern in _patterns(get_resolver(), ""):
        surface = _sample(regex, pattern)
        assert surface is not None, f"No sample value fits {regex}: add one."
        found.setdefault(surface.path, surface)
    return sorted(found.values(), key=lambda surface: surface.path)


def _patterns(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        regex = prefix + pattern.pattern.regex.pattern.removeprefix("^")
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, regex)
        else:
            yield regex, pattern


def _sample(regex: str, pattern: URLPattern) -> Surface | None:
    for text, names in normalize(regex):
        for values in product(SAMPLES, repeat=len(names)):
            path = "/" + text % dict(zip(names, values, strict=True))
            try:
                match = resolve(path)
            except Resolver404:
                continue
            if match.func is pattern.callback or match.view_name == pattern.name:
                return Surface(path, match.view_name, match.func)
    # shadowed by an earlier pattern: nobody can reach it
    text, names = normalize(regex)[0]
    path = "/" + text % dict.fromkeys(names, "1")
    try:
        return Surface(path, "", resolve(path).func)
    except Resolver404:
        return None
