"""Names for the programs that people sign in with, from what these say about themselves."""

from __future__ import annotations

import re

# the first that fits: most browsers claim to be several
_PROGRAMS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
_PRODUCT = re.compile(r"[\w.+-]{2,40}")


def name_program(user_agent: str) -> tuple[str, str]:
    """Return program and system, such as ("Firefox", "Windows"); "" for what is not told."""
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if not program:
        product = _PRODUCT.match(user_agent)
        program = product.group() if product else ""
    return program, system
