"""People and programs that start, stop and limit charging; all goes through `queue_command`."""

from __future__ import annotations

import datetime as dt

from charging.models import Connector
from devices.services.commanders import Commander
from devices.services.commands import Queued


def start_charging(
    *,
    actor: Commander,
    connector: Connector,
    idempotency_key: str,
    now: dt.datetime,
    tag_uid: str = "",
) -> Queued:
    """Permit charging; the vehicle decides when it begins.

    The same key again returns the first command. Raises: ChargingRefused, and what
    `queue_command` raises.
    """
    raise NotImplementedError


def stop_charging(
    *,
    actor: Commander,
    connector: Connector,
    idempotency_key: str,
    now: dt.datetime,
    tag_uid: str = "",
) -> Queued:
    """End charging, or take the permission back. Raises: ChargingRefused."""
    raise NotImplementedError


def set_current_limit(
    *, actor: Commander, connector: Connector, amps: int, idempotency_key: str, now: dt.datetime
) -> Queued:
    """Set how much a vehicle may draw. Args: amps: 6 to the largest. Raises: ChargingRefused."""
    raise NotImplementedError


def lock_connector(
    *, actor: Commander, connector: Connector, idempotency_key: str, now: dt.datetime
) -> Queued:
    """Lock the plug. Raises: ChargingRefused."""
    raise NotImplementedError


def unlock_connector(
    *, actor: Commander, connector: Connector, idempotency_key: str, now: dt.datetime
) -> Queued:
    """Unlock the plug; not while charging. Raises: ChargingRefused."""
    raise NotImplementedError
