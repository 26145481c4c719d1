"""What the energy page calls things, in the active language."""

from __future__ import annotations

import datetime as dt

from django.utils.dateformat import format as format_date
from django.utils.dates import MONTHS, MONTHS_3
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from metering.analysis.balance import Verdict
from metering.analysis.compare import Against
from metering.analysis.forecast import BudgetVerdict
from metering.analysis.kept import Verdict as FitVerdict
from metering.queries.energy import Band, Summary
from metering.queries.frames import Frame, Step, Unit


def band_label(band: Band) -> str:
    """Name a part of the bars."""
    if band.meter is not None:
        return band.meter.name
    return {
        "grid": _("From the grid"),
        "solar": _("Own production, used"),
        "battery": _("From the battery"),
        "use": _("Consumption"),
        "export": _("Fed into the grid"),
        "charge": _("Into the battery"),
        "other": _("Other circuits"),
        "rest": _("Not metered"),
    }[band.kind]


def unit_labels() -> dict[Unit, str]:
    """Return the names of the periods."""
    return {
        Unit.DAY: _("Day"),
        Unit.WEEK: _("Week"),
        Unit.MONTH: _("Month"),
        Unit.YEAR: _("Year"),
    }


def against_labels() -> dict[Against | None, str]:
    """Return what a period can be compared with."""
    return {
        Against.PREVIOUS: _("Period before"),
        Against.LAST_YEAR: _("Year before"),
        Against.SAME_WEEKDAY: _("Same weekdays a year before"),
        None: _("Nothing"),
    }


def verdict_label(verdict: Verdict) -> str:
    """Say what a balance says."""
    return {
        Verdict.WITHIN_BAND: _("Within the accuracy of the meters"),
        Verdict.UNMETERED: _("Not metered"),
        Verdict.CHILDREN_EXCEED: _("Submeters show more"),
        Verdict.UNKNOWN: _("No common data"),
    }[verdict]


def period_label(frame: Frame) -> str:
    """Name the period: 20 November 2026, 16 – 22 November 2026, November 2026, 2026."""
    start, end = frame.period.start, frame.period.end - dt.timedelta(days=1)
    if frame.unit is Unit.YEAR:
        return str(start.year)
    if frame.unit is Unit.MONTH:
        return format_date(start, "F Y")
    if frame.unit is Unit.DAY:
        return date_format(start, "DATE_FORMAT")
    return f"{date_format(start, 'DATE_FORMAT')} – {date_format(end, 'DATE_FORMAT')}"


def axis_label(frame: Frame, start: dt.datetime) -> str:
    """Name a bucket below its bar."""
    if frame.step is Step.MONTH:
        return format_date(start, "M")
    if frame.step is Step.DAY:
        return format_date(start, "D j") if frame.unit is Unit.WEEK else str(start.day)
    if frame.unit is Unit.WEEK:
        return format_date(start, "D")
    return f"{start:%H}"


def bucket_label(summary: Summary, at: int, start: dt.datetime) -> str:
    """Name a bucket in full, with its length where the clock is set."""
    frame = summary.frame
    hours = int(frame.widths[at]) / 4
    if frame.step is Step.MONTH:
        return format_date(start, "F Y")
    if frame.step is Step.DAY:
        label = f"{format_date(start, 'l')}, {date_format(start, 'DATE_FORMAT')}"
        return label if hours == 24 else f"{label} ({hours_label(hours)})"
    is_set = int(frame.quarters[-1] - frame.quarters[0]) != frame.period.days * 96
    clock = f"{start:%H:%M %Z}" if is_set else f"{start:%H:%M}"
    return clock if frame.unit is Unit.DAY else f"{format_date(start, 'D j')} {clock}"


def hours_label(hours: float) -> str:
    """Say how long a day is: 23 h, 24.5 h."""
    return pgettext("length of a day", "%(hours)s h") % {"hours": f"{hours:g}"}


def month_name(month: int) -> str:
    """Return the name of a month, 1 to 12, as it stands alone."""
    return str(MONTHS[month])


def month_short(month: int) -> str:
    """Return its abbreviation."""
    return str(MONTHS_3[month]).capitalize()


def budget_verdict_label(verdict: BudgetVerdict) -> str:
    """Say how a month stands against its budget."""
    return {
        BudgetVerdict.MET: _("Kept"),
        BudgetVerdict.EXCEEDED: _("Exceeded"),
        BudgetVerdict.ON_TRACK: _("On track"),
        BudgetVerdict.MAY_EXCEED: _("May be exceeded"),
        BudgetVerdict.WILL_EXCEED: _("Will be exceeded"),
        BudgetVerdict.UNKNOWN: _("Not known yet"),
    }[verdict]


def fit_verdict_label(verdict: FitVerdict) -> str:
    """Say how well a baseline follows its reference period."""
    return {
        FitVerdict.GOOD: _("Good fit"),
        FitVerdict.LOOSE: _("Loose fit"),
        FitVerdict.POOR: _("Poor fit"),
    }[verdict]
