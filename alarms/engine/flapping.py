"""Whether something comes and goes so often that nobody wants to be told each time.

A key that was raised five times within an hour is locked until it has been quiet for an
hour. That follows from the moments at which it was raised, in whatever order they are given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

RAISED_TIMES = 5
WITHIN = dt.timedelta(minutes=60)
QUIET_FOR = dt.timedelta(minutes=60)


def locked_until(raised: Iterable[dt.datetime], *, at: dt.datetime) -> dt.datetime | None:
    """Return the end of the lock that holds at a moment if nothing more comes, else None."""
    moments = sorted({moment for moment in raised if moment <= at})
    until: dt.datetime | None = None
    for place, moment in enumerate(moments):
        if until is not None and moment >= until:
            until = None
        first = place - RAISED_TIMES + 1
        is_often = first >= 0 and moment - moments[first] <= WITHIN
        if until is not None or is_often:
            until = moment + QUIET_FOR
    return until if until is not None and at < until else None
