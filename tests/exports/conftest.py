"""A channel with two days of samples, and a folder for files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from devices.models import Channel
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory
from tests.telemetry.samples import every, store_samples

START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
MINUTES = 2880


@pytest.fixture(autouse=True)
def folder(settings, tmp_path: Path) -> Path:
    """Keep files of tests out of the installation."""
    exports = {**settings.STORAGES["exports"]}
    exports["OPTIONS"] = {**exports["OPTIONS"], "location": str(tmp_path)}
    settings.STORAGES = {**settings.STORAGES, "exports": exports}
    return tmp_path


@pytest.fixture
def power(red: Team) -> Channel:
    """Power of a meter, a sample a minute for two days."""
    site = SiteFactory(tenant=red.tenant, timezone="UTC")
    channel = ChannelFactory(device=DeviceFactory(site=site), name="active_power_import")
    store_samples(channel, every(dt.timedelta(minutes=1), START, map(float, range(MINUTES))))
    return channel


@pytest.fixture
def browser(red: Team, client_for: Callable[..., Client]) -> Client:
    """Return the browser of somebody who may only look."""
    return client_for(red.viewer)
