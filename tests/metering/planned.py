"""A site with two years of days, weather, and a use that follows it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import connection
from django.test import Client

from devices.models import Channel, Kind, Site
from metering.queries.plans import find_scope
from metering.queries.scopes import Scope
from metering.services.plans import (
    Reference,
)
from telemetry.storage.months import ensure_months, month_of
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.metering.energy_site import make_day_meters

DAY = dt.timedelta(days=1)
START, TODAY = dt.date(2025, 1, 1), dt.date(2026, 11, 20)
REFERENCE = Reference(START, dt.date(2026, 1, 1), dt.date(2026, 2, 1), note="New boiler")


def make_site(red: Team, *, start: dt.date = START, today: dt.date = TODAY) -> Site:
    """Return a site whose connection and submeter count 96 kWh a day until yesterday."""
    made: Site = SiteFactory(tenant=red.tenant, name="Izmir", timezone="Europe/Istanbul")
    make_day_meters(red, made.id, 2, start=start, end=today)
    return made


def scope_of(team: Team, site: Site) -> Scope:
    with team.scope():
        return find_scope("site", site.id)


def degrees(day: dt.date) -> float:
    """Return a winter and a summer, with weather between them."""
    number = day.timetuple().tm_yday
    return abs(number - 196) / -10.0 + 20.0 + (number * 7 % 5) - 2.0


def make_weather(site: Site, *, start: dt.date = START, today: dt.date = TODAY) -> Channel:
    """Store a value an hour of a channel outdoors."""
    device = DeviceFactory(site=site, name="Roof")
    channel: Channel = ChannelFactory(
        device=device, name="outdoor_temp", kind=Kind.GAUGE, unit="Cel"
    )
    first = dt.datetime.combine(start, dt.time(), dt.UTC) - DAY
    hours = [first + dt.timedelta(hours=n) for n in range(24 * ((today - start).days + 2))]
    ensure_months({month_of(hour) for hour in hours})
    rows = []
    for hour in hours:
        value = degrees((hour + dt.timedelta(hours=3)).date())
        rows.append((channel.id, hour, 1, value, value, value, value, value, hour, hour, 1))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO telemetry_rollup_15m (channel_id, start, count, sum, minimum, maximum,"
            f" first, last, first_time, last_time, good) VALUES (%s{', %s' * 10})",
            rows,
        )
    return channel


def heat(
    site: Site, *, saved: float = 0.0, since: dt.date = TODAY, start: dt.date = START,
    today: dt.date = TODAY, noise: float = 0.0,
) -> None:  # fmt: skip
    """Let each day take 20 kWh and 3 for each kelvin below 16 °C; less of it since a day.

    noise: how far days lie beside that, as a share; the same in every run.
    """
    rows = []
    for n in range((today - start).days):
        day = start + n * DAY
        kwh = 20 + 3 * max(16 - degrees(day), 0)
        kwh *= 1 - saved if day >= since else 1
        kwh *= 1 + noise * (n * 37 % 19 - 9) / 9
        rows.append((round(kwh * 1_000_000), day, site.id))
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE metering_day SET amount = %s WHERE day = %s AND register_id IN ("
            "SELECT r.id FROM metering_register r JOIN metering_meter m ON m.id = r.meter_id"
            " WHERE m.site_id = %s)",
            rows,
        )


def send(client: Client, method: str, url: str, body: dict[str, Any]) -> Any:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    return getattr(client, method)(url, body, content_type="application/json", headers=headers)
