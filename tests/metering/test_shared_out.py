"""What was measured over a longer time is certain in its sum, and not in its time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from metering.models import Meter
from metering.queries.costs import known_quality
from metering.queries.energy import Quality
from metering.queries.overview import MeterRow, meter_tree
from reports.energy.facts import Facts, quality_line
from tests.metering.conftest import NOW, Plant
from tests.metering.counted import BEGIN


@pytest.mark.parametrize(
    ("measured", "prorated", "estimated", "state", "icon"),
    [
        (1.0, 0.0, 0.0, "whole", "check"),
        (0.995, 0.005, 0.0, "whole", "check"),
        (0.9, 0.1, 0.0, "shared", "info"),
        (0.0, 1.0, 0.0, "shared", "info"),
        (0.5, 0.4, 0.1, "part", "warning"),
        (0.0, 0.0, 0.0, "part", "warning"),
    ],
)
def test_each_state_has_its_sign(
    measured: float, prorated: float, estimated: float, state: str, icon: str
) -> None:
    quality = Quality(measured, prorated, estimated, 0.0, 1 - measured - prorated - estimated)

    assert quality.state == state
    assert Facts((), "", quality.state).icon == icon
    assert ("when it was used is not" in quality_line(quality)) == (state == "shared")


@pytest.mark.parametrize(
    ("certain", "shared", "light"),
    [
        (1.0, 0.0, "good"), (1.0, 0.01, "good"), (1.0, 0.02, "shared"),
        (0.95, 0.9, "uncertain"), (0.5, 0.5, "bad"), (None, 0.0, "missing"),
    ],
)  # fmt: skip
def test_a_meter_that_tells_hours_is_not_shown_as_good(
    certain: float | None, shared: float, light: str
) -> None:
    row = MeterRow(Meter(), 0, None, None, certain, shared, None, None)

    assert row.light == light


@pytest.mark.django_db
@pytest.mark.usefixtures("redis")
def test_costs_and_meters_tell_shared_out_quarters_apart(plant: Plant) -> None:
    channel = plant.channel(expected_interval_seconds=3600)
    register = plant.meter(channel)
    plant.store(channel, BEGIN + np.arange(16) * 3_600_000_000, np.arange(16) * 2.0)
    plant.build()

    today = NOW.date()
    with plant.red.scope():
        meter = Meter.objects.get(id=register.meter_id)
        known = known_quality([meter], today, today + dt.timedelta(days=1), 96)
        [site] = meter_tree(now=NOW)

    assert (known.measured, known.prorated, known.estimated, known.missing) == (0, 60, 0, 36)
    assert known.prorated_share == 60 / 96
    assert site.rows[0].shared > 0.01
