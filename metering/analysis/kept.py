"""Models of baselines as they are kept, and how far they are beside what they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any

import numpy as np

from metering.analysis.baseline import DegreeDayModel, Fit, Model, Shape, WeekdayModel
from metering.analysis.use import Use

# of CV(RMSE): ASHRAE guideline 14 asks for the first, CalTRACK leaves out what is above the second
GOOD_CVRMSE, MOST_CVRMSE = 0.25, 1.0


class Verdict(StrEnum):
    """How well a model follows its reference period."""

    GOOD = "good"
    LOOSE = "loose"  # it scatters more than ASHRAE guideline 14 wants
    POOR = "poor"  # above the limit of CalTRACK; its savings prove nothing


def judge_fit(cvrmse: float | None) -> Verdict:
    """Return what a CV(RMSE) is worth; None, without a mean use, is nothing."""
    if cvrmse is None or cvrmse > MOST_CVRMSE:
        return Verdict.POOR
    return Verdict.GOOD if cvrmse <= GOOD_CVRMSE else Verdict.LOOSE


def find_bias(model: Model, use: Use) -> float | None:
    """Return the NMBE as a share of the mean use; None where that is nothing."""
    free = max(model.fit.observations - model.fit.parameters, 1)
    if model.fit.mean <= 0:
        return None
    return float((use.kwh - model.predict(use)).sum()) / (free * model.fit.mean)


def write_model(model: Model) -> dict[str, Any]:
    """Return a model as JSON."""
    found: dict[str, Any] = {"shape": model.shape.value, "fit": asdict(model.fit)}
    if isinstance(model, WeekdayModel):
        return found | {"table": model.table.tolist()}
    names = ("base", "heating_slope", "heating_point", "cooling_slope", "cooling_point")
    return found | {name: getattr(model, name) for name in names}


def read_model(kept: Mapping[str, Any]) -> Model:
    """Return what `write_model` wrote."""
    shape, fit = Shape(kept["shape"]), Fit(**kept["fit"])
    if shape is Shape.WEEKDAYS:
        return WeekdayModel(shape, np.array(kept["table"], dtype=np.float64), fit)
    return DegreeDayModel(
        shape=shape, base=kept["base"],
        heating_slope=kept["heating_slope"], heating_point=kept["heating_point"],
        cooling_slope=kept["cooling_slope"], cooling_point=kept["cooling_point"], fit=fit,
    )  # fmt: skip
