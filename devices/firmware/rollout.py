"""How a campaign proceeds: sizes of waves, when one is over, when too much has failed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

CANARY_FAILURES = 2
MAX_WAVES = 20
MIN_ENDED = 5  # fewer devices make no rate
# seconds after which a state is over, whatever the device does
DEADLINES = {"offered": 900, "downloading": 3600, "downloaded": 3600, "installing": 1800}
ROLLBACKS_RETRIED = 1
RETRY_SECONDS = 60
_SIZE = re.compile(r"(\d{1,6})(%?)", re.ASCII)


class BadWaves(ValueError):
    """Sizes of waves that mean nothing."""


@dataclass(frozen=True, slots=True)
class WaveCount:
    """How many devices of a wave are where.

    `failed` have ended so, `troubled` had a try that failed and have not ended; `waiting` are
    pending and can be reached, `away` are pending and cannot.
    """

    wave: int
    done: int = 0
    failed: int = 0
    skipped: int = 0
    active: int = 0
    waiting: int = 0
    away: int = 0
    troubled: int = 0

    @property
    def total(self) -> int:
        """All devices of the wave."""
        return self.done + self.failed + self.skipped + self.active + self.waiting + self.away

    @property
    def is_open(self) -> bool:
        """Tell whether some of them have not ended."""
        return bool(self.active + self.waiting + self.away)


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a campaign must not go on."""

    code: str
    failures: int
    of: int


def plan_waves(total: int, *, canary: str, sizes: Sequence[str]) -> list[int]:
    """Return the number of devices of each wave, the canary first; the rest is the last wave.

    Args: canary, sizes: a number, or a share of all such as "10%".

    >>> plan_waves(100, canary="2", sizes=["10%", "50%"])
    [2, 10, 50, 38]

    Raises: BadWaves.
    """
    if len(sizes) >= MAX_WAVES:
        raise BadWaves(f"At most {MAX_WAVES} waves.")
    found: list[int] = []
    for text in (canary, *sizes):
        size = min(_read_size(text, total), total - sum(found))
        if size:
            found.append(size)
    if sum(found) < total:
        found.append(total - sum(found))
    return found


def is_wave_over(count: WaveCount) -> bool:
    """Tell whether the next wave may come: nobody is under way or could be.

    Devices that are away stay pending and hold up nobody, but the canary needs one success.
    """
    if count.active or count.waiting:
        return False
    return count.wave > 0 or count.done > 0 or not count.is_open


def find_halt(
    counts: Sequence[WaveCount], *, current_wave: int, halt_percent: int, forgiven: int
) -> Halt | None:
    """Return why a campaign must stop: two canaries in trouble, none well, or the rate.

    Args: forgiven: failures that somebody has accepted by going on.
    """
    canary = next((count for count in counts if count.wave == 0), WaveCount(0))
    ended = canary.done + canary.failed
    if current_wave == 0:
        troubled = canary.failed + canary.troubled
        if troubled - forgiven >= CANARY_FAILURES:
            return Halt("canary_failures", troubled, canary.total)
        if ended and not canary.done and not canary.is_open and canary.failed > forgiven:
            return Halt("canary_failed", canary.failed, canary.total)
        return None
    failed = sum(count.failed for count in counts)
    ended = failed + sum(count.done for count in counts)
    new = failed - forgiven
    if new > 0 and ended >= MIN_ENDED and new * 100 >= halt_percent * ended:
        return Halt("failure_rate", failed, ended)
    return None


def failures_of(counts: Sequence[WaveCount]) -> int:
    """Return what somebody accepts who goes on after a halt."""
    return sum(count.failed + count.troubled for count in counts)


def _read_size(text: str, total: int) -> int:
    found = _SIZE.fullmatch(text.strip())
    number = int(found[1]) if found else 0
    if not found or number < 1 or (found[2] and number > 100):
        raise BadWaves(f"{text[:20]!r}: write a number of devices, or a share such as 10%.")
    return math.ceil(total * number / 100) if found[2] else number
