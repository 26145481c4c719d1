"""What a site would have used: models of its baseline period, after CalTRACK 2.0.

With temperatures: use = base + heating · max(h − T, 0) + cooling · max(T − c, 0). The
balance points h ≤ c are searched from −1 to 32 °C in steps of half a kelvin; base and both
slopes must not be negative; of the models with heating, cooling, both or neither the one
with the highest adjusted R² is taken. Without: the mean of the same weekday of the season.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from metering.analysis.use import Floats, Use
from metering.series import Ints

BALANCE_POINTS: Floats = np.arange(-1.0, 32.5, 0.5)
# a slope is not believed from fewer days, nor from fewer kelvin days
LEAST_DAYS = 10
LEAST_KELVIN_DAYS = 11.0
LEAST_OBSERVATIONS = 10
_LEAST_SAME_DAYS = 3
_SEASONS, _WEEKDAYS = 4, 7
_TINY = 1e-9


class TooLittleData(ValueError):
    """There are fewer days or bills than a model needs."""


class Shape(StrEnum):
    """What the use depends on."""

    FLAT = "flat"
    HEATING = "heating"
    COOLING = "cooling"
    BOTH = "heating_and_cooling"
    WEEKDAYS = "weekdays"


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a model follows its baseline period.

    `mean`, `rmse`: kWh a day. `autocorrelation`: of what is left from one day to the next,
    0 to 1; 0 for bills.
    """

    observations: int
    parameters: int
    mean: float
    r2: float
    adjusted_r2: float
    rmse: float
    autocorrelation: float

    @property
    def cvrmse(self) -> float | None:
        """Return the error as a share of the mean; None where the mean is no use."""
        return self.rmse / self.mean if self.mean > 0 else None

    @property
    def independent(self) -> float:
        """Return how many observations count, as days resemble their neighbours."""
        return self.observations * (1 - self.autocorrelation) / (1 + self.autocorrelation)


@dataclass(frozen=True, slots=True)
class DegreeDayModel:
    """Use by outdoor temperature.

    `base`: kWh a day. Slopes: kWh per kelvin day. Balance points: °C.
    """

    shape: Shape
    base: float
    heating_slope: float
    heating_point: float | None
    cooling_slope: float
    cooling_point: float | None
    fit: Fit

    def predict(self, use: Use) -> Floats:
        """Return the kWh of each period at its temperatures."""
        daily = np.full(len(use.temperatures), self.base)
        if self.heating_point is not None:
            daily += self.heating_slope * np.maximum(self.heating_point - use.temperatures, 0)
        if self.cooling_point is not None:
            daily += self.cooling_slope * np.maximum(use.temperatures - self.cooling_point, 0)
        return use.average(daily) * use.lengths


@dataclass(frozen=True, slots=True)
class WeekdayModel:
    """Use by weekday and season (from December on three months each), kWh a day."""

    shape: Shape
    table: Floats
    fit: Fit

    def predict(self, use: Use) -> Floats:
        """Return the kWh of each period."""
        return use.average(self.table[_seasons(use.numbers), _weekdays(use.numbers)]) * use.lengths


Model = DegreeDayModel | WeekdayModel


def fit_degree_days(use: Use) -> DegreeDayModel:
    """Find the model of the baseline period by plain least squares, bills by their days.

    Raises: TooLittleData: fewer than ten days or bills.
    """
    _require(use)
    scan = _Scan(use)
    candidates = [scan.flat(), scan.one(heating=True), scan.one(heating=False), scan.both()]
    # the simpler of equal ones: max keeps the first
    return max((c for c in candidates if c is not None), key=lambda model: model.fit.adjusted_r2)


def fit_weekdays(use: Use) -> WeekdayModel:
    """Take the mean of the same weekday of the season, or of all seasons below three days.

    Raises: TooLittleData: fewer than ten days, or bills.
    """
    if use.is_billing:
        raise TooLittleData("Bills do not tell weekdays apart.")
    _require(use)
    table, parameters = _weekday_table(use)
    model = WeekdayModel(Shape.WEEKDAYS, table, _judge(use, use.kwh, 1))
    return replace(model, fit=_judge(use, model.predict(use), parameters))


def _require(use: Use) -> None:
    if len(use) < LEAST_OBSERVATIONS:
        raise TooLittleData(
            f"{len(use)} days or bills are too few: {LEAST_OBSERVATIONS} are needed."
        )


def _judge(use: Use, predicted: Floats, parameters: int) -> Fit:
    weights = use.lengths / use.lengths.sum()
    count, means = len(use), use.kwh / use.lengths
    mean = float(weights @ means)
    left = means - predicted / use.lengths
    wrong, spread = float(weights @ left**2), float(weights @ (means - mean) ** 2)
    r2 = 1 - wrong / spread if spread > _TINY * max(mean**2, _TINY) else 0.0
    free = max(count - parameters, 1)
    return Fit(
        observations=count,
        parameters=parameters,
        mean=mean,
        r2=r2,
        adjusted_r2=1 - (1 - r2) * (count - 1) / free,
        rmse=float(np.sqrt(wrong * count / free)),
        autocorrelation=0.0 if use.is_billing else _autocorrelation(left, use.numbers),
    )


def _autocorrelation(left: Floats, numbers: Ints) -> float:
    follow = np.flatnonzero(np.diff(numbers) == 1)
    total = float(left @ left)
    if len(follow) < LEAST_OBSERVATIONS or total <= 0:
        return 0.0
    together = float(left[follow] @ left[follow + 1]) / len(follow)
    return min(max(together / (total / len(left)), 0.0), 0.99)


