"""Virtual channels follow what they are computed from, whatever comes when."""

import datetime as dt
import random

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy.lib.redis import key
from telemetry.ingest.batch import decode_stored
from telemetry.ingest.directory import Directory
from telemetry.ingest.topics import door_topic
from telemetry.models import LatestValue, VirtualChannel
from telemetry.quality import Quality
from telemetry.services.virtual import Wanted, change_virtual_channel
from telemetry.storage.packer import pack_days
from telemetry.virtual import reactor
from tests.virtual.conftest import NOON, random_rows


def test_quarters_of_gauges(plant):
    plant.virtual("a + b", "a", "b")
    plant.run(2)
    plant.store([("a", 0, 1), ("a", 60, 3), ("b", 30, 10), ("a", 900, 5), ("b", 1800, 7)])
    plant.run(2)
    assert plant.values() == {0: 12.0}, "only quarters in which both have a value"
    plant.store([("b", 905, 1)])
    plant.run(2)
    assert plant.values() == {0: 12.0, 900: 6.0}


def test_counters_count_with_the_first_value_of_a_quarter(plant):
    plant.virtual("meter * 2", "meter", unit="kWh", kind="total_increasing")
    plant.run(2)
    plant.store([("meter", 10, 100), ("meter", 600, 101), ("meter", 902, 102)])
    plant.run(2)
    assert plant.values() == {0: 200.0, 900: 204.0}


def test_latest_within_the_tolerance(plant):
    plant.virtual("a - b", "a", "b", alignment="latest", tolerance_seconds=60)
    plant.run(2)
    plant.store([("a", 0, 5), ("b", 10, 1), ("a", 60, 6), ("a", 71, 9), ("b", 131, 2)])
    plant.run(2)
    assert plant.values() == {10: 4.0, 60: 5.0, 131: 7.0}


def test_late_rows_and_their_neighbours(plant):
    plant.virtual("a - b", "a", "b", alignment="latest", tolerance_seconds=60)
    plant.run(2)
    plant.store([("a", 0, 5), ("b", 10, 1), ("b", 20, 2)])
    plant.run(2)
    assert plant.values() == {10: 4.0, 20: 3.0}
    plant.store([("a", 15, 9)])
    plant.run(2)
    assert plant.values() == {10: 4.0, 15: 8.0, 20: 7.0}


def test_quality_is_that_of_the_worst_input_and_bad_ones_do_not_count(plant):
    plant.virtual("a + b", "a", "b", alignment="latest")
    plant.run(2)
    plant.store([("a", 0, 1)], quality=Quality.ESTIMATED)
    plant.store([("b", 1, 1)])
    plant.store([("b", 2, 900)], quality=Quality.BAD)
    plant.run(2)
    assert plant.rows() == [(1, 2.0, Quality.ESTIMATED)]


def test_a_division_by_zero_has_no_row_and_takes_away_what_was_there(plant):
    plant.virtual("a / b", "a", "b", unit="1")
    plant.run(2)
    plant.store([("a", 0, 4), ("b", 0, 2)])
    plant.run(2)
    assert plant.values() == {0: 2.0}
    plant.store([("b", 1, -2)])
    plant.run(2)
    assert plant.values() == {}, "the average of b is zero"


def test_history_is_computed_on_creation_in_pieces(plant, monkeypatch):
    month = [("a", day * 86_400, float(day)) for day in range(-40, 0)]
    plant.store(month + [("b", second, 1.0) for _name, second, _value in month])
    made = plant.virtual("a + b", "a", "b")
    monkeypatch.setattr(reactor, "BUILD_SECONDS", 0.0001)
    plant.run(2)
    with plant.team.scope():
        made.refresh_from_db()
    assert made.build_from <= NOON - dt.timedelta(days=40)
    assert made.build_next < made.build_until, "not all at once"

    plant.follower.close()
    plant.follower = plant.make_follower("two")  # as after a crash
    plant.run(12)
    with plant.team.scope():
        made.refresh_from_db()
    assert (made.needs_build, made.build_next) == (False, None)
    assert plant.values() == {day * 86_400: day + 1.0 for day in range(-40, 0)}


def test_a_changed_formula_changes_all_history(plant):
    plant.store([("a", second, 1.0) for second in range(0, 3600, 60)])
    made = plant.virtual("a * 2", "a")
    plant.run()
    assert set(plant.values().values()) == {2.0}
    with plant.team.scope():
        change_virtual_channel(
            virtual_id=made.id,
            wanted=Wanted("a * 3", {"a": plant.channels["a"].id}),
            now=plant.now,
        )
    plant.run()
    assert set(plant.values().values()) == {3.0}
    assert len(plant.values()) == 4


