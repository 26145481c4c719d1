"""Counters that count: energy and volume added up over time."""

from __future__ import annotations

from collections.abc import Mapping

from devices.simulation.models import Model
from devices.simulation.noise import seed_of, uniform

STEP_SECONDS = 60.0
_YEAR_SECONDS = 365.25 * 86_400
_YEAR_SAMPLES = 211  # a prime, so that samples fall on every hour and weekday
_DECIMALS = {"irradiance": 1, "co2": 0, "humidity": 1, "module_temp": 1, "air_temp": 2}


class Registers:
    """The counters of one device at an instant; they move forward only.

    Energy is added in steps of a minute at most, by the trapezoidal rule.
    """

    def __init__(
        self, name: str, model: Model, *, at: float, counters: Mapping[str, float] | None = None
    ) -> None:
        self.model = model
        self.at = at
        observed = model.observe(at)
        self._gauges, self._rates = observed.gauges, observed.rates
        known = counters or {}
        if self._rates.keys() <= known.keys():
            self.counters = {counter: known[counter] for counter in self._rates}
        else:
            self.counters = _first_values(name, model, at)

    def advance(self, t: float, *, step_seconds: float = STEP_SECONDS) -> None:
        """Move to `t`; a time that is not ahead changes nothing."""
        while self.at < t:
            upcoming = min((self.at // step_seconds + 1) * step_seconds, t)
            observed = self.model.observe(upcoming)
            hours = (upcoming - self.at) / 3600
            for counter, rate in observed.rates.items():
                self.counters[counter] += (self._rates[counter] + rate) / 2 * hours
            self.at, self._gauges, self._rates = upcoming, observed.gauges, observed.rates

    def reading(self) -> dict[str, float]:
        """Return what the device shows now, rounded as devices do."""
        shown = {name: round(value, _DECIMALS.get(name, 3)) for name, value in self._gauges.items()}
        return shown | {name: round(value, 3) for name, value in self.counters.items()}


def _first_values(name: str, model: Model, at: float) -> dict[str, float]:
    """Return the counters of a device in use for two to five years, by a sampled year."""
    years = 2 + 3 * uniform(seed_of(name), 0)
    step = _YEAR_SECONDS / _YEAR_SAMPLES
    samples = [model.rates(at - index * step) for index in range(_YEAR_SAMPLES)]
    return {
        counter: sum(rates[counter] for rates in samples) / _YEAR_SAMPLES * 8766 * years
        for counter in samples[0]
    }
