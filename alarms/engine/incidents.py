"""Which alarm explains another: a gateway that is down hides its devices."""

from __future__ import annotations

import datetime as dt
import uuid

# so long may what was explained take to come back after what explained it has ended
GRACE = dt.timedelta(seconds=60)
GATEWAY_OFFLINE = "gateway_offline"
DEVICE_OFFLINE = "device_offline"
NO_DATA = "no_data"
BROKER_DOWN = "broker_down"
SERVICE_DOWN = "service_down"
# codes of alarms that say no more than that nothing is heard
SILENCES = frozenset({DEVICE_OFFLINE, NO_DATA})


def system_key(check: str, subject: object) -> str:
    """Return the key of an alarm of the platform, such as `system:service_down:ingest`."""
    return f"system:{check}:{subject}"


# alarms of the platform while which nobody can be heard
DEAF = (
    system_key(BROKER_DOWN, "mqtt"),
    system_key(SERVICE_DOWN, "listener"),
    system_key(SERVICE_DOWN, "ingest"),
)
_OF_THE_PLATFORM = {
    system_key(SERVICE_DOWN, "listener"): (system_key(BROKER_DOWN, "mqtt"),),
    system_key("queue_depth", "ingest"): (system_key(SERVICE_DOWN, "ingest"),),
    system_key("queue_age", "ingest"): (system_key(SERVICE_DOWN, "ingest"),),
    system_key("ledger_lag", "metering"): (system_key(SERVICE_DOWN, "reactor_metering"),),
}


def explaining_keys(*, key: str, is_silence: bool, gateway_id: uuid.UUID | None) -> tuple[str, ...]:
    """Return the keys of alarms that would explain this one, the nearest first.

    Those of `DEAF` belong to the platform, the others to the tenant of the alarm.
    """
    if key in _OF_THE_PLATFORM:
        return _OF_THE_PLATFORM[key]
    if key.startswith(system_key(GATEWAY_OFFLINE, "")):
        return DEAF
    if not is_silence:
        return ()
    nearest = () if gateway_id is None else (system_key(GATEWAY_OFFLINE, gateway_id),)
    return (*nearest, *DEAF)


def explained_gateway(key: str) -> uuid.UUID | None:
    """Return the gateway whose devices an alarm explains; None for other alarms."""
    prefix = system_key(GATEWAY_OFFLINE, "")
    return uuid.UUID(key.removeprefix(prefix)) if key.startswith(prefix) else None
