"""A metered site to ask about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from devices.models import Channel
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.asking import DAY, QUARTER
from tests.telemetry.samples import every, store_samples


@pytest.fixture
def power(red: Team) -> Channel:
    """Power of a meter in Berlin: 2 kW, a sample each quarter from 24 to 26 October, UTC."""
    site = SiteFactory(tenant=red.tenant, timezone="Europe/Berlin")
    channel = ChannelFactory(device=DeviceFactory(site=site), name="active_power_import")
    store_samples(channel, every(QUARTER, DAY - dt.timedelta(days=1), [2.0] * 288))
    return channel


@pytest.fixture
def browser(red: Team, client_for: Callable[..., Client]) -> Client:
    return client_for(red.viewer)
