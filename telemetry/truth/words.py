"""What a suspicion means to people."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from telemetry.truth import findings
from telemetry.truth.models import ChannelDay

HOUR, DAY = 3600, 86_400


def explain(day: ChannelDay) -> list[str]:
    """Return a sentence for each finding of a day."""
    texts = {
        findings.SCALE: lambda: _(
            "About a thousand times or a thousandth of the usual value: is the unit right?"
        ),
        findings.SIGN: lambda: _(
            "Negative, or counting backwards: is the direction of the meter right?"
        ),
        findings.STUCK: lambda: (
            _("The same value for %(time)s.") % {"time": duration(day.stuck_seconds)}
        ),
        findings.RESETS: lambda: (
            ngettext(
                "The counter fell once: was the meter replaced?",
                "The counter fell %(number)d times: was the meter replaced?",
                day.falls,
            )
            % {"number": day.falls}
        ),
        findings.LATE: lambda: (
            _("One value in twenty comes more than %(time)s late.")
            % {"time": duration(day.lateness_p95 or 0)}
        ),
        findings.CLOCK: lambda: (
            _("The clock is %(time)s ahead.") % {"time": duration(-(day.clock_offset or 0))}
        ),
        findings.DRIFT: lambda: (
            _("The clock moved by %(time)s since the day before.")
            % {"time": duration(abs(day.clock_drift or 0))}
        ),
        findings.GAPS: lambda: (
            ngettext("One gap of %(time)s.", "%(number)d gaps, the longest %(time)s.", day.gaps)
            % {"number": day.gaps, "time": duration(day.longest_gap_seconds)}
        ),
    }
    return [texts[code]() for code in day.findings if code in texts]


def duration(seconds: float) -> str:
    """Return a length of time in its largest fitting unit: 40 s, 12 min, 3 h, 2 d.

    >>> duration(40), duration(720)
    ('40 s', '12 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return _("%(number).0f d") % {"number": seconds / DAY}
