"""A connector that is looked at, and what came of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from charging.models import ChargingEvent, ChargingSession, Connector
from charging.observation import Observation
from charging.services.observing import observe
from tests.conftest import Team
from tests.factories import NOW

COMMANDS = [
    {"name": "charge_start", "effect": "on", "actuator": "charging"},
    {"name": "charge_stop", "effect": "off", "actuator": "charging"},
    {
        "name": "set_current_limit", "effect": "set", "actuator": "current_limit",
        "params": [{"name": "amps", "type": "integer", "unit": "A", "min": 6, "max": 32,
                    "measures": "value", "required": True}],
    },
    {"name": "lock", "effect": "none"},
    {"name": "unlock", "effect": "none"},
    {"name": "read_status", "effect": "read"},
]  # fmt: skip


def at(seconds: float) -> dt.datetime:
    """Return a moment so many seconds after `NOW`."""
    return NOW + dt.timedelta(seconds=seconds)


@dataclass
class Place:
    """A connector of a team."""

    red: Team
    connector: Connector

    def look(self, seconds: float, state: int | None = None, **seen: Any) -> list[str]:
        """Let a bridge see a state; return the kinds of events, inferred ones in brackets."""
        relay = {} if state is None else {"is_relay_on": state in (4, 5)}
        look = Observation(at=at(seconds), state=state, **{**relay, **seen})
        with self.red.scope():
            kept = observe(connector_id=self.connector.id, seen=look, now=at(seconds))
        return [f"({one.kind})" if one.is_inferred else one.kind for one in kept]

    def go(self, *states: int, start: float = 0, step: float = 1) -> list[str]:
        """Let a bridge see states one after the other."""
        found = []
        for number, state in enumerate(states):
            found += self.look(start + number * step, state)
        return found

    def kinds(self) -> list[str]:
        """Return all events in their order."""
        with self.red.scope():
            return list(ChargingEvent.objects.order_by("order").values_list("kind", flat=True))

    def sessions(self) -> list[ChargingSession]:
        """Return all sessions, the first one first."""
        with self.red.scope():
            rows = ChargingSession.objects.select_related("connector__charge_point", "id_tag")
            return list(rows.order_by("started_at", "id"))

    def fresh(self) -> Connector:
        """Return the connector as it is kept."""
        with self.red.scope():
            rows = Connector.objects.select_related("charge_point__device", "charge_point__site")
            return rows.get(id=self.connector.id)
