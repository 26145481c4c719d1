"""Sparklines read little, and only what the tenant owns."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection

from telemetry.history import POINTS, STEP, last_day_of
from telemetry.partitions import ensure_partitions, week_of
from telemetry.quality import Quality
from tests.conftest import Team
from tests.factories import ChannelFactory


def add_sample(
    channel_id: int, at: dt.datetime, value: float, quality: Quality = Quality.GOOD
) -> None:
    """Save a sample in the week of its time."""
    ensure_partitions({week_of(at)}, now=at)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_sample (channel_id, time, value, quality)"
            " VALUES (%s, %s, %s, %s)",
            [channel_id, at, value, quality.value],
        )


@pytest.mark.django_db
def test_takes_the_first_good_value_of_each_half_hour(red: Team, now: dt.datetime) -> None:
    channel = ChannelFactory(tenant=red.tenant)
    start = now - dt.timedelta(hours=24)
    add_sample(channel.id, start + dt.timedelta(minutes=1), 999.0, Quality.BAD)
    add_sample(channel.id, start + dt.timedelta(minutes=2), 3.0)
    add_sample(channel.id, start + dt.timedelta(minutes=3), 4.0)
    add_sample(channel.id, now - STEP / 2, 7.0)

    [values] = last_day_of([channel.id], tenant_id=red.tenant.id, now=now).values()

    assert values == [3.0] + [None] * (POINTS - 2) + [7.0]


@pytest.mark.django_db
def test_a_foreign_channel_has_no_values(red: Team, blue: Team, now: dt.datetime) -> None:
    channel = ChannelFactory(tenant=blue.tenant)
    add_sample(channel.id, now - STEP / 2, 7.0)

    [values] = last_day_of([channel.id], tenant_id=red.tenant.id, now=now).values()

    assert values == [None] * POINTS
