"""What a three-phase meter shows for a power: all values fit each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from devices.simulation.noise import wander

NOMINAL_VOLTS = 231.0


@dataclass(frozen=True, slots=True)
class ThreePhase:
    """Totals and the three phases; kW, kvar, kVA, V, A. Negative power: export."""

    active_kw: float
    reactive_kvar: float
    apparent_kva: float
    power_factor: float
    phase_kw: tuple[float, float, float]
    voltages: tuple[float, float, float]
    currents: tuple[float, float, float]


def split_phases(
    power_kw: float, power_factor: float, *, seed: int, grid_seed: int, t: float
) -> ThreePhase:
    """Spread a power over three phases of almost equal load.

    `grid_seed` is the same for all meters of a site, so that they see the same voltage;
    each phase sags a little under its load.
    """
    shares = [1 / 3 + 0.012 * wander(seed + 11 + phase, t, 400) for phase in range(3)]
    total = sum(shares)
    phase_kw, voltages, currents = [], [], []
    for phase, share in enumerate(shares):
        kilowatts = power_kw * share / total
        volts = grid_volts(grid_seed, phase, t) - 0.012 * kilowatts
        phase_kw.append(kilowatts)
        voltages.append(volts)
        currents.append(abs(kilowatts) / power_factor * 1000 / volts)
    return ThreePhase(
        active_kw=power_kw,
        reactive_kvar=reactive_kvar(power_kw, power_factor),
        apparent_kva=abs(power_kw) / power_factor,
        power_factor=power_factor,
        phase_kw=(phase_kw[0], phase_kw[1], phase_kw[2]),
        voltages=(voltages[0], voltages[1], voltages[2]),
        currents=(currents[0], currents[1], currents[2]),
    )


def reactive_kvar(power_kw: float, power_factor: float) -> float:
    """Return the reactive power that goes with an active one."""
    return abs(power_kw) * math.sqrt(1 / power_factor**2 - 1)


def grid_volts(grid_seed: int, phase: int, t: float) -> float:
    """Return the voltage of the feeder: hours-long swing and flicker."""
    slow = 3.2 * wander(grid_seed + 21, t, 5400)
    return (
        NOMINAL_VOLTS
        + slow
        + 0.9 * wander(grid_seed + 22 + phase, t, 900)
        + 0.25 * wander(grid_seed + 25 + phase, t, 12)
    )


def grid_hertz(t: float) -> float:
    """Return the frequency, the same for every meter of the interconnection."""
    return 50 + 0.035 * wander(7, t, 240) + 0.012 * wander(8, t, 17)
