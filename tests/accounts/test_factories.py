"""Rows made by factories belong to one tenant and can be saved."""

import pytest

from accounts.tenancy import tenant_scope
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    GatewayFactory,
    LatestValueFactory,
    RejectedMessageFactory,
    SiteFactory,
)

pytestmark = pytest.mark.django_db


def test_makes_a_whole_chain_in_one_tenant():
    latest = LatestValueFactory()

    channel = latest.channel
    owners = {latest.tenant, channel.tenant, channel.device.tenant}
    owners |= {channel.device.site.tenant, channel.device.gateway.tenant}
    assert owners == {latest.tenant}
    assert channel.device.gateway.site == channel.device.site


def test_takes_the_tenant_given(red: Team):
    assert ChannelFactory(tenant=red.tenant).device.site.tenant == red.tenant


def test_takes_the_tenant_and_place_of_the_parent(red: Team):
    site = SiteFactory(tenant=red.tenant)
    gateway = GatewayFactory(site=site)

    device = DeviceFactory(gateway=gateway)

    assert device.tenant == red.tenant
    assert device.site == site
    assert ChannelFactory(device=device).tenant == red.tenant


def test_makes_a_direct_device(red: Team):
    device = DeviceFactory(tenant=red.tenant, gateway=None)

    with tenant_scope(red.tenant.id):
        device.refresh_from_db()
    assert device.gateway is None


def test_makes_rejected_messages_of_no_tenant():
    assert RejectedMessageFactory().tenant is None


def test_gives_each_worker_keys_of_its_own(settings, redis):
    redis.set(f"{settings.REDIS_KEY_PREFIX}probe", 1)

    assert settings.REDIS_KEY_PREFIX.startswith("test:")
