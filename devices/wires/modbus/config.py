"""What a poller drives, as it stood in the database: equal configurations are not restarted."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

KIND_TCP, KIND_RTU_OVER_TCP, KIND_RTU = "tcp", "rtu_tcp", "rtu"
# what a line needs between frames unless staff said otherwise
LINE_REQUEST_GAP_SECONDS = 0.03
LINE_UNIT_GAP_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class UnitConfig:
    """A device behind a bus. `map_json`: its register map, as JSON with sorted keys."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    device_id: uuid.UUID
    unit: int
    fast_seconds: float
    slow_seconds: float
    is_reversed: bool
    map_json: bytes


@dataclass(frozen=True, slots=True)
class LineConfig:
    """Where a bus is and how it is spoken to; what differs here begins a new connection."""

    kind: str
    host: str
    port: int
    serial_port: str
    baudrate: int
    parity: str
    stop_bits: int
    timeout_seconds: float
    retries: int
    request_gap_seconds: float
    unit_gap_seconds: float


@dataclass(frozen=True, slots=True)
class BusConfig:
    """A bus and the units behind it, by unit number."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    name: str
    line: LineConfig
    units: tuple[UnitConfig, ...]
