"""The endpoint /api/v1/devices/{id}/latest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from telemetry.quality import Quality
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, LatestValueFactory

pytestmark = pytest.mark.django_db


def test_tells_value_unit_age_and_quality(red: Team, client_for: Callable[..., Client]) -> None:
    at = timezone.now() - dt.timedelta(seconds=90)
    device = DeviceFactory(tenant=red.tenant, last_seen_at=at)
    power = ChannelFactory(device=device, name="active_power_import", label="Power")
    LatestValueFactory(channel=power, time=at, value=1.5, quality=Quality.UNCERTAIN)
    ahead = ChannelFactory(device=device, name="voltage_l1", unit="V")
    LatestValueFactory(channel=ahead, time=timezone.now() + dt.timedelta(hours=1), value=230)
    ChannelFactory(device=device, name="zero_flow", unit="L/h")

    response = client_for(red.viewer).get(f"/api/v1/devices/{device.id}/latest")

    body = response.json()
    first, second, never = body["values"]
    assert (body["device"], body["status"]) == (str(device.id), "late")
    assert (first["metric"], first["label"], first["unit"]) == (
        "active_power_import", "Power", "kW",
    )  # fmt: skip
    assert (first["value"], first["quality"]) == (1.5, "uncertain")
    assert dt.datetime.fromisoformat(first["time"]) == at
    assert first["time"].endswith("Z")
    assert first["age_seconds"] == pytest.approx(90, abs=10)
    assert (second["value"], second["age_seconds"]) == (230, 0)  # the device's clock is ahead
    assert {name: never[name] for name in ("value", "time", "age_seconds", "quality")} == {
        "value": None, "time": None, "age_seconds": None, "quality": "missing",
    }  # fmt: skip
