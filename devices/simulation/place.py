"""Where a site is: its local time, its sun and its weather."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from devices.simulation.noise import uniform, wander

DAY_SECONDS = 86_400
_SOLSTICE_DAY = 172  # 21 June


@dataclass(frozen=True, slots=True)
class Place:
    """A point on earth; times are seconds since 1970, angles degrees."""

    seed: int
    zone: ZoneInfo
    latitude: float
    longitude: float

    def local_time(self, t: float) -> dt.datetime:
        """Return the wall clock of the site."""
        return dt.datetime.fromtimestamp(t, self.zone)

    def sun(self, t: float) -> float:
        """Return the sine of the sun's elevation; negative at night.

        Good to about a degree: declination by a cosine, no equation of time.
        """
        day = t / DAY_SECONDS % 365.25
        declination = math.radians(23.44) * math.cos(math.tau * (day - _SOLSTICE_DAY) / 365.25)
        hour_angle = math.tau * ((t / DAY_SECONDS + self.longitude / 360) % 1.0 - 0.5)
        latitude = math.radians(self.latitude)
        return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
            declination
        ) * math.cos(hour_angle)

    def irradiance(self, t: float) -> float:
        """Return W/m² on a slightly tilted roof, with clouds: some days clear, some grey."""
        sun = self.sun(t)
        if sun <= 0:
            return 0.0
        greyness = uniform(self.seed, int(t // DAY_SECONDS)) ** 1.5
        drift = 0.5 + 0.5 * wander(self.seed + 1, t, 1500)
        passing = 0.5 + 0.5 * wander(self.seed + 2, t, 140)
        cloud = greyness * (0.35 + 0.35 * drift + 0.3 * passing * drift)
        return float(1020 * sun**1.12 * (1 - 0.85 * min(cloud, 1.0)))

    def temperature(self, t: float) -> float:
        """Return the outdoor temperature in °C: season, hour of day and weather."""
        day = t / DAY_SECONDS % 365.25
        season = math.cos(math.tau * (day - _SOLSTICE_DAY - 28) / 365.25)
        solar_hour = (t / DAY_SECONDS + self.longitude / 360) % 1.0 * 24
        daily = math.cos(math.tau * (solar_hour - 15) / 24)
        mean = 31 - 0.42 * abs(self.latitude)
        return mean + 9.5 * season + 4 * daily + 3 * wander(self.seed + 3, t, 3 * DAY_SECONDS)
