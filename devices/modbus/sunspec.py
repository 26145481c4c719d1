"""SunSpec: asks a device which models it has and where, and makes a register map of them.

A device holds the mark "SunS", then one model after another: number, length, registers. Each
number has a scale factor in a register of the same model, a power of ten that some inverters
change while they run; so the rows of the map name it and are read together with it.
Source of the layouts: github sunspec/models, commit 7abdf89.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from devices.modbus.errors import ModbusError, NoAnswer, Refused
from devices.modbus.types import STRING, decode

BASES = (40_000, 50_000, 0)
MARK = [0x5375, 0x6E53]  # "SunS"
HOLDING = 3
END = 0xFFFF
COMMON, CONTROLS = 1, 123
MOST_MODELS = 100
KINDS = {"inverter": (101, 102, 103), "meter": (201, 202, 203, 204)}
REVERT_SECONDS = 900

# metric, place of the value, type, place of its scale factor, factor to the unit, unit
_Point = tuple[str, int, str, int | None, float, str]
_INVERTER: tuple[_Point, ...] = (
    ("current_sum", 2, "uint16", 6, 1, "A"),
    *((f"current_l{n}", 2 + n, "uint16", 6, 1, "A") for n in (1, 2, 3)),
    *((name, 7 + n, "uint16", 13, 1, "V")
      for n, name in enumerate(("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"))),
    *((f"voltage_l{n}", 9 + n, "uint16", 13, 1, "V") for n in (1, 2, 3)),
    ("pv_active_power", 14, "int16", 15, 0.001, "kW"),
    ("frequency", 16, "uint16", 17, 1, "Hz"),
    ("power_apparent_total", 18, "int16", 19, 1, "VA"),
    ("power_reactive_total", 20, "int16", 21, 1, "var"),
    ("power_factor", 22, "int16", 23, 0.01, ""),
    ("pv_energy", 24, "acc32", 26, 0.001, "kWh"),
    ("pv_dc_current", 27, "uint16", 28, 1, "A"),
    ("pv_dc_voltage", 29, "uint16", 30, 1, "V"),
    ("pv_dc_power", 31, "int16", 32, 0.001, "kW"),
    ("inverter_temp", 33, "int16", 37, 1, "Cel"),
    ("inverter_state", 38, "enum16", None, 1, ""),
    ("inverter_events", 40, "bitfield32", None, 1, ""),
)  # fmt: skip
_METER: tuple[_Point, ...] = (
    ("current_sum", 2, "int16", 6, 1, "A"),
    *((f"current_l{n}", 2 + n, "int16", 6, 1, "A") for n in (1, 2, 3)),
    ("voltage_ln_avg", 7, "int16", 15, 1, "V"),
    *((f"voltage_l{n}", 7 + n, "int16", 15, 1, "V") for n in (1, 2, 3)),
    *((name, 12 + n, "int16", 15, 1, "V")
      for n, name in enumerate(("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"))),
    ("frequency", 16, "int16", 17, 1, "Hz"),
    ("power_active_total", 18, "int16", 22, 1, "W"),
    *((f"power_active_l{n}", 18 + n, "int16", 22, 1, "W") for n in (1, 2, 3)),
    ("power_apparent_total", 23, "int16", 27, 1, "VA"),
    *((f"power_apparent_l{n}", 23 + n, "int16", 27, 1, "VA") for n in (1, 2, 3)),
    ("power_reactive_total", 28, "int16", 32, 1, "var"),
    *((f"power_reactive_l{n}", 28 + n, "int16", 32, 1, "var") for n in (1, 2, 3)),
    ("power_factor_total", 33, "int16", 37, 0.01, ""),
    *((f"power_factor_l{n}", 33 + n, "int16", 37, 0.01, "") for n in (1, 2, 3)),
    ("energy_export", 38, "acc32", 54, 0.001, "kWh"),
    *((f"energy_export_l{n}", 38 + 2 * n, "acc32", 54, 0.001, "kWh") for n in (1, 2, 3)),
    ("energy_import", 46, "acc32", 54, 0.001, "kWh"),
    *((f"energy_import_l{n}", 46 + 2 * n, "acc32", 54, 0.001, "kWh") for n in (1, 2, 3)),
)  # fmt: skip
_POINTS = {"inverter": _INVERTER, "meter": _METER}
_IDENTITY = (("manufacturer", 2, 16), ("model", 18, 16), ("options", 34, 8), ("version", 42, 8),
             ("serial", 50, 16))  # fmt: skip


class NotSunSpec(ModbusError):
    """The device has no mark of SunSpec, or no model of the wanted kind."""


class Reads(Protocol):
    """What `Client` and whoever stands in for it can do."""

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        """Return words. Raises: ModbusError."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a device; `address` is that of its number, `length` without number and length."""

    number: int
    address: int
    length: int

    @property
    def end(self) -> int:
        return self.address + 2 + self.length


