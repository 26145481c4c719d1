"""Rollups equal what the samples give, whatever the order of arrival."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from django.db import connection

from devices.models import Channel
from telemetry.ingest.batch import to_microseconds
from telemetry.quality import Quality
from telemetry.storage import dirty, rollup
from telemetry.storage.dirty import work_off
from telemetry.storage.reactor import RollupReactor
from telemetry.storage.reads import day_rows, rollup_rows
from telemetry.storage.zones import follow_zones
from tests.storage import expected
from tests.storage.conftest import NOW
from tests.storage.expected import Row

SECOND = 1_000_000
QUERIES = 14
FIRST, LAST = dt.date(2020, 1, 1), dt.date(2030, 1, 1)


def at(text: str) -> int:
    """Return µs of a moment in UTC."""
    return to_microseconds(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC))


def rolled(*channels: Channel) -> dict[tuple[int, int], expected.Figures]:
    """Return all stored quarters."""
    ids = [channel.id for channel in channels]
    begin, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (FIRST, LAST))
    rows = rollup_rows(ids, begin, end, tenant_id=None).tolist()
    return {row[:2]: row[2:] for row in rows}


def daily(*channels: Channel) -> dict[tuple[int, dt.date], expected.Figures]:
    """Return all stored days."""
    ids = [channel.id for channel in channels]
    rows = day_rows(ids, FIRST, LAST, tenant_id=None).tolist()
    return {(row[0], dt.date(1970, 1, 1) + dt.timedelta(days=row[1])): row[2:] for row in rows}


def marks() -> int:
    """Return how many marks wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_dirty_mark")
        return int(cursor.fetchone()[0])


