"""How long ago something was, in words that the browser can go on counting."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def describe_age(seconds: float) -> str:
    """Say an age in the active language; static/ui/js/age.js says the same words."""
    if seconds < 1:
        return _("just now")
    if seconds < MINUTE:
        return _("%(n)s s ago") % {"n": int(seconds)}
    if seconds < HOUR:
        return _("%(n)s min ago") % {"n": int(seconds // MINUTE)}
    if seconds < DAY:
        return _("%(n)s h ago") % {"n": int(seconds // HOUR)}
    return _("%(n)s d ago") % {"n": int(seconds // DAY)}


def seconds_between(earlier: dt.datetime, now: dt.datetime) -> float:
    """Return the age of a moment; never negative, because device clocks run ahead."""
    return max(0.0, (now - earlier).total_seconds())
