"""Meters with a register that stood so and so, and the text of their pages."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from django.test import Client
from django.urls import reverse

from metering.models import Meter
from metering.series import QUARTER_US
from telemetry.ingest.batch import to_microseconds
from tests.metering.conftest import Plant

START = dt.datetime(2026, 11, 19, 21, tzinfo=dt.UTC)  # midnight in Istanbul
BEGIN = to_microseconds(START)


def count(plant: Plant, values: Any, **wanted: Any) -> Meter:
    """Return a meter whose register stood so from the midnight before `NOW` on."""
    channel = plant.channel()
    register = plant.meter(channel, **wanted)
    plant.store(channel, BEGIN + np.arange(len(values)) * QUARTER_US, values)
    plant.build()
    return register.meter


def text_of(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    return str(answer.content.decode())
