"""The hardware of a simulated charging point: vehicle, cable, contactor, lock and meter.

Times are seconds of the simulation, which may run faster than the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NO_VEHICLE, CONNECTED, WANTS_ENERGY, WANTS_AIR = range(4)  # control pilot: A, B, C, D
AMPACITIES = (6, 13, 20, 32, 63)
_PILOT_VOLTS = {NO_VEHICLE: 3400, CONNECTED: 2600, WANTS_ENERGY: 1800, WANTS_AIR: 1200}
_CABLE_VOLTS = {0: 2300, 6: 2050, 13: 1900, 20: 1500, 32: 1000, 63: 500}


@dataclass(slots=True)
class Vehicle:
    """What is plugged in, and what it wants. `max_amps`: of its charger on board."""

    is_connected: bool = False
    wants_energy: bool = False
    wants_air: bool = False
    max_amps: float = 16.0
    capacity_kwh: float = 50.0
    charged_kwh: float = 0.0

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more goes in."""
        return self.charged_kwh >= self.capacity_kwh

    @property
    def pilot(self) -> int:
        """What it does to the control pilot."""
        if not self.is_connected:
            return NO_VEHICLE
        if self.is_full or not self.wants_energy:
            return CONNECTED
        return WANTS_AIR if self.wants_air else WANTS_ENERGY


@dataclass(slots=True)
class Hardware:
    """What the firmware reads and switches. The meter counts only what flows."""

    phases: int = 3
    voltage: float = 230.0
    vehicle: Vehicle = field(default_factory=Vehicle)
    cable_amps: int = 0
    is_relay_on: bool = False
    is_locked: bool = False
    is_lock_stuck: bool = False
    board_fault: int = 0  # 1 phase, 2 earth
    offered_amps: float = 0.0  # by the pulses of the control pilot; 0: none
    energy_kwh: float = 0.0

    def plug_in(self, *, cable_amps: int = 32) -> None:
        """Plug a cable with a vehicle at its other end in; it wants energy."""
        self.cable_amps = cable_amps
        self.vehicle.is_connected = self.vehicle.wants_energy = True
        self.vehicle.charged_kwh = 0.0

    def pull_out(self) -> None:
        """Pull the cable out, locked or not."""
        self.cable_amps = 0
        self.vehicle.is_connected = self.vehicle.wants_energy = False

    def move_lock(self, *, to_locked: bool) -> bool:
        """Give the motor its pulse; False when nothing moved."""
        if self.is_lock_stuck:
            return False
        self.is_locked = to_locked
        return True

    @property
    def amps(self) -> float:
        """What flows in each phase."""
        takes = self.vehicle.pilot in {WANTS_ENERGY, WANTS_AIR}
        if not (self.is_relay_on and takes and self.offered_amps >= 6):
            return 0.0
        return min(self.offered_amps, self.vehicle.max_amps, float(self.cable_amps))

    @property
    def power_kw(self) -> float:
        """What flows in all phases together."""
        return self.amps * self.voltage * self.phases / 1000

    def pass_time(self, seconds: float) -> None:
        """Let energy flow."""
        kwh = self.power_kw * seconds / 3600
        self.energy_kwh += kwh
        self.vehicle.charged_kwh += kwh

    @property
    def pilot_counts(self) -> int:
        """What the converter reads of the control pilot."""
        return _PILOT_VOLTS[self.vehicle.pilot]

    @property
    def cable_counts(self) -> int:
        """What the converter reads of the resistor in the cable."""
        return _CABLE_VOLTS[self.cable_amps]
