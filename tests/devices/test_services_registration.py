"""Registering sites, gateways and devices."""

import pytest
from django.core.exceptions import ValidationError

from accounts.tenancy import TenantScopeMissing
from devices.models import Channel, Device, DeviceProfile, Gateway, ProfileChannel
from devices.services.devices import DeviceExists, GatewayElsewhere, register_device
from devices.services.gateways import GatewayExists, UnusableIdentifier, register_gateway
from devices.services.profiles import UnknownProfile, ensure_profile
from devices.services.sites import SiteExists, register_site
from tests.factories import GatewayFactory, SiteFactory

pytestmark = pytest.mark.django_db


class TestSites:
    def test_saves_a_place_of_the_tenant(self, red):
        with red.scope():
            site = register_site(
                tenant=red.tenant, name="Izmir plant", timezone="Europe/Istanbul", currency="TRY"
            )

        assert (site.tenant_id, site.currency) == (red.tenant.id, "TRY")

    def test_refuses_a_name_twice(self, red):
        with red.scope():
            register_site(tenant=red.tenant, name="Izmir plant", timezone="UTC")

            with pytest.raises(SiteExists):
                register_site(tenant=red.tenant, name="Izmir plant", timezone="UTC")

    def test_refuses_an_invented_time_zone(self, red):
        with red.scope(), pytest.raises(ValidationError):
            register_site(tenant=red.tenant, name="Izmir plant", timezone="Europe/Smyrna")

    def test_refuses_to_save_for_another_tenant(self, red, blue):
        with blue.scope(), pytest.raises(ValidationError):
            register_site(tenant=red.tenant, name="Izmir plant", timezone="UTC")

    def test_refuses_outside_a_scope(self, red):
        with pytest.raises(TenantScopeMissing):
            register_site(tenant=red.tenant, name="Izmir plant", timezone="UTC")


class TestGateways:
    def test_gets_a_device_for_its_own_readings(self, red):
        site = SiteFactory(tenant=red.tenant)

        with red.scope():
            gateway = register_gateway(site=site, uid="gw-izmir-1", name="Main switchboard")
            own = Device.objects.get(gateway=gateway, uid="gw-izmir-1")

            assert own.profile.key == "gateway-health"
            assert set(own.channels.values_list("name", flat=True)) == {
                "rssi",
                "uptime",
                "free_heap",
            }

    def test_an_identifier_is_unique_over_all_tenants(self, red, blue):
        with red.scope():
            register_gateway(site=SiteFactory(tenant=red.tenant), uid="gw-1", name="One")

        with blue.scope():
            with pytest.raises(GatewayExists):
                register_gateway(site=SiteFactory(tenant=blue.tenant), uid="gw-1", name="Two")

            assert not Gateway.objects.exists()

    @pytest.mark.parametrize(
        "uid",
        [
            "",
            "a/b",
            "a+",
            "#",
            "a..b",
            "raw",
            "platform",
            "admin",
            "x" * 65,
            "0190f0e2-1111-7abc-8def-0123456789ab",
        ],
    )
    def test_refuses_what_would_be_unsafe_on_the_broker(self, red, uid):
        with red.scope(), pytest.raises(UnusableIdentifier):
            register_gateway(site=SiteFactory(tenant=red.tenant), uid=uid, name="One")

    def test_refuses_the_site_of_another_tenant(self, red, blue):
        site = SiteFactory(tenant=red.tenant)

        with blue.scope(), pytest.raises(ValidationError):
            register_gateway(site=site, uid="gw-1", name="One")


class TestDevices:
    def test_gets_the_channels_of_its_profile(self, red):
        gateway = GatewayFactory(tenant=red.tenant)
        profile = ensure_profile(key="three-phase-meter")

        with red.scope():
            device = register_device(
                site=gateway.site, gateway=gateway, uid="m1", name="Line 1", profile=profile
            )
            power = Channel.objects.get(device=device, name="active_power_net")

            assert device.channels.count() == profile.channels.count() == 16
            assert (power.source, power.source_unit, power.unit) == (
                "power_active_total",
                "W",
                "kW",
            )
            assert not power.is_discovered

    def test_may_connect_itself(self, red):
        site = SiteFactory(tenant=red.tenant)

        with red.scope():
            device = register_device(
                site=site,
                gateway=None,
                uid="s1",
                name="Hall",
                profile=ensure_profile(key="climate-sensor"),
            )

        assert device.gateway is None

    def test_refuses_an_identifier_twice(self, red):
        gateway = GatewayFactory(tenant=red.tenant)
        wanted = {
            "site": gateway.site,
            "gateway": gateway,
            "uid": "m1",
            "name": "Line 1",
            "profile": ensure_profile(key="generic"),
        }

        with red.scope():
            register_device(**wanted)

            with pytest.raises(DeviceExists):
                register_device(**wanted)

    def test_refuses_a_gateway_of_another_site(self, red):
        gateway = GatewayFactory(tenant=red.tenant)

        with red.scope(), pytest.raises(GatewayElsewhere):
            register_device(
                site=SiteFactory(tenant=red.tenant),
                gateway=gateway,
                uid="m1",
                name="Line 1",
                profile=ensure_profile(key="generic"),
            )

    @pytest.mark.parametrize("uid", ["a b", "a/b", "device", ""])
    def test_refuses_an_unsafe_identifier(self, red, uid):
        site = SiteFactory(tenant=red.tenant)

        with red.scope(), pytest.raises(ValidationError):
            register_device(
                site=site,
                gateway=None,
                uid=uid,
                name="Line 1",
                profile=ensure_profile(key="generic"),
            )

    def test_refuses_the_site_of_another_tenant(self, red, blue):
        gateway = GatewayFactory(tenant=red.tenant)

        with blue.scope(), pytest.raises(ValidationError):
            register_device(
                site=gateway.site,
                gateway=gateway,
                uid="m1",
                name="Line 1",
                profile=ensure_profile(key="generic"),
            )
        with red.scope():
            assert not Device.objects.exists()


class TestProfiles:
    def test_is_made_once(self):
        one = ensure_profile(key="pv-inverter")
        other = ensure_profile(key="pv-inverter")

        assert one == other
        assert DeviceProfile.objects.count() == 1
        assert ProfileChannel.objects.filter(profile=one).count() == 13

    def test_keeps_what_people_changed(self):
        profile = ensure_profile(key="water-meter")
        profile.channels.filter(name="water_volume").update(scale=0.01)
        DeviceProfile.objects.filter(id=profile.id).update(expected_interval_seconds=900)

        again = ensure_profile(key="water-meter")

        assert again.expected_interval_seconds == 900
        assert again.channels.get(name="water_volume").scale == 0.01

    def test_refuses_an_unknown_key(self):
        with pytest.raises(UnknownProfile):
            ensure_profile(key="perpetuum-mobile")
