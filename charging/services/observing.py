"""What bridges hear of connectors becomes states, events and sessions."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum

from charging.models import ChargingEvent
from charging.observation import Observation


class Link(StrEnum):
    """The link of a bridge to a controller, as it changes."""

    CONNECTED = "connected"
    STALE = "stale"
    LOST = "lost"


class Outcome(StrEnum):
    """What became of a command that was not done."""

    TIMEOUT = "timeout"
    REJECTED = "rejected"


def observe(*, connector_id: uuid.UUID, seen: Observation, now: dt.datetime) -> list[ChargingEvent]:
    """Compare a look with what is known, keep the difference, and return the events of it.

    Within the scope of the connector's tenant (`tenant_scope(line.tenant_id)`). The same look
    twice changes nothing; one that is older than the last is counted and changes nothing.

    Raises: Connector.DoesNotExist.
    """
    raise NotImplementedError


def note_link(
    *, connector_id: uuid.UUID, link: Link, at: dt.datetime, now: dt.datetime, detail: str = ""
) -> None:
    """Keep that the link to the controller changed; in the scope of the tenant."""
    raise NotImplementedError


def note_command(
    *,
    connector_id: uuid.UUID,
    name: str,
    outcome: Outcome,
    at: dt.datetime,
    now: dt.datetime,
    code: str = "",
    detail: str = "",
) -> None:
    """Keep that a command was refused or not answered; in the scope of the tenant.

    A permission that never reached the controller ends its session.
    """
    raise NotImplementedError
