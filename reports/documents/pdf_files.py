"""Reports as PDF: A4 portrait, the same bytes for the same document."""

from __future__ import annotations

from typing import BinaryIO

from django.utils.translation import gettext as _

from reports.documents.content import (
    BarChart,
    Document,
    HeatMap,
    KeyFigures,
    LineChart,
    QualityLine,
    Section,
    Table,
    Text,
    is_empty,
)
from reports.documents.pdf.charts import draw_chart
from reports.documents.pdf.figures import draw_figures
from reports.documents.pdf.fonts import BOLD
from reports.documents.pdf.look import MUTED
from reports.documents.pdf.pages import Pages
from reports.documents.pdf.tables import draw_table
from reports.documents.wording import no_data, quality_text, speaking, wording_of


def write_pdf(document: Document, out: BinaryIO) -> None:
    """Draw the sections below each other, and the notes at the end."""
    with speaking(document):
        pages = Pages(document, wording_of(document), out)
        for section in document.sections:
            _draw(pages, section)
        if all(is_empty(section) for section in document.sections):
            pages.paragraph(no_data())
        _draw_notes(pages)
        pages.finish()


def _draw(pages: Pages, section: Section) -> None:
    match section:
        case KeyFigures():
            draw_figures(pages, section)
        case Table():
            draw_table(pages, section)
            _write_quality(pages, section.quality)
        case BarChart() | LineChart() | HeatMap():
            draw_chart(pages, section)
        case Text():
            _write_text(pages, section)
        case QualityLine():
            _write_quality(pages, section)


def _write_quality(pages: Pages, quality: QualityLine | None) -> None:
    if quality is not None:
        words = _("Data quality: %(shares)s") % {"shares": quality_text(quality, pages.wording)}
        pages.paragraph(words, size=8, colour=MUTED)


def _write_text(pages: Pages, section: Text) -> None:
    if section.title:
        pages.heading(section.title)
    for paragraph in section.body.splitlines():
        pages.paragraph(paragraph)
        pages.y -= 3


def _draw_notes(pages: Pages) -> None:
    if not pages.document.notes:
        return
    pages.y -= 8
    pages.ensure(40)
    pages.paragraph(_("Notes"), font=BOLD)
    for note in pages.document.notes:
        pages.paragraph(note, size=8, colour=MUTED)
        pages.y -= 2
