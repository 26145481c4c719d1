"""Many notes to one target become few messages, and none is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a target is to be told; `key` names it."""

    key: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Message:
    """Notes that go out together at a time."""

    at: dt.datetime
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a target is written to.

    gather: how long the first note waits for others. most: messages in any `within`; what is
    more waits and goes out together.
    """

    gather: dt.timedelta = dt.timedelta()
    most: int = 10
    within: dt.timedelta = dt.timedelta(hours=1)


def plan_messages(
    notes: Sequence[Note], pace: Pace, *, sent: Sequence[dt.datetime] = ()
) -> list[Message]:
    """Put the notes of one target into messages, in the order of time.

    Args:
        sent: when earlier messages went to it.
    """
    times = sorted(sent)
    messages: list[Message] = []
    waiting = sorted(notes, key=lambda note: (note.at, note.key))
    while waiting:
        at = max(waiting[0].at + pace.gather, _earliest(times, pace), _last(messages))
        together = tuple(note for note in waiting if note.at <= at)
        messages.append(Message(at, together))
        waiting = waiting[len(together) :]
        times.append(at)
    return messages


def _earliest(times: Sequence[dt.datetime], pace: Pace) -> dt.datetime:
    """Return when the next message may go out after those."""
    if len(times) < pace.most:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return times[-pace.most] + pace.within


def _last(messages: Sequence[Message]) -> dt.datetime:
    return messages[-1].at if messages else dt.datetime.min.replace(tzinfo=dt.UTC)
