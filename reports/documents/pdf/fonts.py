"""The fonts that are embedded, and texts broken into lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "Report", "ReportBold"
FOLDER = Path(__file__).resolve().parent.parent / "fonts"
FILES = {REGULAR: "DejaVuSansCondensed.ttf", BOLD: "DejaVuSansCondensed-Bold.ttf"}


@cache
def register_fonts() -> None:
    """Make the fonts known; they hold Latin, Greek and Cyrillic letters and currencies."""
    for name, file in FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(FOLDER / file)))


def text_width(text: str, font: str, size: float) -> float:
    """Return the width of a line in points."""
    return float(pdfmetrics.stringWidth(text, font, size))


def wrap(text: str, font: str, size: float, width: float) -> list[str]:
    """Break a text into lines of at most this width; a longer word is cut."""
    if "\n" not in text and text_width(text, font, size) <= width:
        return [text]
    return [
        line for part in text.splitlines() or [""] for line in _wrap_part(part, font, size, width)
    ]


def shorten(text: str, font: str, size: float, width: float) -> str:
    """Cut a text to one line and show that it goes on."""
    if text_width(text, font, size) <= width:
        return text
    fitting = _fitting(text, font, size, width - text_width("…", font, size))
    return text[:fitting].rstrip() + "…"


def _wrap_part(text: str, font: str, size: float, width: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if text_width(longer, font, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while len(line) > 1 and text_width(line, font, size) > width:
            cut = max(_fitting(line, font, size, width), 1)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def _fitting(text: str, font: str, size: float, width: float) -> int:
    """Return how many characters at the beginning fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(text[:middle], font, size) <= width:
            low = middle
        else:
            high = middle - 1
    return low
