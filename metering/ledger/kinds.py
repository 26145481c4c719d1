"""Names of what the ledger does and decides; the numbers are stored and never change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from metering.series import QUARTER_US

# A stretch between two accepted samples. start, end: µs since 1970 UTC · begin, finish: the
# register there, millionths · amount: what is booked · grade: metering.series.Grade ·
# method: Method
STEP_DTYPE = np.dtype(
    [("start", "<i8"), ("end", "<i8"), ("begin", "<i8"), ("finish", "<i8"), ("amount", "<i8"),
     ("grade", "i1"), ("method", "i1")]
)  # fmt: skip
Steps = NDArray[np.void]

# A quarter hour. number: since 1970 UTC · amount = finish - begin + adjustment, where there
# is a register (`has_register`) · is_open: more of it may follow
ENTRY_DTYPE = np.dtype(
    [("number", "<i8"), ("amount", "<i8"), ("begin", "<i8"), ("finish", "<i8"),
     ("adjustment", "<i8"), ("grade", "i1"), ("method", "i1"), ("has_register", "?"),
     ("is_open", "?")]
)  # fmt: skip
Entries = NDArray[np.void]

LOOKAHEAD = 5  # samples that a judgement of one may depend on
CONFIRMING = 2  # further samples that show a new level is no slip
DAY_US = 96 * QUARTER_US
SCALES = (1_000, 1_000_000)  # Wh instead of kWh, and of MWh


class Method(IntEnum):
    """How an amount was found; of several in one quarter the highest is told."""

    REGISTER = 0
    SHARED = 1  # of a longer interval, evenly
    POWER = 2
    AMOUNT = 3
    ROLLOVER = 4
    RESET = 5
    SWAP = 6
    LINEAR = 7  # of a gap, evenly
    PROFILE = 8  # of a gap, as in the same hours of the weeks before
    BOOKED = 9  # by a person


class Judgement(StrEnum):
    """What was decided about samples that do not simply continue."""

    FIRST = "first"
    GLITCH = "glitch"
    SPIKE = "spike"
    OUTLIER = "outlier"
    ROLLOVER = "rollover"
    RESET = "reset"
    JUMP = "jump"
    SCALE = "scale"  # the register is sent in a smaller unit
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Decision:
    """One judgement, for people to read.

    `time`, `until`: µs of the first and last sample it is about. `before`, `after`: the
    register, millionths. `booked`: what was counted; `withheld`: what was neither counted nor
    thrown away. `count`: samples that were set aside.
    """

    kind: Judgement
    time: int
    until: int
    before: int
    after: int
    booked: int = 0
    withheld: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last accepted sample: µs UTC and register in millionths."""

    time: int
    register: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a register can do.

    `rate`: most it rises, millionths per second. `resolution`: its smallest step, millionths;
    a fall of no more is noise. `modulus`: where it starts again from zero, None if unknown.
    `shared_us`, `gap_us`: beyond such a time between two samples an amount is shared out, or
    estimated. `restarts`: µs at which the device is known to have started anew, sorted.
    """

    rate: float
    resolution: int = 2_000
    modulus: int | None = None
    shared_us: int = QUARTER_US
    gap_us: int = 2 * QUARTER_US
    restarts: tuple[int, ...] = ()