@dataclass(frozen=True, slots=True)
class SunSpecDevice:
    """What a device says it is; `identity` holds manufacturer, model, serial and so on."""

    base: int
    models: tuple[Model, ...]
    identity: dict[str, str]

    def model_of(self, *numbers: int) -> Model | None:
        """Return the first model that has one of the numbers."""
        return next((model for model in self.models if model.number in numbers), None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of which kinds a register map can be made."""
        return tuple(kind for kind, numbers in KINDS.items() if self.model_of(*numbers))


async def discover(client: Reads, unit: int) -> SunSpecDevice:
    """Look for the mark at the usual addresses and walk from model to model.

    Raises: NotSunSpec; ModbusError: the device could not be asked.
    """
    base = await _find_base(client, unit)
    models = tuple([model async for model in _walk(client, unit, base + 2)])
    if not models:
        raise NotSunSpec(f"The mark stands at {base}, but no model follows it.")
    device = SunSpecDevice(base, models, {})
    if common := device.model_of(COMMON):
        device.identity.update(await _read_identity(client, unit, common))
    return device


def map_of(
    device: SunSpecDevice, kind: str = "", *, revert_seconds: int = REVERT_SECONDS
) -> dict[str, Any]:
    """Return the register map of the first inverter or meter, in the form of `read_map`.

    Args: kind: "inverter" or "meter"; "" for what the device is. revert_seconds: after which an
        inverter leaves a limit by itself when nobody renews it.
    Raises: NotSunSpec: there is none.
    """
    kind = kind or next(iter(device.kinds), "inverter")
    model = device.model_of(*KINDS[kind])
    if model is None:
        found = ", ".join(str(each.number) for each in device.models)
        raise NotSunSpec(f"It has no model of the kind {kind}, only {found}.")
    found_map: dict[str, Any] = {
        "function": HOLDING,
        "max_block": 125,
        "max_gap": 124,
        "invalid": {"unsigned": "ones", "signed": "min"},
        "identity": dict(_identity_rows(device)),
        "registers": list(_rows(model, _POINTS[kind])),
    }
    controls = device.model_of(CONTROLS)
    if kind == "inverter" and controls is not None:
        found_map["writes"] = _writes(controls.address, revert_seconds)
    return found_map


async def _find_base(client: Reads, unit: int) -> int:
    silence: NoAnswer | None = None
    has_answered = False
    for base in BASES:
        try:
            if await client.read(unit, HOLDING, base, 2) == MARK:
                return base
            has_answered = True
        except Refused:
            has_answered = True
        except NoAnswer as error:  # some devices are silent where they have no registers
            silence = error
    if silence is not None and not has_answered:
        raise silence
    raise NotSunSpec(f"No mark of SunSpec at {', '.join(map(str, BASES))}.")


async def _walk(client: Reads, unit: int, address: int) -> AsyncIterator[Model]:
    for _ in range(MOST_MODELS):
        if address > 65_534:
            return
        number, length = await client.read(unit, HOLDING, address, 2)
        if number in {0, END}:
            return
        yield Model(number, address, length)
        address += 2 + length


async def _read_identity(client: Reads, unit: int, common: Model) -> dict[str, str]:
    words = await client.read(unit, HOLDING, common.address, min(66, 2 + common.length))
    found = {
        name: decode(words[at : at + count], STRING)
        for name, at, count in _IDENTITY
        if at + count <= len(words)
    }
    return {name: str(text) for name, text in found.items() if text is not None}


def _identity_rows(device: SunSpecDevice) -> Iterator[tuple[str, dict[str, Any]]]:
    common = device.model_of(COMMON)
    if common is None:
        return
    for name, at, words in _IDENTITY:
        if at + words <= 2 + common.length:
            yield name, {"address": common.address + at, "type": STRING, "words": words}


def _rows(model: Model, points: tuple[_Point, ...]) -> Iterator[dict[str, Any]]:
    for metric, at, type_name, scale_at, factor, unit in points:
        if max(at + 1, scale_at or 0) >= 2 + model.length:
            continue  # a shorter model than that of the standard
        row: dict[str, Any] = {"metric": metric, "address": model.address + at, "type": type_name}
        if scale_at is not None:
            row["scale_register"] = model.address + scale_at
        if factor != 1:
            row["scale"] = factor
        if unit:
            row["unit"] = unit
        yield row


def _writes(address: int, revert_seconds: int) -> list[dict[str, Any]]:
    """Limit the power: first the time after which it falls away, then the limit, then on."""
    limit_at, revert_at, enable_at, scale_at = address + 5, address + 7, address + 9, address + 23
    return [
        {
            "command": "set_power_limit", "address": limit_at, "type": "uint16",
            "scale_register": scale_at, "unit": "%", "min": 0, "max": 100,
            "before": [{"address": revert_at, "type": "uint16", "value": revert_seconds}],
            "after": [{"address": enable_at, "type": "uint16", "value": 1}],
        },
        {"command": "lift_power_limit", "address": enable_at, "type": "uint16", "value": 0},
    ]  # fmt: skip
