"""Lines for the person at the terminal."""

from __future__ import annotations

import sys


def say(line: str = "") -> None:
    """Print one line at once; silent when nobody reads any more."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass


def paint(text: str, colour: str) -> str:
    """Colour a text (an ANSI code such as "32") if standard output is a terminal."""
    return f"\033[{colour}m{text}\033[0m" if sys.stdout.isatty() else text
