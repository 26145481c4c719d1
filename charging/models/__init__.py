"""Tables of charging."""

from charging.models import history  # noqa: F401 (adds its tables)
from charging.models.session import (
    OPEN_SESSION,
    ChargingEvent,
    ChargingSession,
    EndReason,
    EventSubscriber,
    SessionState,
)
from charging.models.station import (
    ChargePoint,
    ChargingPrice,
    Connector,
    ConnectorState,
    IdTag,
)

__all__ = [
    "OPEN_SESSION",
    "ChargePoint",
    "ChargingEvent",
    "ChargingPrice",
    "ChargingSession",
    "Connector",
    "ConnectorState",
    "EndReason",
    "EventSubscriber",
    "IdTag",
    "SessionState",
]