def test_one_on_top_of_another(plant):
    plant.virtual("a + b", "a", "b", name="total")
    plant.virtual("total * 10", "total", name="tenfold")
    plant.run(2)
    plant.store([("a", 0, 1), ("b", 0, 2)])
    plant.run(4)
    assert (plant.values("total"), plant.values("tenfold")) == ({0: 3.0}, {0: 30.0})


def test_the_latest_value_and_the_other_reactors_are_told(plant):
    plant.virtual("a + b", "a", "b", alignment="latest")
    plant.run(2)
    plant.store([("a", 0, 1), ("b", 5, 2)])
    plant.run(2)
    with plant.team.scope():
        latest = LatestValue.objects.get(channel=plant.channels["total"])
    assert (latest.value, latest.time) == (3.0, NOON + dt.timedelta(seconds=5))
    entries = [decode_stored(fields[b"b"]) for _id, fields in plant.redis.xrange(key("samples"))]
    own = [row for entry in entries for row in entry.samples().tolist()
           if row[0] == plant.channels["total"].id]  # fmt: skip
    assert [row[2] for row in own] == [3.0]
    assert entries[-1].is_live().tolist() == [True]
    length = len(entries)
    plant.run(4)
    assert plant.redis.xlen(key("samples")) <= length


def test_batches_that_passed_unseen(plant):
    plant.virtual("a * 1", "a")
    plant.run(2)
    plant.store([("a", 0, 1)])
    plant.run(2)
    plant.store([("a", -86_400 * 30, 7)])
    plant.redis.delete(key("samples"))  # and with it the group
    plant.run()
    assert plant.values() == {0: 1.0, -86_400 * 30: 7.0}


def test_a_crash_before_the_acknowledgement_changes_nothing(plant, monkeypatch):
    plant.virtual("a + b", "a", "b")
    plant.run(2)
    plant.store([("a", 0, 1), ("b", 0, 2)])
    monkeypatch.setattr(plant.follower, "_acknowledge", lambda: (_ for _ in ()).throw(OSError()))
    with pytest.raises(OSError):
        plant.follower.round(now=plant.now.timestamp(), block=False)
    plant.store([("b", 60, 4)])
    plant.follower.close()
    plant.follower = plant.make_follower("two")
    plant.run(8)
    assert plant.values() == {0: 4.0}


def test_what_a_device_sends_never_lands_in_it(plant):
    plant.virtual("a * 1", "a", name="total")
    topic = door_topic(plant.team.tenant.id, plant.device.id)
    directory = Directory()
    directory.load([topic], clock=0.0)
    source = directory.find(topic, clock=0.0)
    assert source is not None
    assert set(source.slots) == {"a", "b", "meter"}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    parts=st.integers(1, 6),
    alignment=st.sampled_from(["quarter", "latest"]),
)
def test_shuffled_is_in_order(plant, seed, parts, alignment):
    """Rows in any order, some twice, give what one computation over all of them gives."""
    rows = random_rows(seed, 60)
    name = f"v{seed}_{parts}_{alignment}_{random.randrange(10**9)}"
    made = plant.virtual(
        "max(a - b, 0)", "a", "b", name=name, alignment=alignment, tolerance_seconds=90
    )
    plant.run(2)
    shuffled = rows + rows[:10]
    random.Random(seed).shuffle(shuffled)
    for part in range(parts):
        if shuffled[part::parts]:
            plant.store(shuffled[part::parts])
        plant.run(1)
    plant.run(2)
    found = plant.rows(name)

    with plant.team.scope():
        VirtualChannel.objects.filter(id=made.id).update(needs_build=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM telemetry_sample WHERE channel_id = %s", [plant.channels[name].id]
        )
    plant.run(4)
    assert plant.rows(name) == found
    assert found
    with plant.team.scope():
        made.channel.delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")
        cursor.execute("UPDATE telemetry_latestvalue SET time = NULL")


def test_it_is_never_packed(plant):
    week = -86_400 * 20
    plant.virtual("a * 2", "a")
    plant.store([("a", week + second, 1.0) for second in range(0, 3600, 600)])
    plant.run(3)
    before = plant.values()
    pack_days(now=plant.now, after=dt.timedelta(days=7))
    assert plant.values() == before
    assert plant.values("a") == {}, "what was measured is packed"
    plant.store([("a", week + 60, 4.0)])
    plant.run(3)
    assert plant.values()[week] == pytest.approx(2 * (1 + 1 + 4) / 3)
