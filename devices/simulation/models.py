"""What each kind of device would read at an instant.

A model is a pure function of time. `observe` gives the gauges and, for each counter,
how fast it grows per hour; `registers.py` adds that up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from devices.simulation.electrical import (
    ThreePhase,
    grid_hertz,
    grid_volts,
    reactive_kvar,
    split_phases,
)
from devices.simulation.noise import uniform, wander
from devices.simulation.place import Place
from devices.simulation.shapes import SHAPES, building


@dataclass(frozen=True, slots=True)
class Observation:
    """Gauges in the payload's units, and growth per hour of each counter."""

    gauges: dict[str, float]
    rates: dict[str, float] = field(default_factory=dict)


class Model(Protocol):
    """A device at a site."""

    def power_kw(self, t: float) -> float:
        """Return what it adds to the load of the site; negative: it generates."""

    def observe(self, t: float) -> Observation:
        """Return what it shows at `t`, seconds since 1970."""

    def rates(self, t: float) -> dict[str, float]:
        """Return the growth per hour of each counter as `observe` does, without the gauges."""


@dataclass(frozen=True, slots=True)
class Submeter:
    """A three-phase meter of one consumer, which reports watts."""

    place: Place
    seed: int
    rated_kw: float
    shape: str = "shifts"
    power_factor: float = 0.88

    def power_kw(self, t: float) -> float:
        return self.rated_kw * max(SHAPES[self.shape](self.place, self.seed, t), 0.0)

    def observe(self, t: float) -> Observation:
        power_kw = self.power_kw(t)
        loaded = 0.03 * min(power_kw / self.rated_kw, 1.0) - 0.03
        meter = split_phases(
            power_kw,
            self.power_factor + loaded,
            seed=self.seed,
            grid_seed=self.place.seed,
            t=t,
        )
        gauges = {
            "power_active_total": 1000 * meter.active_kw,
            "power_reactive_total": 1000 * meter.reactive_kvar,
            "power_apparent_total": 1000 * meter.apparent_kva,
            "power_factor_total": meter.power_factor,
            "frequency": grid_hertz(t),
            **{f"power_active_l{n}": 1000 * kw for n, kw in enumerate(meter.phase_kw, 1)},
            **_phase_gauges(meter),
        }
        return Observation(gauges, self._rates(power_kw))

    def rates(self, t: float) -> dict[str, float]:
        return self._rates(self.power_kw(t))

    def _rates(self, power_kw: float) -> dict[str, float]:
        return {"energy_active_import_total": power_kw, "energy_active_export_total": 0.0}


@dataclass(frozen=True, slots=True)
class GridMeter:
    """The meter at the connection of a site: the sum of everything behind it."""

    place: Place
    seed: int
    base_kw: float
    behind: Sequence[Model]

    def power_kw(self, t: float) -> float:
        unmetered = self.base_kw * building(self.place, self.seed, t)
        return unmetered + sum(model.power_kw(t) for model in self.behind)

    def observe(self, t: float) -> Observation:
        net_kw = self.power_kw(t)
        power_factor = self._power_factor(t)
        meter = split_phases(net_kw, power_factor, seed=self.seed, grid_seed=self.place.seed, t=t)
        gauges = {
            "active_power_import": max(net_kw, 0.0),
            "active_power_export": max(-net_kw, 0.0),
            "reactive_power_import": meter.reactive_kvar,
            "apparent_power": meter.apparent_kva,
            "power_factor": meter.power_factor,
            "frequency": grid_hertz(t),
            **{f"active_power_l{n}": kw for n, kw in enumerate(meter.phase_kw, 1)},
            **_phase_gauges(meter),
        }
        return Observation(gauges, self._rates(net_kw, meter.reactive_kvar))

    def rates(self, t: float) -> dict[str, float]:
        net_kw = self.power_kw(t)
        return self._rates(net_kw, reactive_kvar(net_kw, self._power_factor(t)))

    def _power_factor(self, t: float) -> float:
        return 0.94 + 0.03 * wander(self.seed + 5, t, 1800)

    def _rates(self, net_kw: float, reactive: float) -> dict[str, float]:
        return {
            "active_energy_import": max(net_kw, 0.0),
            "active_energy_export": max(-net_kw, 0.0),
            "reactive_energy_import": reactive,
        }


