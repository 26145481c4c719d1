"""What the processes that drive wires must do, over all tenants; the number of queries is fixed."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import DeviceProfile, Lifecycle, ModbusBus, ModbusUnit, SerialLine
from devices.wires.modbus.config import (
    KIND_TCP,
    LINE_REQUEST_GAP_SECONDS,
    LINE_UNIT_GAP_SECONDS,
    BusConfig,
    LineConfig,
    UnitConfig,
)

MOST_GAP_MS = 5000
POLLER_PROCESS, BRIDGE_PROCESS = "modbus_poller", "serial_bridge"
# The newest numbers of the tables of changes that the database keeps. A transaction that
# commits late comes with a lower number, so the sum of the last ones tells more than the newest.
_CHANGES = """
SELECT coalesce((SELECT sum(pgh_id) FROM (
        SELECT pgh_id FROM devices_modbusbuschange ORDER BY pgh_id DESC LIMIT 64) AS last), 0),
    coalesce((SELECT sum(pgh_id) FROM (
        SELECT pgh_id FROM devices_modbusunitchange ORDER BY pgh_id DESC LIMIT 64) AS last), 0),
    coalesce((SELECT sum(pgh_id) FROM (
        SELECT pgh_id FROM devices_deviceprofilechange ORDER BY pgh_id DESC LIMIT 64) AS last), 0),
    coalesce((SELECT sum(pgh_id) FROM (
        SELECT pgh_id FROM devices_devicechange ORDER BY pgh_id DESC LIMIT 64) AS last), 0)
"""


def load_buses(*, poller: str) -> dict[uuid.UUID, BusConfig]:
    """Return the buses that are switched on and belong to this instance, with their units.

    Units of decommissioned devices are left out. Three queries, however many there are.
    """
    with all_tenants():
        buses = list(ModbusBus.objects.filter(poller=poller, is_enabled=True).order_by("id"))
        units = (
            ModbusUnit.objects.filter(bus__in=[bus.id for bus in buses], is_enabled=True)
            .exclude(device__lifecycle=Lifecycle.DECOMMISSIONED)
            .select_related("device")
            .only(
                "tenant_id", "device_id", "bus_id", "unit_id", "register_map", "fast_seconds",
                "slow_seconds", "is_reversed", "device__tenant_id", "device__profile_id",
            )
            .order_by("bus_id", "unit_id")
        )  # fmt: skip
        maps = _maps_of_profiles({unit.device.profile_id for unit in units})
        behind: dict[uuid.UUID, list[UnitConfig]] = {}
        for unit in units:
            behind.setdefault(unit.bus_id, []).append(_unit_config(unit, maps))
    return {bus.id: _bus_config(bus, tuple(behind.get(bus.id, ()))) for bus in buses}


def read_change_marks() -> tuple[int, ...]:
    """Return numbers that differ once somebody changed a bus, a unit, a device or a profile."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES)
        return tuple(map(int, cursor.fetchone()))


def wire_processes() -> frozenset[str]:
    """Return the names of the processes without which a wire that is switched on is silent."""
    with all_tenants():
        needed = {
            POLLER_PROCESS: ModbusBus.objects.filter(is_enabled=True).exists(),
            BRIDGE_PROCESS: SerialLine.objects.filter(is_enabled=True).exists(),
        }
    return frozenset(name for name, is_needed in needed.items() if is_needed)


def _maps_of_profiles(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Return each map once: hundreds of units share the one of their profile."""
    rows = DeviceProfile.objects.filter(id__in=ids).values_list("id", "register_map")
    return {id_: _json(register_map) for id_, register_map in rows}


def _json(register_map: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(register_map, order="sorted")


def _unit_config(unit: ModbusUnit, maps: Mapping[uuid.UUID, bytes]) -> UnitConfig:
    own = unit.register_map
    return UnitConfig(
        id=unit.id, tenant_id=unit.tenant_id, device_id=unit.device_id, unit=unit.unit_id,
        fast_seconds=unit.fast_seconds, slow_seconds=unit.slow_seconds,
        is_reversed=unit.is_reversed, map_json=_json(own) if own else maps[unit.device.profile_id],
    )  # fmt: skip


def _bus_config(bus: ModbusBus, units: tuple[UnitConfig, ...]) -> BusConfig:
    return BusConfig(bus.id, bus.tenant_id, bus.name, _line_config(bus, units), units)


def _line_config(bus: ModbusBus, units: tuple[UnitConfig, ...]) -> LineConfig:
    is_line = bus.kind != KIND_TCP
    # over TCP the gateway keeps the pauses that the maps of its units want
    wanted = [_gaps_of(unit.map_json) for unit in units] if is_line else []
    request_gap = _gap(bus.request_gap_ms, LINE_REQUEST_GAP_SECONDS, is_line=is_line)
    unit_gap = _gap(bus.unit_gap_ms, LINE_UNIT_GAP_SECONDS, is_line=is_line)
    return LineConfig(
        kind=bus.kind, host=bus.host, port=bus.port, serial_port=bus.serial_port,
        baudrate=bus.baudrate, parity=bus.parity, stop_bits=bus.stop_bits,
        timeout_seconds=bus.timeout_ms / 1000, retries=bus.retries,
        request_gap_seconds=max([request_gap, *(gaps[0] for gaps in wanted)]),
        unit_gap_seconds=max([unit_gap, *(gaps[1] for gaps in wanted)]),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _gaps_of(map_json: bytes) -> tuple[float, float]:
    """Return the pauses in seconds that a map states, between requests and between units."""
    found = msgspec.json.decode(map_json)
    given = (
        found.get(name) if isinstance(found, dict) else None
        for name in ("request_gap_ms", "unit_gap_ms")
    )
    first, second = (
        one / 1000 if type(one) is int and 0 <= one <= MOST_GAP_MS else 0.0 for one in given
    )
    return first, second


def _gap(milliseconds: int | None, on_a_line: float, *, is_line: bool) -> float:
    if milliseconds is not None:
        return milliseconds / 1000
    return on_a_line if is_line else 0.0
