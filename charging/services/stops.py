"""Whether somebody ordered a stop, by whichever way it went to the controller."""

from __future__ import annotations

import datetime as dt

from charging.models import Connector
from devices.command_states import State
from devices.models import Command

STOP = "charge_stop"
STOP_HOLDS = dt.timedelta(seconds=60)  # from the wish to what the controller does of it
_NEVER_DONE = (State.EXPIRED.value, State.CANCELLED.value, State.INVALID.value)


def is_stop_ordered(connector: Connector, *, since: dt.datetime) -> bool:
    """Tell whether a stop was ordered since a moment that may have reached the controller.

    Emergency stops, rules and programs order it from the device, without a word to charging;
    so the orders count, not the events.
    """
    rows = Command.objects.filter(
        device_id=connector.charge_point.device_id, name=STOP, requested_at__gte=since
    )
    return rows.exclude(state__in=_NEVER_DONE).exists()
