"""From a question to a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from reports.content.consumption import write_consumption, write_day
from reports.content.costs import write_costs
from reports.content.peaks import write_peaks
from reports.content.quality import write_quality
from reports.content.question import ReportQuestion
from reports.content.subject import Subject, find_subject
from reports.documents.content import Document, Section
from reports.models.template import ReportKind

WRITERS: Mapping[str, Callable[[Subject], list[Section]]] = {
    ReportKind.CONSUMPTION: write_consumption,
    ReportKind.COST: write_costs,
    ReportKind.PEAK: write_peaks,
    ReportKind.QUALITY: write_quality,
}


def build_document(question: ReportQuestion, *, organisation: str, now: dt.datetime) -> Document:
    """Return a report in the scope of its tenant, in the language of the question.

    Raises: ReportImpossible
    """
    subject = find_subject(question, now=now)
    with override(question.language):
        return Document(
            title=question.title,
            subtitle=str(ReportKind(question.kind).label),
            organisation=organisation,
            site=subject.site.name,
            period_label=label_period(question),
            zone=subject.zone,
            generated_at=now,
            language=question.language,
            notes=_notes(subject),
            sections=WRITERS[question.kind](subject),
        )


def label_period(question: ReportQuestion) -> str:
    """Return the days in the language that is active."""
    first = write_day(question.first_day)
    if question.first_day == question.last_day:
        return first
    return f"{first} – {write_day(question.last_day)}"


def _notes(subject: Subject) -> list[str]:
    notes = [
        _("Amounts are those of the energy ledger at the time of this report."),
        _("Submeters are a part of the meter above them: do not add them to it."),
    ]
    if subject.question.kind == ReportKind.CONSUMPTION and subject.buckets.width in {"1d", "1mo"}:
        notes.append(_("What was measured over some hours and shared out counts as measured."))
    if subject.question.period.end > subject.now.astimezone(subject.zone).date():
        notes.append(_("The period is not over: figures are up to the time of this report."))
    if subject.gone:
        notes.append(
            ngettext(
                "%(count)s chosen meter no longer exists.",
                "%(count)s chosen meters no longer exist.",
                subject.gone,
            )
            % {"count": subject.gone}
        )
    return notes
