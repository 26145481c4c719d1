"""Whose changes are kept; what a controller says of itself is no change by people."""

from __future__ import annotations

from accounts.models.history import keep_history
from charging.models.station import ChargePoint, ChargingPrice, Connector, IdTag

keep_history(ChargingPrice)
keep_history(ChargePoint)
keep_history(
    Connector,
    ignore=(
        "state", "state_since", "seen_at", "pilot", "fault", "current_limit_a", "cable_a",
        "is_locked", "is_relay_on", "is_authorised", "seen", "anomalies",
    ),
)  # fmt: skip
keep_history(IdTag)
