"""A canonical name carries the stored unit, whatever the device calls the quantity."""

import pytest

pytestmark = pytest.mark.django_db


def test_watts_under_an_alias_and_kilowatts_under_the_canonical_name_agree(bench):
    bench.send({"ts": bench.now.timestamp(), "values": {"power_active_total": 1500}})
    bench.drain()
    bench.send({"ts": bench.now.timestamp(), "values": {"active_power_net": 1.5}})
    bench.drain()

    assert {value for name, _, value, _ in bench.samples() if "active_power_net" in name} == {1.5}
