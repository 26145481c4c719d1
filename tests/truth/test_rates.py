"""Values that change faster than their channel can."""

import datetime as dt

import pytest

from devices.models import Channel, Kind
from telemetry.quality import Quality
from tests.ingest.conftest import START, Bench

pytestmark = pytest.mark.django_db(transaction=True)

T0 = int(START.timestamp())


@pytest.fixture
def limited(bench: Bench) -> Bench:
    """Return a bench whose power changes by at most 1 kW a second."""
    with bench.team.scope():
        Channel.objects.filter(name="active_power_net").update(maximum_rate=1.0)
    bench.now = START + dt.timedelta(minutes=4)
    return bench


def send(bench: Bench, *points: tuple[int, float]) -> None:
    bench.send(*[{"ts": T0 + at, "values": {"power": kw * 1000}} for at, kw in points])
    bench.drain()


def qualities(bench: Bench) -> dict[int, int]:
    return {at: quality for name, at, _v, quality in bench.samples() if name != "voltage_l1"}


def test_a_jump_is_uncertain_and_what_follows_is_not(limited):
    send(limited, (0, 5), (10, 6), (20, 900), (30, 7))

    assert qualities(limited) == {0: 0, 10: 0, 20: Quality.UNCERTAIN, 30: 0}


def test_judges_across_batches_and_workers(limited):
    send(limited, (0, 5))
    send(limited, (10, 900))
    limited.worker.close()
    limited.worker = limited.make_worker("worker-2")
    send(limited, (20, 901))
    send(limited, (30, 6))

    assert qualities(limited) == {0: 0, 10: 1, 20: 1, 30: 0}


def test_a_step_that_stays_is_believed_in_time(limited):
    send(limited, (0, 5), (10, 45), (20, 45), (60, 45), (61, 45))

    assert qualities(limited) == {0: 0, 10: 1, 20: 1, 60: 0, 61: 0}


def test_late_values_and_channels_without_limit_are_not_judged(limited):
    send(limited, (60, 5))
    send(limited, (30, 900))
    limited.send(
        {"ts": T0 + 1, "values": {"voltage_l1": 1}}, {"ts": T0 + 2, "values": {"voltage_l1": 400}}
    )
    limited.drain()

    assert {row[3] for row in limited.samples()} == {0}


def test_a_counter_may_fall_to_its_beginning(limited):
    with limited.team.scope():
        Channel.objects.filter(name="active_power_net").update(kind=Kind.COUNTER)
    send(limited, (0, 5000), (10, 1), (20, 2), (30, 5000))

    assert qualities(limited) == {0: 0, 10: 0, 20: 0, 30: 1}