def make_rows(channel: int, start: int, count: int, seed: int) -> list[Row]:
    """Return samples every 100 s or so with all qualities."""
    chance = random.Random(seed)
    return [
        (channel, start + n * 100 * SECOND + chance.randrange(SECOND),
         chance.uniform(-5, 5), chance.choice([0, 0, 0, *Quality]))
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_any_order_duplication_and_delay_gives_the_same(store, make_channel, seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(dirty, "SLICE", chance.choice([7, 1_000]))
    monkeypatch.setattr(dirty, "MOST_PAUSE_SECONDS", 0.0)
    zone = chance.choice(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Havana", "Africa/Cairo"])
    channels = [make_channel(zone) for _ in range(2)]
    begin = at(chance.choice(["2026-10-24 12:00", "2026-03-28 11:00", "2026-04-23 10:00"]))
    rows = [row for c in channels for row in make_rows(c.id, begin, 900, seed)]
    sent = rows + chance.choices(rows, k=300)
    chance.shuffle(sent)
    while sent:
        size = chance.randrange(1, 600)
        store(sent[:size])
        sent = sent[size:]
        if chance.random() < 0.5:
            work_off(now=NOW)
    work_off(now=NOW)

    assert marks() == 0
    assert rolled(*channels) == expected.quarters(rows)
    assert daily(*channels) == expected.days(rows, zone)


def test_a_quarter_without_usable_samples_has_no_row(store, make_channel):
    channel = make_channel()
    start = at("2026-11-20 10:00")
    bad = [(channel.id, start + 1, 1.0, Quality.BAD), (channel.id, start + 5, 1.0, Quality.MISSING)]
    store(bad)
    work_off(now=NOW)
    assert rolled(channel) == {} == daily(channel)
    store([(channel.id, start + 9, 4.0, Quality.ESTIMATED)])
    work_off(now=NOW)
    figures = (1, 4.0, 4.0, 4.0, 4.0, 4.0, start + 9, start + 9, 0)
    assert rolled(channel) == {(channel.id, start): figures}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE telemetry_sample SET quality = 2")
    store([(channel.id, start + 3, 4.0, Quality.BAD)])
    work_off(now=NOW)
    assert rolled(channel) == {} == daily(channel)


def test_what_repeats_makes_no_work(store, make_channel):
    channel = make_channel()
    rows = make_rows(channel.id, at("2026-11-20 10:00"), 20, 1)
    assert store(rows).inserted == 20
    work_off(now=NOW)
    assert store(rows).duplicates == 20
    assert marks() == 0


def test_sums_too_large_for_a_number_are_unknown(store, make_channel):
    channel = make_channel()
    start = at("2026-11-20 10:00")
    store([(channel.id, start + n, 1.7e308, 0) for n in range(3)])
    store([(channel.id, start + 900 * SECOND, 2.0, 0)])
    work_off(now=NOW)
    (_, large, *_), (_, small, *_) = rolled(channel).values()
    assert large != large, "not a number"
    assert small == 2.0
    ((count, total, *_),) = daily(channel).values()
    assert count == 4
    assert total != total, "not a number"


def test_what_comes_meanwhile_is_added_by_its_own_mark(store, make_channel, monkeypatch):
    channel = make_channel()
    start = at("2026-11-20 10:00")
    rows = [(channel.id, start + n * SECOND, 0.1 * n, 0) for n in range(30)]
    real_recompute, real_extend = dirty.recompute, rollup.extend
    added: list[int] = []

    def late(*args, **kwargs):
        if marks() == 1:  # the marks are read, the figures not yet
            store(rows[10:20])
        return real_recompute(*args, **kwargs)

    monkeypatch.setattr(dirty, "recompute", late)
    monkeypatch.setattr(rollup, "extend", lambda windows: added.append(1) or real_extend(windows))
    store(rows[:10])
    work_off(now=NOW)
    assert rolled(channel) == expected.quarters(rows[:20])
    store(rows[20:])
    work_off(now=NOW)
    assert rolled(channel) == expected.quarters(rows)
    assert len(added) == 2, "computed anew, although all came in order"


def test_a_crash_between_slices_keeps_the_marks(store, make_channel, monkeypatch):
    channels = [make_channel() for _ in range(3)]
    begin = at("2026-11-20 10:00")
    rows = [row for channel in channels for row in make_rows(channel.id, begin, 50, 1)]
    store(rows)
    monkeypatch.setattr(dirty, "SLICE", 4)

    def die(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(dirty.time, "sleep", die)
    with pytest.raises(KeyboardInterrupt):
        work_off(now=NOW)
    assert 0 < len(rolled(*channels)) < len(expected.quarters(rows))
    assert marks() == 1
    monkeypatch.undo()
    work_off(now=NOW)
    assert marks() == 0
    assert rolled(*channels) == expected.quarters(rows)


def test_a_crash_before_the_commit_keeps_the_marks(store, make_channel, monkeypatch):
    channel = make_channel()
    rows = make_rows(channel.id, at("2026-11-20 10:00"), 50, 1)
    store(rows)
    real = dirty.recompute

    def die(*args, **kwargs):
        real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(dirty, "recompute", die)
    with pytest.raises(KeyboardInterrupt):
        work_off(now=NOW)
    assert (marks(), rolled(channel)) == (1, {})
    monkeypatch.setattr(dirty, "recompute", real)
    work_off(now=NOW)
    assert rolled(channel) == expected.quarters(rows)


def test_late_rows_never_shrink_what_the_retention_has_dropped(store, make_channel, settings):
    settings.SAMPLE_RETENTION_DAYS = 30
    channel = make_channel()
    rows = make_rows(channel.id, at("2026-09-01 10:00"), 9, 1)
    store([(*row[:3], 0) for row in rows])
    work_off(now=NOW)
    before = rolled(channel)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_sample")
    late = at("2026-09-01 10:05") + 7
    store([(channel.id, late, 1.0, 0), (channel.id, at("2026-09-01 20:00"), 1.0, 0)])
    work_off(now=NOW)
    after = rolled(channel)
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def test_days_follow_the_zone_of_the_site(store, make_channel):
    channel = make_channel("Europe/Berlin")
    rows = make_rows(channel.id, at("2026-10-24 12:00"), 900, 5)
    store(rows)
    work_off(now=NOW)
    assert follow_zones() >= 1
    assert follow_zones() == 0
    with connection.cursor() as cursor:  # whoever changes it, however
        cursor.execute("UPDATE devices_site SET timezone = 'Asia/Kolkata'")
    assert follow_zones() >= 1
    assert daily(channel) == expected.days(rows, "Asia/Kolkata")


def test_few_queries_however_many_windows(store, make_channel, django_assert_max_num_queries):
    channel = make_channel()
    store(make_rows(channel.id, at("2026-11-01 00:00"), 1, 1))
    work_off(now=NOW)
    for count in (1, 2000):
        store(make_rows(channel.id, at("2026-11-10 00:00") + count, count, 1))
        with django_assert_max_num_queries(QUERIES):
            work_off(now=NOW)


def test_a_quarter_that_grows_is_not_read_again(store, make_channel):
    channel, start = make_channel(), at("2026-11-20 10:00")
    rows = [(channel.id, start + n * SECOND, 0.1 * n, 0) for n in range(1, 60)]
    store(rows[:30])
    work_off(now=NOW)
    with connection.cursor() as cursor:  # behind the back of the marks
        cursor.execute(
            "DELETE FROM telemetry_sample WHERE time < to_timestamp(%s)", [start / 1e6 + 9]
        )
    for row in rows[30:]:
        store([row])
        work_off(now=NOW)
    assert rolled(channel) == expected.quarters(rows)
    store([(channel.id, start + 20 * SECOND + 1, 5.0, 0)])
    work_off(now=NOW)
    late = [*rows[8:], (channel.id, start + 20 * SECOND + 1, 5.0, 0)]
    assert rolled(channel) == expected.quarters(late), "a late row: all is read again"


def test_what_is_not_marked_yet_is_counted_once(store, make_channel, monkeypatch):
    """Rows of a mark that is read later may be seen before, by the query of an earlier one."""
    channel, start = make_channel(), at("2026-11-20 10:00")
    rows = [(channel.id, start + n * SECOND, 0.1 * n, 0) for n in range(1, 9)]
    store(rows[:2])
    work_off(now=NOW)
    monkeypatch.setattr("telemetry.storage.dirty.MARKS", 1)
    monkeypatch.setattr("telemetry.storage.dirty.MOST_MARKS", 1)
    store([rows[2], rows[7]])
    store([rows[4], rows[6]])
    store([rows[3], rows[5]])
    store([(channel.id, start + 100 * SECOND, 1.7e308, 0)])
    store([(channel.id, start + 200 * SECOND, 1.0, 0)])
    work_off(now=NOW)
    assert marks() == 0
    ((_, (count, total, *_)),) = rolled(channel).items()
    assert (count, total != total) == (10, True)


def test_the_reactor_looks_when_told_and_now_and_then(store, make_channel, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("telemetry.storage.reactor.time.monotonic", lambda: clock[0])
    channel = make_channel()
    reactor = RollupReactor()
    rows = make_rows(channel.id, at("2026-11-20 10:00"), 5, 3)
    reactor.flush(NOW.timestamp())
    store([(*row[:3], 0) for row in rows])
    clock[0] += 2
    reactor.flush(NOW.timestamp())
    assert rolled(channel) == {}, "nobody told"
    reactor.on_gap()
    reactor.flush(NOW.timestamp())
    assert len(rolled(channel)) == 1
    store([(channel.id, at("2026-11-20 11:00"), 1.0, 0)])
    clock[0] += 6
    reactor.flush(NOW.timestamp())
    assert len(rolled(channel)) == 2


def test_channels_with_few_days_are_cut_together(store, make_channel, monkeypatch):
    monkeypatch.setattr("telemetry.storage.zones.DAYS", 5)
    channels = [make_channel() for _ in range(4)]
    for channel in channels[1:3]:
        store(make_rows(channel.id, at("2026-11-10 00:00"), 86 * 30, 1))  # three days
    work_off(now=NOW)
    cut = []
    while count := follow_zones():
        cut.append(count)
    assert cut == [2, 2], "at most five days each time"
