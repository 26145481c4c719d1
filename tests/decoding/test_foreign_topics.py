"""Topics of other makers: what they mean, and whose they are."""

import uuid

import pytest

from devices.services.broker_accounts import device_grant, gateway_grant
from devices.topic_filters import may_publish, may_subscribe
from telemetry.ingest.topics import Family, TopicError, parse_topic
from tests.factories import DeviceFactory, GatewayFactory, SiteFactory

TENANT = uuid.UUID("5e2f9f4e-4f4b-4b5f-9a55-0d7b2a3f5a10")
DEVICE = uuid.UUID("0c8c9f6e-8d2f-4d0a-8f39-0f6f0f2f7c11")
NATIVE = (
    "tele/desk/SENSOR", "shellies/a b/emeter/0/power", "zigbee2mqtt/Wohnzimmer/Lampe groß",
    "N/c0619ab2f10b/pvinverter/20/Ac/L2/Power", "x", "a//b", "ext/ext", "<node>/state", "$SYS/x",
    "dp/status/switch:0", "../../etc", "reported/status", "tenant/x/gw/y/data/timeseries",
)  # fmt: skip


@pytest.mark.parametrize("native", NATIVE)
def test_what_stands_below_ext_is_the_makers(native):
    route = parse_topic(f"tenant/{TENANT}/gw/gw-1/ext/{native}")
    direct = parse_topic(f"devices/{DEVICE}/ext/{native}")

    assert (route.family, route.gateway_uid, route.native) == (Family.FOREIGN, "gw-1", native)
    assert (direct.family, direct.device_id, direct.native) == (Family.FOREIGN, DEVICE, native)
    assert route.message is None
    assert direct.message is None


def test_a_metric_may_still_be_called_ext():
    assert parse_topic(f"devices/{DEVICE}/ext").metric == "ext"


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        (f"tenant/{TENANT}/gw/gw-1/ext", "unknown_topic"),
        ("tenant/nobody/gw/gw-1/ext/a", "bad_tenant_id"),
        (f"tenant/{TENANT}/gw/raw/ext/a", "reserved_segment"),
        (f"tenant/{TENANT}/xx/gw-1/ext/a", "unknown_topic"),
        ("devices/nobody/ext/a", "bad_device_id"),
        (f"devices/{DEVICE}/ext/a\x00b", "unsafe_segment"),
        (f"devices/{DEVICE}/ext/{'a' * 600}", "topic_too_long"),
        ("ext/a", "unknown_topic"),
    ],
)
def test_what_is_wrong_has_a_code(topic, code):
    with pytest.raises(TopicError) as caught:
        parse_topic(topic)

    assert caught.value.code == code


@pytest.mark.django_db
def test_an_account_uses_its_own_ext_only(red, blue):
    grants = []
    for team in (red, blue):
        with team.scope():
            site = SiteFactory(tenant=team.tenant)
            gateway = GatewayFactory(tenant=team.tenant, site=site)
            device = DeviceFactory(tenant=team.tenant, site=site, gateway=None)
            prefix = f"tenant/{team.tenant.id}/gw/{gateway.uid}"
            grants.append((gateway_grant(gateway, None), prefix))
            grants.append((device_grant(device, None), f"devices/{device.id}"))

    for grant, own in grants:
        for _other, prefix in grants:
            allowed = prefix == own
            assert may_publish(f"{prefix}/ext/tele/x/SENSOR", grant.publish) == allowed
            assert may_subscribe(f"{prefix}/ext/#", grant.receive) == allowed
