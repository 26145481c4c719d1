"""Old days are packed without anybody noticing, whatever arrives late or dies."""

from __future__ import annotations

import datetime as dt
import json
import random

import pytest
from django.db import connection

from telemetry.erasure import erase_telemetry
from telemetry.ingest.batch import SAMPLE_DTYPE, to_microseconds
from telemetry.models import PackedDay, RejectedMessage
from telemetry.storage import packer
from telemetry.storage.dirty import work_off
from telemetry.storage.hot import hot_tables
from telemetry.storage.packer import pack_days
from telemetry.storage.reads import raw_samples
from telemetry.storage.zones import follow_zones
from tests.storage import expected
from tests.storage.conftest import NOW, batch_of
from tests.storage.test_rollups import at, daily, make_rows, rolled

WEEK, DAY = dt.timedelta(days=7), dt.timedelta(days=1)
BEGIN, END = NOW - dt.timedelta(days=400), NOW + DAY


def pack(**options):
    return pack_days(now=NOW, after=WEEK, **options)


def read(*channels, limit=None, begin=BEGIN, end=END):
    ids = [channel.id for channel in channels]
    return raw_samples(ids, begin, end, limit, tenant_id=None).tolist()


def hot() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_sample")
        return cursor.fetchone()[0]


def test_what_is_read_does_not_change(store, make_channel):
    channels = [make_channel() for _ in range(3)]
    rows = [r for c in channels for r in make_rows(c.id, at("2026-11-01 00:00"), 16_000, c.id)]
    store(rows)
    work_off(now=NOW)
    before, rollups = read(*channels), rolled(*channels)
    result = pack()
    assert result.is_done
    # 1 to 12 November; the 13th began less than seven days before noon of the 20th
    assert result.days == PackedDay.objects.count() == 36
    assert hot() == sum(row[1] >= at("2026-11-13 00:00") for row in rows)
    assert result.samples + hot() == len(rows)
    assert read(*channels) == before == batch_of(rows).tolist()
    assert rolled(*channels) == rollups
    assert pack().samples == 0


def test_limits_and_edges_over_packed_and_hot(store, make_channel):
    channels = [make_channel() for _ in range(2)]
    rows = [r for c in channels for r in make_rows(c.id, at("2026-11-01 00:00"), 16_000, c.id)]
    store(rows)
    chance = random.Random(7)
    spans = [sorted(chance.choices(rows, k=2), key=lambda row: row[1]) for _ in range(12)]
    moments = [
        tuple(dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=row[1]) for row in s)
        for s in spans
    ]
    limits = [chance.choice([1, 5, 900, 3000, None]) for _ in moments]

    def ask():
        asked = zip(moments, limits, strict=True)
        return [read(*channels, limit=n, begin=a, end=b) for (a, b), n in asked]

    before = ask()
    pack()
    assert ask() == before


def test_late_rows_land_in_packed_days(store, make_channel):
    channel = make_channel("Europe/Berlin")
    rows = make_rows(channel.id, at("2026-11-01 00:00"), 5_000, 3)
    random.Random(1).shuffle(rows)
    store(rows[:3000])
    work_off(now=NOW)
    pack()
    store(rows[3000:])
    work_off(now=NOW)
    assert read(channel) == batch_of(rows).tolist()
    assert rolled(channel) == expected.quarters(rows)
    assert daily(channel) == expected.days(rows, "Europe/Berlin")
    packed = PackedDay.objects.count()
    assert pack().duplicates == 0
    assert read(channel) == batch_of(rows).tolist()
    assert PackedDay.objects.count() == packed
    assert hot() == 0


def test_what_is_packed_is_known_when_it_comes_again(store, make_channel):
    channels = [make_channel() for _ in range(2)]
    rows = [r for c in channels for r in make_rows(c.id, at("2026-11-01 00:00"), 3000, c.id)]
    store(rows)
    work_off(now=NOW)
    pack()
    again = store(rows)
    assert (again.inserted, again.duplicates, again.conflicts) == (0, 6000, 0)
    assert hot() == 0
    other = [(*row[:2], row[2] + 1, row[3]) for row in rows[:3]]
    new = [(channels[0].id, rows[3][1] + 1, 1.0, 0)]
    told: list[int] = []
    mixed = store([*other, *new, *rows[4:9]], on_conflict=lambda index: told.append(index))
    assert (mixed.inserted, mixed.duplicates, mixed.conflicts) == (1, 5, 3)
    assert told == [0, 1, 2]
    assert read(*channels) == batch_of([*rows, *new]).tolist()


