"""Rollup rows as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# start: µs since 1970 UTC · sum: NaN where no number can hold it · first_time, last_time:
# µs since 1970 UTC of the first and last usable sample
ROLLUP_DTYPE = np.dtype(
    [
        ("channel", "<i4"),
        ("start", "<i8"),
        ("count", "<i4"),
        ("sum", "<f8"),
        ("minimum", "<f8"),
        ("maximum", "<f8"),
        ("first", "<f8"),
        ("last", "<f8"),
        ("first_time", "<i8"),
        ("last_time", "<i8"),
        ("good", "<i4"),
    ]
)
# the same with `day`, days since 1970, a date of the channel's site
DAY_DTYPE = np.dtype(
    [("day", "<i4") if name == "start" else (name, ROLLUP_DTYPE[name]) for name in
     ROLLUP_DTYPE.names or ()]
)  # fmt: skip

RollupBatch = NDArray[np.void]
DayBatch = NDArray[np.void]
