"""The life of a command: which states there are and which may follow which.

A state that has ended never changes again. What a device says late is kept in the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a command stands."""

    QUEUED = "queued"  # waits to be sent
    SENT = "sent"  # the broker took it; nothing is known of the device
    ACK = "ack"  # the device says that it has it
    DONE = "done"
    NO_EFFECT = "no_effect"  # the device did it and saw no effect
    ERROR = "error"
    INVALID = "invalid"  # refused: by us before it left, or by the device
    BUSY = "busy"
    TIMEOUT = "timeout"  # sent, and no last word in time
    SEND_FAILED = "send_failed"
    EXPIRED = "expired"  # never left in time
    CANCELLED = "cancelled"


_ANSWERS = frozenset({State.DONE, State.NO_EFFECT, State.ERROR, State.INVALID, State.BUSY})

# An answer may overtake the note that the command was sent, so QUEUED leads everywhere.
NEXT: Mapping[State, frozenset[State]] = {
    State.QUEUED: _ANSWERS
    | {State.SENT, State.ACK, State.SEND_FAILED, State.EXPIRED, State.CANCELLED},
    State.SENT: _ANSWERS | {State.ACK, State.TIMEOUT, State.EXPIRED},
    State.ACK: _ANSWERS | {State.TIMEOUT},
}
OPEN = frozenset(NEXT)
ENDED = frozenset(State) - OPEN
FAILED = ENDED - {State.DONE, State.CANCELLED}

# devices use many words; `received` says that it has arrived, not that it will be done
RECEIVED = "received"
_WORDS: Mapping[str, State] = {
    **dict.fromkeys(
        ("ack", "acked", "accepted", "received", "delivered", "pending", "queued", "started",
         "running", "executing", "in_progress"),
        State.ACK,
    ),
    **dict.fromkeys(
        ("done", "ok", "success", "succeeded", "completed", "complete", "executed", "applied",
         "true", "1"),
        State.DONE,
    ),
    **dict.fromkeys(("no_effect", "noop", "unchanged"), State.NO_EFFECT),
    **dict.fromkeys(
        ("error", "failed", "fail", "failure", "nack", "nok", "false", "0", "exception", "aborted"),
        State.ERROR,
    ),
    **dict.fromkeys(
        ("invalid", "rejected", "refused", "denied", "unsupported", "bad_request",
         "invalid_signature", "invalid_hmac_format", "timestamp_expired"),
        State.INVALID,
    ),
    **dict.fromkeys(("busy", "locked", "overloaded"), State.BUSY),
    **dict.fromkeys(("expired", "too_late"), State.EXPIRED),
    **dict.fromkeys(("timeout", "timed_out"), State.ERROR),
}  # fmt: skip
_ARRIVED = {"received", "delivered", "queued", "pending"}

# what people and programs outside see
PUBLIC: Mapping[State, str] = {
    State.QUEUED: "queued",
    State.SENT: "sent",
    State.ACK: "acked",
    State.DONE: "succeeded",
    State.NO_EFFECT: "failed",
    State.ERROR: "failed",
    State.INVALID: "rejected",
    State.BUSY: "failed",
    State.TIMEOUT: "failed",
    State.SEND_FAILED: "failed",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
}
PUBLIC_STATES = (
    "queued", "sent", "delivered", "acked", "succeeded", "failed", "expired", "cancelled",
    "rejected",
)  # fmt: skip


def may_follow(current: State, new: State) -> bool:
    """Tell whether a command may go from one state to another."""
    return new in NEXT.get(current, frozenset())


def before(new: State) -> list[str]:
    """Return the states that a command may leave for a new one, for a condition in SQL."""
    return sorted(state.value for state, following in NEXT.items() if new in following)


def read_word(word: object) -> tuple[State, str] | None:
    """Turn a device's word into a state and, for an arrival only, the code "received".

    >>> read_word("NACK"), read_word("received"), read_word("?")
    ((<State.ERROR: 'error'>, ''), (<State.ACK: 'ack'>, 'received'), None)
    """
    plain = str(word).strip().lower().replace("-", "_").replace(" ", "_")
    state = _WORDS.get(plain)
    if state is None:
        return None
    return state, RECEIVED if plain in _ARRIVED else ""


def public_state(state: str, code: str) -> str:
    """Return the state as the API names it: `delivered` until the device accepts it."""
    if state == State.ACK and code == RECEIVED:
        return "delivered"
    return PUBLIC[State(state)]