def test_the_first_value_stays_and_the_other_is_told(store, make_channel, monkeypatch):
    channel = make_channel()
    start = at("2026-11-02 10:00")
    store([(channel.id, start, 1.0, 0), (channel.id, start + 1, 2.0, 0)])
    pack()
    # as if the day had been packed between the look and the write
    monkeypatch.setattr("telemetry.ingest.store.find_known", lambda *args, **kwargs: None)
    store([(channel.id, start, 1.0, 0), (channel.id, start + 1, 2.5, 0),
           (channel.id, start + 2, 3.0, 0)])  # fmt: skip
    wanted = [(channel.id, start, 1.0, 0), (channel.id, start + 1, 2.0, 0),
              (channel.id, start + 2, 3.0, 0)]  # fmt: skip
    assert read(channel) == wanted
    work_off(now=NOW)
    assert rolled(channel) == expected.quarters(wanted)
    result = pack()
    assert (result.duplicates, result.conflicts) == (1, 1)
    assert read(channel) == wanted
    rejected = RejectedMessage.objects.get()
    assert rejected.reason == "conflicting_value"
    assert rejected.tenant_id == channel.tenant_id
    assert json.loads(bytes(rejected.payload))["value"] == 2.5
    assert str(channel.device_id) in rejected.topic


def test_a_pass_that_dies_loses_nothing_and_goes_on(store, make_channel, monkeypatch):
    channels = [make_channel() for _ in range(3)]
    rows = [r for c in channels for r in make_rows(c.id, at("2026-11-01 00:00"), 4000, c.id)]
    store(rows)
    real, left = packer.keep_days, iter(range(2))

    def die(*args):
        size = real(*args)
        if next(left, None) is None:
            raise KeyboardInterrupt
        return size

    monkeypatch.setattr(packer, "keep_days", die)
    with pytest.raises(KeyboardInterrupt):
        pack(rows=2000)
    assert 0 < PackedDay.objects.count() < 15
    assert read(*channels) == batch_of(rows).tolist()
    monkeypatch.setattr(packer, "keep_days", real)
    assert pack(rows=2000).is_done
    assert hot() == 0
    assert read(*channels) == batch_of(rows).tolist()


def test_a_pass_ends_when_its_time_is_over(store, make_channel):
    channel = make_channel()
    store(make_rows(channel.id, at("2026-11-01 00:00"), 4000, 1))
    first = pack(rows=1000, seconds=0.0)
    assert not first.is_done
    assert first.days == 1
    assert pack().is_done


def test_memory_is_bounded_by_batches(store, make_channel, monkeypatch):
    channels = [make_channel() for _ in range(3)]
    rows = [r for c in channels for r in make_rows(c.id, at("2026-11-01 00:00"), 4000, c.id)]
    store(rows)
    sizes: list[int] = []
    real = packer.copy_rows

    def note(*args):
        found = real(*args)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(packer, "copy_rows", note)
    pack(rows=2000)
    assert sum(sizes) == len(rows)
    assert max(sizes) <= 2000


def test_emptied_partitions_go_and_come_back(store, make_channel):
    channel = make_channel()
    store(make_rows(channel.id, at("2026-10-05 00:00"), 3000, 1))
    store([(channel.id, at("2026-11-20 10:00"), 1.0, 0)])
    edge = NOW.replace(hour=0) - WEEK
    assert pack().dropped
    assert [table.name for table in hot_tables(before=edge) if table.end <= edge] == []
    assert hot_tables(before=END)
    store([(channel.id, at("2026-10-05 00:00") + 5, 7.0, 0)])
    assert (channel.id, at("2026-10-05 00:00") + 5, 7.0, 0) in read(channel)


def test_what_live_pages_read_is_never_packed(store, make_channel):
    channel = make_channel()
    store([(channel.id, to_microseconds(NOW - age), 1.0, 0) for age in (DAY, 4 * DAY)])
    assert pack_days(now=NOW, after=dt.timedelta()).samples == 1


def test_an_empty_database_needs_no_work(transactional_db):
    assert pack() == packer.Packed()
    assert len(read()) == 0
    assert SAMPLE_DTYPE.itemsize == 22


def test_packed_days_and_rollups_of_a_deleted_tenant_go(store, make_channel, red):
    channel = make_channel()
    store(make_rows(channel.id, at("2026-11-01 00:00"), 100, 1))
    store([(channel.id, at("2026-11-20 10:00"), 1.0, 0)])
    work_off(now=NOW)
    follow_zones()
    pack()
    erased = {e.what: e.rows for e in erase_telemetry(red.tenant.id, has_broker=False)}
    assert erased == {
        "telemetry_sample": 1, "telemetry_packed_day": 1, "telemetry_rollup_15m": 13,
        "telemetry_rollup_day": 2, "telemetry_rollup_zone": 1,
    }  # fmt: skip
    assert (read(channel), rolled(channel), daily(channel)) == ([], {}, {})
