"""What a look at all samples of a channel at once finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alarms.engine.fold import NOTHING, Episode, episodes, fold, look_ahead
from alarms.rules.compiled import Compiled


def try_on(
    rule: Compiled, times: NDArray[np.int64], values: NDArray[np.float64], *, until: int
) -> list[Episode]:
    """Return the alarms that there would have been.

    Args:
        times, values: of one channel in order; values as `against` makes them where the rule
            compares with last week.
        until: µs; what begins later is not told.
    """
    levels = rule.judge.levels(times, values, None).tolist()
    rows = zip(times.tolist(), values.tolist(), levels, strict=True)
    state, events = fold(NOTHING, rows, rule.timing)
    return episodes(events + look_ahead(state, until, rule.timing)[1])
