"""Pages with header and footer, filled from the top."""

from __future__ import annotations

import datetime as dt
from typing import BinaryIO

from django.utils.translation import gettext as _
from reportlab.lib.colors import Color
from reportlab.lib.utils import TimeStamp
from reportlab.pdfgen.canvas import Canvas

from reports.documents.content import Document
from reports.documents.pdf.fonts import BOLD, REGULAR, register_fonts, shorten, wrap
from reports.documents.pdf.look import (
    ACCENT,
    BOTTOM,
    CONTENT_WIDTH,
    INK,
    LINE,
    MARGIN,
    MUTED,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    TOP,
)
from reports.documents.wording import Wording, printable

FOOTER_Y = 30.0


class Pages:
    """The paper: `y` is where the next thing begins."""

    def __init__(self, document: Document, wording: Wording, out: BinaryIO) -> None:
        register_fonts()
        self.document = document
        self.wording = wording
        self.canvas = _new_canvas(document, out)
        self.number = 1
        self.y = TOP
        self._bookmarks = 0
        self._draw_title()
        self._draw_footer()

    @property
    def room(self) -> float:
        """Return the height that is left on the page."""
        return self.y - BOTTOM

    def ensure(self, height: float) -> None:
        """Begin a page unless so much is left, or the page is new."""
        if height > self.room and self.y < TOP:
            self.break_page()

    def break_page(self) -> None:
        """Begin a page."""
        self.canvas.showPage()
        self.number += 1
        self.y = TOP
        self._draw_header()
        self._draw_footer()

    def text(
        self, x: float, y: float, text: str, *, size: float = 8.5, font: str = REGULAR,
        colour: Color = INK, align: str = "left",
    ) -> None:  # fmt: skip
        """Write a line; `y` is where the letters stand, `x` the side that `align` names."""
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(colour)
        draw = {
            "left": self.canvas.drawString,
            "right": self.canvas.drawRightString,
            "centre": self.canvas.drawCentredString,
        }[align]
        draw(x, y, printable(text))

    def paragraph(
        self, text: str, *, size: float = 8.5, font: str = REGULAR, colour: Color = INK
    ) -> None:
        """Write a text over the whole width, on the next page where this one ends."""
        leading = size * 1.4
        for line in wrap(text, font, size, CONTENT_WIDTH):
            self.ensure(leading)
            self.y -= leading
            self.text(MARGIN, self.y + 0.3 * size, line, size=size, font=font, colour=colour)

    def heading(self, title: str, *, keep: float = 40.0) -> None:
        """Write the title of a section and list it; `keep` stays with it on the page."""
        lines = wrap(title, BOLD, 11, CONTENT_WIDTH)
        self.ensure(len(lines) * 15 + 10 + keep)
        self.y -= 10 if self.y < TOP else 0
        self.bookmark(title)
        for line in lines:
            self.y -= 15
            self.text(MARGIN, self.y + 4, line, size=11, font=BOLD, colour=ACCENT)

    def bookmark(self, title: str) -> None:
        """List a place in the outline of the document."""
        self._bookmarks += 1
        key = f"section-{self._bookmarks}"
        self.canvas.bookmarkPage(key, fit="XYZ", left=0, top=self.y + 8, zoom=0)
        self.canvas.addOutlineEntry(title, key, level=0)

    def finish(self) -> None:
        """Say on each page how many there are, and write the file."""
        self.canvas.showPage()
        for number in range(1, self.number + 1):
            self.canvas.beginForm(_form_name(number), 0, 0, PAGE_WIDTH, PAGE_HEIGHT)
            counted = _("Page %(number)s of %(count)s") % {"number": number, "count": self.number}
            self.text(PAGE_WIDTH - MARGIN, FOOTER_Y, counted, size=7, colour=MUTED, align="right")
            self.canvas.endForm()
        self.canvas.save()

    def _draw_title(self) -> None:
        document = self.document
        self.text(MARGIN, self.y + 14, document.organisation, size=8.5, colour=MUTED)
        self.bookmark(document.title)
        for line in wrap(document.title, BOLD, 19, CONTENT_WIDTH):
            self.y -= 23
            self.text(MARGIN, self.y + 10, line, size=19, font=BOLD, colour=ACCENT)
        self.paragraph(document.subtitle, size=10, colour=MUTED)
        place = " · ".join(text for text in (document.site, document.period_label) if text)
        self.paragraph(place, size=10, font=BOLD)
        self.y -= 4
        self._rule(self.y)
        self.y -= 6

    def _draw_header(self) -> None:
        document = self.document
        y = TOP + 18
        left = " · ".join(text for text in (document.organisation, document.site) if text)
        right = " · ".join(text for text in (document.title, document.period_label) if text)
        half = CONTENT_WIDTH / 2 - 6
        self.text(MARGIN, y, shorten(left, REGULAR, 7.5, half), size=7.5, colour=MUTED)
        self.text(
            PAGE_WIDTH - MARGIN, y, shorten(right, REGULAR, 7.5, half),
            size=7.5, colour=MUTED, align="right",
        )  # fmt: skip
        self._rule(y - 5)

    def _draw_footer(self) -> None:
        made = _("Generated %(time)s, times in %(zone)s") % {
            "time": self.wording.time(self.document.generated_at),
            "zone": self.document.zone.key,
        }
        self._rule(FOOTER_Y + 11)
        self.text(MARGIN, FOOTER_Y, made, size=7, colour=MUTED)
        self.canvas.doForm(_form_name(self.number))

    def _rule(self, y: float) -> None:
        self.canvas.setStrokeColor(LINE)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(MARGIN, y, PAGE_WIDTH - MARGIN, y)


def _form_name(number: int) -> str:
    return f"count-{number}"


def _new_canvas(document: Document, out: BinaryIO) -> Canvas:
    """Return paper whose bytes depend on the document alone."""
    canvas = Canvas(
        out, pagesize=(PAGE_WIDTH, PAGE_HEIGHT), invariant=1, pageCompression=1,
        lang=document.language, initialFontName=REGULAR,
    )  # fmt: skip
    # ReportLab knows now or a fixed day only; the file says when its numbers were taken
    canvas._doc._timeStamp = _stamp(document.generated_at)
    canvas.setTitle(document.title)
    canvas.setAuthor(document.organisation)
    canvas.setSubject(" · ".join(t for t in (document.site, document.period_label) if t))
    canvas.setCreator("energy-platform")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    canvas.showOutline()
    return canvas


def _stamp(at: dt.datetime) -> TimeStamp:
    stamp = TimeStamp(invariant=1)
    stamp.t = at.timestamp()
    stamp.lt = at.astimezone(dt.UTC).timetuple()
    stamp.YMDhms = tuple(stamp.lt)[:6]
    stamp.dhh = stamp.dmm = 0
    return stamp
