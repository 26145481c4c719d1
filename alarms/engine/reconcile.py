"""What to do with the alarms that are known, when samples were folded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alarms.engine.fold import Episode


class Known(NamedTuple):
    """An alarm that people may have seen. key: its own; the rest as in `Episode`."""

    key: int
    raised_at: int
    value: float
    cleared_at: int

    @property
    def episode(self) -> Episode:
        """Return what it says."""
        return Episode(self.raised_at, self.value, self.cleared_at)


class Steps(NamedTuple):
    """What makes the known alarms say what the samples say.

    added: alarms nobody knows yet. changed: what known ones say instead, by key; what people
    did with them stays. withdrawn: those that late samples prove wrong; they are kept, and
    said to be so.
    """

    added: list[Episode]
    changed: dict[int, Episode]
    withdrawn: list[int]


def reconcile(known: Sequence[Known], episodes: Sequence[Episode]) -> Steps:
    """Compare; an episode goes on being the first known alarm whose time it shares a part of.

    Args:
        known, episodes: each in the order of time, none overlapping another of its kind; both
            of the time since the fold was begun again, with the alarm that was open then.
    """
    steps = Steps([], {}, [])
    waiting = list(known)
    for episode in episodes:
        while waiting and waiting[0].cleared_at < episode.raised_at:
            steps.withdrawn.append(waiting.pop(0).key)
        if waiting and waiting[0].raised_at <= episode.cleared_at:
            same = waiting.pop(0)
            if same.episode != episode:
                steps.changed[same.key] = episode
        else:
            steps.added.append(episode)
    steps.withdrawn.extend(one.key for one in waiting)
    return steps
