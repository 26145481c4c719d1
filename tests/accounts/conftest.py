"""Two small fleets that must never see each other."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from devices.models import Device, Gateway, Site
from tests.conftest import Team
from tests.factories import DeviceFactory, GatewayFactory, SiteFactory


@dataclass(frozen=True, slots=True)
class Fleet:
    """A tenant's site `red-site`, gateway `red-gw` and device `red-1`."""

    team: Team
    site: Site
    gateway: Gateway
    device: Device


def make_fleet(team: Team) -> Fleet:
    """Save one site with one gateway and one device."""
    name = team.tenant.slug
    site = SiteFactory(tenant=team.tenant, name=f"{name}-site")
    gateway = GatewayFactory(site=site, uid=f"{name}-gw")
    return Fleet(team, site, gateway, DeviceFactory(gateway=gateway, uid=f"{name}-1"))


@pytest.fixture
def red_fleet(red: Team) -> Fleet:
    """The fleet of tenant red."""
    return make_fleet(red)


@pytest.fixture
def blue_fleet(blue: Team) -> Fleet:
    """The fleet of tenant blue."""
    return make_fleet(blue)
