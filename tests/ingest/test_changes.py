"""What people change is known to a worker within seconds; what types accept holds everywhere."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, DeviceProfile
from telemetry.ingest.changes import LOOK_SECONDS, ChangeWatch
from telemetry.ingest.directory import CHANGED_SECONDS
from tests.decoding.test_foreign_worker import ext, family
from tests.factories import DeviceFactory
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


def mapping(unit: str) -> dict[str, Any]:
    value = {"path": "P", "channel": "active_power_net", "unit": unit}
    return {"topics": [{"topic": "werk/{device}", "values": [value]}]}


def a_moment_later(bench: Bench) -> None:
    bench.now += dt.timedelta(seconds=LOOK_SECONDS)
    bench.worker._directory.follow_changes(clock=bench.now.timestamp())
    bench.now += dt.timedelta(seconds=CHANGED_SECONDS)


def test_a_mapping_that_was_changed_is_used_within_three_seconds(bench: Bench) -> None:
    profile = family(bench, mapping("W")).profile
    bench.send({"P": 1000}, topic=ext(bench, "werk/box-1"))
    bench.drain()

    DeviceProfile.objects.filter(id=profile.id).update(mapping=mapping("kW"))
    a_moment_later(bench)

    bench.send({"P": 2}, topic=ext(bench, "werk/box-1"))
    bench.drain()
    assert [row[2] for row in bench.samples()] == [1.0, 2.0]


def test_a_topic_that_nobody_knew_is_known_when_a_type_names_it(bench: Bench) -> None:
    profile = family(bench, {}).profile
    bench.send({"P": 1000}, topic=ext(bench, "werk/box-1"))
    bench.drain()
    assert bench.reasons() == ["unknown_topic"]

    DeviceProfile.objects.filter(id=profile.id).update(mapping=mapping("W"))
    a_moment_later(bench)

    bench.send({"P": 1000}, topic=ext(bench, "werk/box-1"))
    bench.drain()
    assert [row[2] for row in bench.samples()] == [1.0]


@pytest.mark.parametrize("change", ["channel", "device"])
def test_a_changed_channel_or_type_counts_for_the_next_messages(bench: Bench, change: str) -> None:
    bench.send({"ts": T0, "values": {"power": 1000}})
    bench.drain()

    with all_tenants():
        if change == "channel":
            Channel.objects.filter(source="power").update(scale=2.0)
        else:
            other = DeviceFactory.create(site=bench.device.site).profile
            Channel.objects.filter(source="power").update(scale=2.0)
            Device.objects.filter(id=bench.device.id).update(profile=other)
    a_moment_later(bench)

    bench.send({"ts": T0 + 1, "values": {"power": 1000}})
    bench.drain()
    assert [row[2] for row in bench.samples()] == [1.0, 2.0]


def test_nothing_is_read_again_where_nothing_changed(
    bench: Bench, django_assert_num_queries: Any
) -> None:
    watch = ChangeWatch()
    watch.look(clock=0.0)

    with django_assert_num_queries(0):
        assert not watch.look(clock=LOOK_SECONDS - 0.1)
    with django_assert_num_queries(1):
        assert not watch.look(clock=LOOK_SECONDS)
    DeviceProfile.objects.filter(id=bench.device.profile_id).update(name="other")
    assert watch.look(clock=2 * LOOK_SECONDS).profiles == {bench.device.profile_id}
    assert not watch.look(clock=3 * LOOK_SECONDS)


@pytest.mark.parametrize("kaiser", [True, False])
def test_a_type_that_accepts_nothing_unknown_says_so_in_the_dialects(
    bench: Bench, kaiser: bool
) -> None:
    DeviceProfile.objects.filter(id=bench.device.profile_id).update(accepts_unknown=False)
    with all_tenants():
        device = Device.objects.select_related("gateway").get(id=bench.device.id)
    gateway = device.gateway.uid if device.gateway else ""
    topic = f"kaiser/{gateway}/esp/{device.uid}/sensor/4/data"
    document: dict[str, Any] = {"sensor_type": "strange", "value": 7.0}
    if not kaiser:
        topic = f"hydro/{gateway}/zone/{device.uid}/probe/telemetry"
        document = {"metric_type": "STRANGE", "value": 7.0}

    bench.send({"ts": T0, **document}, topic=topic)
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() == ["unknown_metric"]
    DeviceProfile.objects.filter(id=bench.device.profile_id).update(accepts_unknown=True)
    bench.now += dt.timedelta(seconds=40)
    bench.send({"ts": T0, **document}, topic=topic)
    bench.drain()
    with all_tenants():
        assert (
            Channel.objects.filter(name__contains="strange")
            .values_list("is_discovered", flat=True)
            .get()
        )
