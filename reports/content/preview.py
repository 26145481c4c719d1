"""The figures of a report before it is asked for, as texts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from reports.content.build import build_document
from reports.content.question import ReportQuestion
from reports.content.subject import ReportImpossible
from reports.documents.content import (
    AMOUNTS,
    Document,
    Heading,
    KeyFigures,
    QualityLine,
    Table,
)
from reports.documents.wording import Wording, heading_of, quality_text, wording_of
from reports.models.template import ReportKind

MAX_DAYS = 62  # of what is read by quarter hour
MAX_ROWS = 12


@dataclass(frozen=True, slots=True)
class Shown:
    """A table, at most `MAX_ROWS` of it; of each column whether it holds numbers."""

    title: str
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[tuple[str, bool]]]
    quality: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Key figures (label, value, note) and the first table of a report."""

    period: str
    figures: Sequence[tuple[str, str, str]]
    table: Shown | None


def preview_report(question: ReportQuestion, *, organisation: str, now: dt.datetime) -> Preview:
    """Return the figures in the reader's language.

    Raises: ReportImpossible: also too_large where making it takes longer than a page may.
    """
    is_slow = question.kind in {ReportKind.PEAK, ReportKind.QUALITY}
    if is_slow and question.period.days > MAX_DAYS:
        raise ReportImpossible("too_large")
    light = replace(
        question, format="xlsx", step="1mo" if question.period.days > MAX_DAYS else "1d"
    )
    document = build_document(light, organisation=organisation, now=now)
    wording = wording_of(document)
    figures = [
        (one.label, wording.amount(one.value, one.digits, one.unit), one.note)
        for section in document.sections
        if isinstance(section, KeyFigures)
        for one in section.figures
    ]
    return Preview(document.period_label, figures, _first_table(document, wording))


def _first_table(document: Document, wording: Wording) -> Shown | None:
    table = next((one for one in document.sections if isinstance(one, Table)), None)
    if table is None:
        return None
    are_numbers = [column.kind in AMOUNTS for column in table.columns]
    rows = [row for row in islice(table.rows, MAX_ROWS) if not isinstance(row, Heading)]
    texts = [
        [wording.cell(value, column) for value, column in zip(row, table.columns, strict=True)]
        for row in rows
    ]
    names = [heading_of(column) for column in table.columns]
    return Shown(
        table.title,
        list(zip(names, are_numbers, strict=True)),
        [list(zip(row, are_numbers, strict=True)) for row in texts],
        _quality(table.quality, wording),
    )


def _quality(line: QualityLine | None, wording: Wording) -> str:
    return quality_text(line, wording) if line else ""