class _Scan:
    """All balance points at once: centred degree days of each period and their products."""

    def __init__(self, use: Use) -> None:
        self.use = use
        degrees = use.temperatures[:, None]
        below, above = (
            np.maximum(BALANCE_POINTS - degrees, 0),
            np.maximum(degrees - BALANCE_POINTS, 0),
        )
        self.enough_below, self.enough_above = _is_enough(below), _is_enough(above)
        self.weights = use.lengths / use.lengths.sum()
        self.mean = float(self.weights @ (use.kwh / use.lengths))
        self.below, self.below_means = self._centre(use.average(below))
        self.above, self.above_means = self._centre(use.average(above))
        self.target = np.sqrt(self.weights) * (use.kwh / use.lengths - self.mean)

    def _centre(self, rows: Floats) -> tuple[Floats, Floats]:
        means = self.weights @ rows
        return np.sqrt(self.weights)[:, None] * (rows - means), means

    def flat(self) -> DegreeDayModel:
        return self._model(Shape.FLAT, None, None, 0.0, 0.0)

    def one(self, *, heating: bool) -> DegreeDayModel | None:
        rows, means = (self.below, self.below_means) if heating else (self.above, self.above_means)
        enough = self.enough_below if heating else self.enough_above
        products, squares = self.target @ rows, np.einsum("ij,ij->j", rows, rows)
        slopes = products / np.where(squares > _TINY, squares, 1.0)
        valid = enough & (squares > _TINY) & (slopes > 0) & (self.mean - slopes * means >= 0)
        if not valid.any():
            return None
        row = int(np.argmax(np.where(valid, slopes * products, -np.inf)))
        if heating:
            return self._model(Shape.HEATING, row, None, float(slopes[row]), 0.0)
        return self._model(Shape.COOLING, None, row, 0.0, float(slopes[row]))

    def both(self) -> DegreeDayModel | None:
        low = np.einsum("ij,ij->j", self.below, self.below)[:, None]
        high = np.einsum("ij,ij->j", self.above, self.above)[None, :]
        cross = self.below.T @ self.above
        u, v = (self.target @ self.below)[:, None], (self.target @ self.above)[None, :]
        size = low * high - cross**2
        solvable = size > _TINY * np.maximum(low * high, _TINY)
        safe = np.where(solvable, size, 1.0)
        heating, cooling = (high * u - cross * v) / safe, (low * v - cross * u) / safe
        base = self.mean - heating * self.below_means[:, None] - cooling * self.above_means
        valid = solvable & np.triu(np.ones_like(solvable)) & (heating > 0) & (cooling > 0)
        valid &= (base >= 0) & self.enough_below[:, None] & self.enough_above[None, :]
        if not valid.any():
            return None
        explained = np.where(valid, heating * u + cooling * v, -np.inf)
        row, column = (int(n) for n in np.unravel_index(np.argmax(explained), explained.shape))
        slopes = float(heating[row, column]), float(cooling[row, column])
        return self._model(Shape.BOTH, row, column, *slopes)

    def _model(
        self, shape: Shape, row: int | None, column: int | None, heating: float, cooling: float
    ) -> DegreeDayModel:
        base = self.mean
        base -= heating * float(self.below_means[row]) if row is not None else 0.0
        base -= cooling * float(self.above_means[column]) if column is not None else 0.0
        model = DegreeDayModel(
            shape=shape,
            base=base,
            heating_slope=heating,
            heating_point=None if row is None else float(BALANCE_POINTS[row]),
            cooling_slope=cooling,
            cooling_point=None if column is None else float(BALANCE_POINTS[column]),
            fit=Fit(len(self.use), 1, self.mean, 0.0, 0.0, 0.0, 0.0),
        )
        parameters = 1 + (row is not None) + (column is not None)
        return replace(model, fit=_judge(self.use, model.predict(self.use), parameters))


def _is_enough(degree_days: Floats) -> NDArray[np.bool_]:
    """Tell of each balance point whether the days say anything about a slope."""
    days = np.count_nonzero(degree_days, axis=0)
    enough: NDArray[np.bool_] = (days >= LEAST_DAYS) & (
        degree_days.sum(axis=0) >= LEAST_KELVIN_DAYS
    )
    return enough


def _weekday_table(use: Use) -> tuple[Floats, int]:
    """Return kWh by season and weekday, and how many different means it holds."""
    cells = _seasons(use.numbers) * _WEEKDAYS + _weekdays(use.numbers)
    sums = np.bincount(cells, use.kwh, _SEASONS * _WEEKDAYS).reshape(_SEASONS, _WEEKDAYS)
    counts = np.bincount(cells, minlength=_SEASONS * _WEEKDAYS).reshape(_SEASONS, _WEEKDAYS)
    days = counts.sum(axis=0)
    overall = np.where(days > 0, sums.sum(axis=0) / np.maximum(days, 1), use.kwh.mean())
    own = counts >= _LEAST_SAME_DAYS
    table = np.where(own, sums / np.maximum(counts, 1), overall[None, :])
    shared = (~own & (counts > 0)).any(axis=0)
    return table, int(own.sum() + shared.sum())


def _weekdays(numbers: Ints) -> Ints:
    return numbers % _WEEKDAYS  # from Thursday on, as 1970-01-01 was one


def _seasons(numbers: Ints) -> Ints:
    months = numbers.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return (months + 1) % 12 // 3
