"""Avoided energy use: what a baseline model expects against what was used, with a band.

The band is the fractional savings uncertainty of ASHRAE guideline 14, with the coefficients
of Sun and Baltazar in place of the constant 1.26, as CalTRACK 2.0 recommends. It holds the
error of the model only, not that of the meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from metering.analysis.baseline import Fit, Model
from metering.analysis.use import Use

_DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Savings:
    """Energy of the reporting period, in kWh; `avoided_kwh` below 0 is more use.

    `uncertainty_kwh`: half the width of the band; None where the baseline has no mean use.
    """

    expected_kwh: float
    actual_kwh: float
    uncertainty_kwh: float | None
    confidence: float
    periods: int
    days: int

    @property
    def avoided_kwh(self) -> float:
        """Return expected − actual."""
        return self.expected_kwh - self.actual_kwh

    @property
    def avoided_share(self) -> float | None:
        """Return the share of the expected use; None where none was expected."""
        return self.avoided_kwh / self.expected_kwh if self.expected_kwh > 0 else None

    @property
    def fractional_uncertainty(self) -> float | None:
        """Return the uncertainty as a share of what was avoided; None without either."""
        if self.uncertainty_kwh is None or not self.avoided_kwh:
            return None
        return self.uncertainty_kwh / abs(self.avoided_kwh)

    @property
    def is_certain(self) -> bool:
        """Tell whether the change is larger than its uncertainty."""
        return self.uncertainty_kwh is not None and abs(self.avoided_kwh) > self.uncertainty_kwh


def measure_savings(model: Model, use: Use, *, confidence: float = 0.9) -> Savings:
    """Compare the reporting period with what the model expects at its days.

    Args: use: days for a model of days, bills for a model of bills. confidence: two-sided.
    """
    expected = float(model.predict(use).sum())
    relative = _relative_error(model.fit, use, confidence)
    return Savings(
        expected_kwh=expected,
        actual_kwh=float(use.kwh.sum()),
        uncertainty_kwh=None if relative is None else abs(expected) * relative,
        confidence=confidence,
        periods=len(use),
        days=int(use.lengths.sum()),
    )


def _relative_error(fit: Fit, use: Use, confidence: float) -> float | None:
    """Return the half width of the band as a share of the expected use."""
    if fit.cvrmse is None or not len(use):
        return None
    months = float(use.lengths.sum()) / _DAYS_A_MONTH
    if use.is_billing:
        factor = -0.00022 * months**2 + 0.03306 * months + 0.94054
    else:
        factor = -0.00024 * months**2 + 0.03535 * months + 1.00286
    ratio = fit.observations / fit.independent * (1 + 2 / fit.independent) / len(use)
    quantile = student_quantile(confidence, fit.observations - fit.parameters)
    return quantile * factor * fit.cvrmse * sqrt(ratio)


def student_quantile(confidence: float, freedom: int) -> float:
    """Return the two-sided quantile of Student's t, within 0.3 % from 5 degrees of freedom on."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    n = max(freedom, 1)
    terms = [
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    ]
    return z + sum(term / float(n) ** (power + 1) for power, term in enumerate(terms))
