"""What pages say about reports."""

from __future__ import annotations

from django.utils.translation import gettext as _

from reports.content.build import label_period
from reports.content.question import read_question
from reports.models import ReportFormat, ReportKind, ReportRun


def describe_question(run: ReportRun) -> str:
    """Return kind, period and format of a report."""
    question = read_question(run.question)
    kind, form = ReportKind(question.kind).label, ReportFormat(question.format).label
    return f"{kind} · {label_period(question)} · {form}"


def describe_failure(run: ReportRun) -> str:
    """Say why a report could not be made; "" when it could."""
    if not run.error_code:
        return ""
    known = {
        "site_gone": _("The site does not exist any more."),
        "no_meters": _("The site has no such meters."),
        "too_large": _(
            "Too much for one report: take a shorter period, longer steps or fewer meters."
        ),
    }  # fmt: skip
    return known.get(run.error_code, _("Three tries ended without a result."))
