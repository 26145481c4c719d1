"""What a box measures, by its model, and how it sends it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from devices.simulation.models import EvCharger, HeatPump, Model, PvInverter, Submeter
from devices.simulation.place import Place
from devices.simulation.registers import Registers
from devices.simulation.sensors import ClimateSensor, ColdStoreSensor, WaterMeter
from devices.simulators.memory import Identity

MODELS: dict[str, Callable[..., Model]] = {
    "three-phase-meter": partial(Submeter, rated_kw=40.0, shape="building"),
    "pv-inverter": partial(PvInverter, rated_kw=30.0),
    "heat-pump": partial(HeatPump, rated_kw=18.0),
    "ev-charger-meter": partial(EvCharger, rated_kw=22.0),
    "cold-store-sensor": partial(ColdStoreSensor, setpoint=-18.0),
    "climate-sensor": ClimateSensor,
    "water-meter": partial(WaterMeter, rated_m3h=6.0),
}


class Meter:
    """Shows readings of a model; models that are not known measure nothing but themselves."""

    def __init__(self, model: str, *, name: str, now: float) -> None:
        self._began = now
        self._seed = zlib.crc32(name.encode())
        self._registers: Registers | None = None
        if model in MODELS:
            place = Place(seed=self._seed, zone=ZoneInfo("UTC"), latitude=41.0, longitude=29.0)
            self._registers = Registers(name, MODELS[model](place=place, seed=self._seed), at=now)

    def read(self, *, now: float) -> dict[str, float]:
        """Return the values of now by metric."""
        if self._registers is None:
            return self.read_health(now=now)
        self._registers.advance(now)
        return self._registers.reading()

    def read_health(self, *, now: float) -> dict[str, float]:
        """Return what every box knows of itself: uptime in s, memory in bytes, signal in dBm."""
        step = int(now // 10) * 2_654_435_761 + self._seed
        return {
            "uptime": int(now - self._began),
            "free_heap": 180_000 + step % 9_000,
            "rssi": -58 - step % 11,
        }


def encode_readings(
    identity: Identity, values: dict[str, float], *, at: float
) -> list[tuple[str, dict[str, Any]]]:
    """Return topics and contents that carry readings of a box."""
    ts = round(at * 1000)
    if identity.gateway_uid:
        topic = f"{identity.prefix}/data/device/{identity.gateway_uid}"
        return [(topic, {"ts": ts, "values": values})]
    return [
        (f"{identity.prefix}/{metric}", {"ts": ts, "value": value})
        for metric, value in values.items()
    ]
