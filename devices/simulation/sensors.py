"""Sensors: they observe and take no power worth counting."""

from __future__ import annotations

from dataclasses import dataclass

from devices.simulation.models import Observation
from devices.simulation.noise import uniform, wander
from devices.simulation.place import Place
from devices.simulation.shapes import building

_UPTIME_SECONDS = 21 * 86_400


class _Sensor:
    """Adds nothing to the load."""

    def power_kw(self, t: float) -> float:
        return 0.0

    def rates(self, t: float) -> dict[str, float]:
        return {}


@dataclass(frozen=True, slots=True)
class ColdStoreSensor(_Sensor):
    """A cold room: drifts between two thermostat limits, warmer while it defrosts."""

    place: Place
    seed: int
    setpoint: float
    humidity: float = 85.0

    def observe(self, t: float) -> Observation:
        hysteresis = 0.8 * wander(self.seed, t, 1300) + 0.3 * wander(self.seed + 1, t, 260)
        into_day = (t + 86_400 * uniform(self.seed, 0)) % 28_800  # three defrosts a day
        defrost = max(0.0, 1 - abs(into_day - 900) / 900)
        return Observation(
            {
                "air_temp": self.setpoint + hysteresis + 3.5 * defrost,
                "humidity": min(
                    self.humidity + 3 * wander(self.seed + 2, t, 2400) + 5 * defrost, 100.0
                ),
            }
        )


@dataclass(frozen=True, slots=True)
class ClimateSensor(_Sensor):
    """A room with people in it: CO2 follows them."""

    place: Place
    seed: int
    setpoint: float = 22.0

    def observe(self, t: float) -> Observation:
        presence = building(self.place, self.seed, t)
        return Observation(
            {
                "temperature": self.setpoint
                - 1.8
                + 2.2 * presence
                + 0.4 * wander(self.seed + 1, t, 2700),
                "humidity": 43 + 6 * wander(self.seed + 2, t, 9000),
                "co2": 410 + 620 * presence**2 + 45 * wander(self.seed + 3, t, 1200),
            }
        )


@dataclass(frozen=True, slots=True)
class WaterMeter(_Sensor):
    """Draws while people work, rests at night but for a small leak."""

    place: Place
    seed: int
    rated_m3h: float

    def observe(self, t: float) -> Observation:
        flow = self._flow(t)
        return Observation({"flow_rate": flow}, {"water_volume": flow})

    def rates(self, t: float) -> dict[str, float]:
        return {"water_volume": self._flow(t)}

    def _flow(self, t: float) -> float:
        presence = building(self.place, self.seed, t)
        draws = max(0.0, wander(self.seed + 1, t, 180)) * max(presence - 0.35, 0.0)
        return self.rated_m3h * min(0.004 + 1.2 * draws, 1.0)


@dataclass(frozen=True, slots=True)
class GatewayHealth(_Sensor):
    """What a gateway tells about itself."""

    place: Place
    seed: int

    def observe(self, t: float) -> Observation:
        return Observation(
            {
                "rssi": round(-58 - 10 * uniform(self.seed, 1) + 4 * wander(self.seed, t, 600)),
                "uptime": int(t + _UPTIME_SECONDS * uniform(self.seed, 2)) % _UPTIME_SECONDS,
                "free_heap": round(176_000 + 9_000 * wander(self.seed + 1, t, 1800)),
            }
        )
