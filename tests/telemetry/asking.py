"""Asks /api/v1/telemetry/query."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.test import Client

from devices.models import Channel

DAY = dt.datetime(2026, 10, 25, tzinfo=dt.UTC)
QUARTER = dt.timedelta(minutes=15)
URL = "/api/v1/telemetry/query"


def ask(client: Client, channel: Channel, **params: Any) -> Any:
    return client.get(URL, {"device": channel.device_id, "metric": channel.name, **params})
