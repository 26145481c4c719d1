"""Wires as they were last seen: for the page of a device, the API and the admin."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from devices.models import Device, ModbusBus, ModbusUnit, SerialLine, WireState

MODBUS, SERIAL = "modbus", "serial"


@dataclass(frozen=True, slots=True)
class WireView:
    """The wire of a device and how it was last seen; without addresses of the inside network.

    `name` is that of the bus or "", `unit` the number on it, `protocol` that of a serial line.
    `is_enabled` is False also when the whole bus is switched off.
    """

    kind: str
    name: str
    unit: int | None
    protocol: str
    is_enabled: bool
    state: str
    code: str
    detail: str
    since: dt.datetime | None
    fast_seconds: float | None = None
    slow_seconds: float | None = None
    firmware: str = ""
    identity: dict[str, Any] | None = None
    bus_state: str = ""
    bus_since: dt.datetime | None = None

    @property
    def label(self) -> str:
        """Say the state in the reader's language."""
        return str(WireState(self.state).label)

    @property
    def protocol_label(self) -> str:
        """Name the protocol of a serial line, or how a bus is reached."""
        kinds = ModbusBus.Kind if self.kind == MODBUS else SerialLine.Protocol
        return str(kinds(self.protocol).label)

    @property
    def bus_label(self) -> str:
        """Say the state of the bus in the reader's language."""
        return str(WireState(self.bus_state).label) if self.bus_state else ""


def wire_of(device: Device) -> WireView | None:
    """Return the wire of a device; None for one that is heard over the network or a gateway."""
    unit = ModbusUnit.objects.select_related("bus").filter(device=device).first()
    if unit is not None:
        return _of_unit(unit)
    line = SerialLine.objects.filter(device=device).first()
    return _of_line(line) if line is not None else None


def has_wire(device_id: uuid.UUID) -> bool:
    """Tell whether a device is on a bus or a line of its own; one query."""
    is_on_one = Q(modbus_unit__isnull=False) | Q(serial_line__isnull=False)
    return Device.objects.filter(is_on_one, id=device_id).exists()


def address_of(bus: ModbusBus) -> str:
    """Say where a bus is, such as 10.0.0.5:502 or /dev/serial/by-id/… 9600 8N1; for staff."""
    if bus.kind == ModbusBus.Kind.RTU:
        return f"{bus.serial_port} {bus.baudrate} 8{bus.parity}{bus.stop_bits}"
    return f"{bus.host}:{bus.port}"


def _of_unit(unit: ModbusUnit) -> WireView:
    return WireView(
        kind=MODBUS,
        name=unit.bus.name,
        unit=unit.unit_id,
        protocol=unit.bus.kind,
        is_enabled=unit.is_enabled and unit.bus.is_enabled,
        state=unit.state,
        code=unit.state_code,
        detail=unit.state_detail,
        since=unit.state_at,
        fast_seconds=unit.fast_seconds,
        slow_seconds=unit.slow_seconds,
        identity=unit.identity,
        bus_state=unit.bus.state,
        bus_since=unit.bus.state_at,
    )


def _of_line(line: SerialLine) -> WireView:
    return WireView(
        kind=SERIAL,
        name="",
        unit=None,
        protocol=line.protocol,
        is_enabled=line.is_enabled,
        state=line.state,
        code=line.state_code,
        # what was written down names addresses and processes, which are for staff
        detail=str(WireState(line.state).label) if line.state_code else "",
        since=line.state_at,
        firmware=line.firmware,
    )
