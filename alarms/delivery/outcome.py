"""What came of handing a message over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_ERROR = 500


class Refused(Exception):
    """It will not be taken, however often it is tried."""


class NotTaken(Exception):
    """It was not taken this time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is noted of a try. gone: browsers that are no more; reached: those that have it."""

    error: str = ""
    is_final: bool = False
    gone: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Tell whether the other side has taken it."""
        return not self.error


Send = Callable[[], Outcome]


def attempt(send: Send) -> Outcome:
    """Hand over; whatever goes wrong is an outcome."""
    try:
        return send()
    except Refused as error:
        return Outcome(error=_words(error), is_final=True)
    except Exception as error:  # noqa: BLE001 (one message must not end the process)
        return Outcome(error=_words(error))


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:MAX_ERROR]
