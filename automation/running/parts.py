"""The parts of the process that acts."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Protocol

from django.db import InterfaceError, OperationalError
from prometheus_client import Counter

from automation.running.clock import Clock
from automation.running.events import Events
from automation.running.executor import Executor
from automation.running.guards import Guards

logger = logging.getLogger(__name__)

FAILED = Counter("energy_automation_failed_rounds", "Rounds of a part that failed", ["part"])
_REST = dt.timedelta(seconds=1)


class Part(Protocol):
    """Something that is given its turn again and again."""

    def round(self, now: dt.datetime) -> bool:
        """Work for half a second at most; True if more waits."""


class Guarded:
    """A part whose failure leaves the others alone: it rests for a second."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._rests_until = dt.datetime.min.replace(tzinfo=dt.UTC)

    def round(self, now: dt.datetime) -> bool:
        """Give the part its turn. Raises: what says that the database does not answer."""
        if now < self._rests_until <= now + _REST:
            return False
        try:
            return self._part.round(now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            name = type(self._part).__name__
            logger.exception("A round of %s failed, going on", name)
            FAILED.labels(name).inc()
            self._rests_until = now + _REST
            return False


def make_parts() -> list[Part]:
    """Return the parts, those first on which others wait."""
    return [Guarded(part) for part in (Clock(), Events(), Executor(), Guards())]
