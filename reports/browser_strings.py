"""The words that scripts put on a page, in the active language."""

from __future__ import annotations

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _


def browser_strings() -> dict[str, str]:
    """Return every string of static/ui/js; {n} and {name} are filled in by the script."""
    return {"language": get_language() or "en"} | _ages() | _live() | _chart() | _quality()


def _ages() -> dict[str, str]:
    n = {"n": "{n}"}
    return {
        "age.now": _("just now"),
        "age.s": _("%(n)s s ago") % n,
        "age.min": _("%(n)s min ago") % n,
        "age.h": _("%(n)s h ago") % n,
        "age.d": _("%(n)s d ago") % n,
    }


def _live() -> dict[str, str]:
    return {
        "live.waiting": _("Connecting"),
        "live.live": _("Live"),
        "live.reconnecting": _("Reconnecting"),
        "live.offline": _("No connection"),
        "live.signed_out": _("Signed out"),
        "toast.dismiss": _("Dismiss"),
        "theme.light": _("Light"),
        "theme.dark": _("Dark"),
        "theme.system": _("As the system"),
    }


def _chart() -> dict[str, str]:
    return {
        "chart.average": _("Average"),
        "chart.band": _("Lowest to highest"),
        "chart.delta": _("Per interval"),
        "chart.doubt": _("Not a plain measurement"),
        "chart.lowest": _("Lowest"),
        "chart.highest": _("Highest"),
        "chart.total": _("Total"),
        "chart.coverage": _("Covered"),
        "chart.resolution": _("Resolution"),
        "chart.gap": _("No data"),
        "chart.time": _("Time"),
        "chart.quality": _("Quality"),
        "chart.summary": _("{name}, {range}: lowest {low}, highest {high}, average {mean}. {gaps}"),
        "chart.summary_total": _("{name}, {range}: {total} in total. {gaps}"),
        "chart.no_gaps": _("No gaps."),
        "chart.gaps": _("Gaps: {n}."),
        "chart.hint": _("Left and right arrow keys read single points."),
        "chart.zone": _("Times in {zone}"),
        "chart.raw": _("every sample"),
        "chart.step_min": _("{n} min"),
        "chart.step_h": _("{n} h"),
        "chart.step_d": _("{n} d"),
        "chart.step_s": _("{n} s"),
    }


def _quality() -> dict[str, str]:
    return {
        "quality.good": pgettext("quality", "Good"),
        "quality.uncertain": pgettext("quality", "Uncertain"),
        "quality.bad": pgettext("quality", "Bad"),
        "quality.estimated": pgettext("quality", "Estimated"),
        "quality.manual": pgettext("quality", "Manual"),
        "quality.missing": pgettext("quality", "Missing"),
        "status.online": pgettext("status", "Online"),
        "status.late": pgettext("status", "Late"),
        "status.offline": pgettext("status", "Offline"),
        "status.silent": pgettext("status", "Silent"),
    }
