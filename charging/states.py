"""The state machine of a connector: which changes there are, and what was skipped between two.

Pure: states are the numbers of `charging.models.ConnectorState`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum


class S(IntEnum):
    """The states of the controller."""

    RECOVERING = 0
    IDLE = 1
    CABLE = 2
    CONNECTED = 3
    READY = 4
    CHARGING = 5
    PAUSED = 6
    STOPPED = 7
    FAULT = 8


KNOWN = frozenset(int(state) for state in S)
EDGES = frozenset({
    (1, 2), (2, 1), (2, 3), (3, 1), (3, 4), (3, 5), (1, 5), (4, 5), (4, 8), (5, 6), (5, 7),
    (5, 1), (6, 4), (6, 5), (6, 7), (6, 1), (7, 1), (8, 0), (8, 1), (0, 1),
    *((state, 8) for state in range(8)),
})  # fmt: skip
# unplugging last: of two ways of one length the one on which the cable stays is likelier
_NEXT = {
    state: sorted((to for begin, to in EDGES if begin == state), key=lambda to: (to == S.IDLE, to))
    for state in KNOWN
}
_TROUBLE = frozenset({S.FAULT, S.RECOVERING})
_AFTER_CHARGING = frozenset({S.PAUSED, S.STOPPED})


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state. `is_inferred`: nobody saw it. `is_known`: the machine has this edge."""

    begin: int
    end: int
    is_inferred: bool = False
    is_known: bool = True


def steps_between(before: int | None, after: int, *, is_forced: bool = False) -> list[Step]:
    """Return the changes from one look to the next, in order.

    Between two looks states may have been skipped; the shortest way that the machine allows is
    inferred, never one through a fault, and through charging only to what follows charging.
    Where there is no such way the one change is unknown. A connector that was never seen has
    been free.

    Args: is_forced: a command has set the state, which proves nothing of those between.

    >>> [(step.begin, step.end, step.is_inferred) for step in steps_between(1, 3)]
    [(1, 2, True), (2, 3, False)]
    """
    begin = int(S.IDLE) if before is None else before
    if begin == after:
        return []
    if (begin, after) in EDGES:
        return [Step(begin, after, is_inferred=before is None)]
    way = None if is_forced else _way(begin, after)
    if way is None:
        return [Step(begin, after, is_known=is_forced)]
    return [
        Step(one, other, is_inferred=other != after or before is None)
        for one, other in zip(way, way[1:], strict=False)
    ]


def _way(begin: int, end: int) -> list[int] | None:
    barred = set(_TROUBLE) | {begin}
    if end not in _AFTER_CHARGING:
        barred.add(S.CHARGING)
    waiting = deque([[begin]])
    while waiting:
        way = waiting.popleft()
        for state in _NEXT.get(way[-1], ()):
            if state == end:
                return [*way, state]
            if state not in barred:
                barred.add(state)
                waiting.append([*way, state])
    return None
