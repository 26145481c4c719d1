"""Measures in points and colours of all pages."""

from __future__ import annotations

from dataclasses import dataclass

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4

PAGE_WIDTH, PAGE_HEIGHT = A4
MARGIN = 42.0
TOP, BOTTOM = PAGE_HEIGHT - 62.0, 52.0  # of what lies between header and footer
CONTENT_WIDTH = PAGE_WIDTH - 2 * MARGIN

INK = HexColor("#15242a")
MUTED = HexColor("#566a72")
LINE = HexColor("#b9c8cd")
GRID = HexColor("#e4eaec")
SOFT = HexColor("#eef4f6")
ACCENT = HexColor("#0a5c74")
ACCENT_SOFT = HexColor("#dceef3")
WHITE = HexColor("#ffffff")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; (x, y) is its corner at the bottom left."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """Return its upper edge."""
        return self.y + self.height

    @property
    def right(self) -> float:
        """Return its right edge."""
        return self.x + self.width


def blend(low: Color, high: Color, share: float) -> Color:
    """Return a colour between two, at 0…1."""
    pairs = zip(low.rgb(), high.rgb(), strict=True)
    return Color(*(round(a + (b - a) * share, 3) for a, b in pairs))
