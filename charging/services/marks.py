"""What a connector remembers from one look to the next, beside what it showed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from charging.models import Connector

NOTICED = "noticed"  # in `Connector.seen`
STATE_AT = "state_at"


def marks_of(connector: Connector) -> Mapping[str, Any]:
    """Return what was noticed so far."""
    found: Mapping[str, Any] = connector.seen.get(NOTICED, {})
    return found


def state_seen_at(connector: Connector) -> dt.datetime | None:
    """Return when its state was seen last; a card or a restart alone does not show it."""
    said = marks_of(connector).get(STATE_AT)
    if said:
        return dt.datetime.fromisoformat(said)
    return None if connector.state is None else connector.seen_at