@dataclass(frozen=True, slots=True)
class PvInverter:
    """A roof full of modules in two strings behind one inverter."""

    place: Place
    seed: int
    rated_kw: float

    def power_kw(self, t: float) -> float:
        return -self._generated_kw(t)

    def observe(self, t: float) -> Observation:
        power_kw = self._generated_kw(t)
        irradiance = self.place.irradiance(t)
        dc_kw = power_kw / 0.975
        first = 0.5 + 0.02 * wander(self.seed, t, 3600)
        gauges = {
            "pv_active_power": power_kw,
            "pv_dc_power_string1": dc_kw * first,
            "pv_dc_power_string2": dc_kw * (1 - first),
            "irradiance": irradiance,
            "module_temp": self.place.temperature(t) + 0.027 * irradiance,
            "frequency": grid_hertz(t),
        }
        for phase in range(3):
            volts = grid_volts(self.place.seed, phase, t) + 0.012 * power_kw / 3
            gauges[f"voltage_l{phase + 1}"] = volts
            gauges[f"current_l{phase + 1}"] = power_kw / 3 * 1000 / volts
        return Observation(gauges, {"pv_energy": power_kw})

    def rates(self, t: float) -> dict[str, float]:
        return {"pv_energy": self._generated_kw(t)}

    def _generated_kw(self, t: float) -> float:
        """Warm modules give less; below 20 W/m² the inverter sleeps."""
        irradiance = self.place.irradiance(t)
        if irradiance < 20:
            return 0.0
        module_celsius = self.place.temperature(t) + 0.027 * irradiance
        derating = 1 - 0.0037 * (module_celsius - 25)
        return min(self.rated_kw * irradiance / 1000 * derating * 0.93, self.rated_kw)


@dataclass(frozen=True, slots=True)
class HeatPump:
    """Heats when it is cold outside; its efficiency falls with the temperature."""

    place: Place
    seed: int
    rated_kw: float

    def power_kw(self, t: float) -> float:
        return self._thermal_kw(t) / self._efficiency(t) + 0.15

    def observe(self, t: float) -> Observation:
        power_kw, thermal_kw = self.power_kw(t), self._thermal_kw(t)
        supply = 31 + 14 * thermal_kw / self.rated_kw + 0.6 * wander(self.seed + 2, t, 500)
        gauges = {
            "active_power_import": power_kw,
            "thermal_power": thermal_kw,
            "supply_temp": supply,
            "return_temp": supply - 1.5 - 5 * thermal_kw / self.rated_kw,
            "air_temp": self.place.temperature(t),
        }
        rates = {"active_energy_import": power_kw, "thermal_energy": thermal_kw}
        return Observation(gauges, rates)

    def rates(self, t: float) -> dict[str, float]:
        return {"active_energy_import": self.power_kw(t), "thermal_energy": self._thermal_kw(t)}

    def _thermal_kw(self, t: float) -> float:
        need = min(max((18 - self.place.temperature(t)) / 24, 0.04), 1.0)
        hour = self.place.local_time(t).hour
        setback = 1.0 if 5 <= hour < 21 else 0.7
        breathing = 1 + 0.12 * wander(self.seed, t, 700) + 0.04 * wander(self.seed + 1, t, 60)
        return min(self.rated_kw * need * setback * breathing, self.rated_kw)

    def _efficiency(self, t: float) -> float:
        return min(max(3.1 + 0.07 * self.place.temperature(t), 1.8), 5.2)


@dataclass(frozen=True, slots=True)
class EvCharger:
    """Up to five charging sessions a day; free, plugged and full, or charging between."""

    place: Place
    seed: int
    rated_kw: float

    def power_kw(self, t: float) -> float:
        return self._session(t)[0]

    def observe(self, t: float) -> Observation:
        power_kw, session_kwh, state = self._session(t)
        gauges = {
            "ev_power": power_kw,
            "ev_session_energy": session_kwh,
            "ev_connector_state": float(state),
        }
        for phase in range(3):
            volts = grid_volts(self.place.seed, phase, t)
            gauges[f"current_l{phase + 1}"] = power_kw / 3 * 1000 / volts
        return Observation(gauges, {"active_energy_import": power_kw})

    def rates(self, t: float) -> dict[str, float]:
        return {"active_energy_import": self._session(t)[0]}

    def _session(self, t: float) -> tuple[float, float, int]:
        """Return power in kW, energy of the session in kWh and 0 free, 1 charging, 2 full."""
        slot_seconds = 4.8 * 3600
        slot = int(t // slot_seconds)
        into = t - slot * slot_seconds
        hour = self.place.local_time(slot * slot_seconds + slot_seconds / 2).hour
        likely = 0.85 if 7 <= hour < 20 else 0.25
        if uniform(self.seed, slot) > likely:
            return 0.0, 0.0, 0
        start = 3600 * uniform(self.seed + 1, slot)
        wanted_kwh = self.rated_kw * (0.6 + 2.2 * uniform(self.seed + 2, slot))
        charging = wanted_kwh / self.rated_kw * 3600
        leave = min(start + charging + 2400 * uniform(self.seed + 3, slot), slot_seconds - 60)
        if not start <= into < leave:
            return 0.0, 0.0, 0
        done_kwh = min(self.rated_kw * (into - start) / 3600, wanted_kwh)
        return (self.rated_kw, done_kwh, 1) if done_kwh < wanted_kwh else (0.0, wanted_kwh, 2)


def _phase_gauges(meter: ThreePhase) -> dict[str, float]:
    gauges = {f"voltage_l{number}": volts for number, volts in enumerate(meter.voltages, 1)}
    gauges |= {f"current_l{number}": amps for number, amps in enumerate(meter.currents, 1)}
    return gauges
