"""Readings of devices whose clock is wrong, or that have none."""

import msgspec
import pytest

from devices.models import ClockPolicy, DeviceProfile
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.clocks import MAX_KEPT_US, MessageClock
from telemetry.ingest.times import TimeError
from telemetry.quality import Quality
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())
RECEIVED = to_microseconds(START)
DAY = 86_400


@pytest.fixture
def lenient(bench: Bench) -> Bench:
    """Return a bench whose meter's type keeps readings with a wrong clock."""
    DeviceProfile.objects.filter(id=bench.device.profile_id).update(
        clock_policy=ClockPolicy.RECEIVE_TIME
    )
    return bench


@pytest.mark.parametrize("ts", [17, 1000 * 17.5, T0 + DAY, "1970-01-01T00:03:00Z"])
def test_wrong_clocks_are_rejected_by_default(bench, ts):
    bench.send({"ts": ts, "values": {"power": 1000}})
    bench.drain()

    assert bench.samples() == []
    assert bench.reasons() in (["time_too_old"], ["time_in_future"])


@pytest.mark.parametrize("ts", [17, 1000 * 17.5, T0 + DAY, "1970-01-01T00:03:00Z"])
def test_wrong_clocks_get_the_time_of_receipt_where_the_type_says_so(lenient, ts):
    lenient.send({"ts": ts, "values": {"power": 1000}})
    lenient.drain()

    assert lenient.samples() == [("active_power_net", 0, 1.0, Quality.UNCERTAIN)]
    assert lenient.reasons() == []


def test_right_clocks_stay_good_where_wrong_ones_are_forgiven(lenient):
    lenient.send({"ts": T0 - 60, "values": {"power": 1000}}, {"values": {"power": 2000}})
    lenient.drain()

    assert [row[1:] for row in lenient.samples()] == [
        (-60, 1.0, Quality.GOOD),
        (0, 2.0, Quality.GOOD),
    ]


def test_what_a_device_kept_without_a_clock_keeps_its_distances(lenient):
    lenient.send([{"ts": 100 + n * 10, "values": {"power": n}} for n in range(4)])
    lenient.drain()

    assert [row[1] for row in lenient.samples()] == [-30, -20, -10, 0]


def test_texts_that_are_no_time_are_never_forgiven(lenient):
    lenient.send({"ts": "soon", "values": {"power": 1}}, {"ts": "2026-11-20T12:00:00", "power": 1})
    lenient.drain()

    assert lenient.reasons() == ["bad_time", "naive_time"]


def test_a_kept_message_counts_only_with_its_own_time(lenient):
    kept = [{"values": {"power": 1}}, {"ts": 5, "values": {"power": 2}}, {"ts": T0 - 9, "power": 3}]
    lenient.buffer.append(
        [msgspec.structs.replace(lenient.envelope(item), is_retained=True) for item in kept]
    )
    lenient.drain()

    assert [row[1] for row in lenient.samples()] == [-9]
    assert lenient.reasons() == ["retained_without_time"] * 2


def test_a_distance_of_more_than_a_month_is_no_distance():
    clock = MessageClock([1, 1 + 32 * DAY], received_at=RECEIVED, is_retained=False)

    assert clock.settle(1 + 32 * DAY, ClockPolicy.RECEIVE_TIME) == (RECEIVED, False)
    with pytest.raises(TimeError, match="before 2000"):
        clock.settle(1, ClockPolicy.RECEIVE_TIME)
    assert MAX_KEPT_US < 32 * DAY * 1_000_000
