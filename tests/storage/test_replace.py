"""Rows of computed channels are replaced where they lie, packed or hot."""

from __future__ import annotations

from django.db import transaction

from telemetry.models import PackedDay
from telemetry.quality import Quality
from telemetry.storage.packer import pack_days
from telemetry.storage.replace import replace_packed
from tests.storage.conftest import NOW, batch_of
from tests.storage.test_packer import WEEK, read
from tests.storage.test_rollups import at, make_rows


@transaction.atomic
def replace(channel, rows, start, end):
    left, changed = replace_packed(channel.id, batch_of(rows), at(start), at(end), now=NOW)
    return left.tolist(), changed.tolist()


def test_rows_of_packed_days_are_replaced(store, make_channel):
    channel, other = make_channel(), make_channel()
    rows = make_rows(channel.id, at("2026-11-01 00:00"), 1700, 1)
    store([*rows, (other.id, at("2026-11-01 00:00"), 1.0, 0)])
    pack_days(now=NOW, after=WEEK)
    begin, end = at("2026-11-01 20:00"), at("2026-11-02 04:00")
    inside = [row for row in rows if begin <= row[1] < end]
    new = [
        (channel.id, row[1], row[2] + (n == 3), row[3]) for n, row in enumerate(inside) if n != 5
    ]
    new.append((channel.id, begin + 1, 8.0, 0))
    new.sort()
    left, changed = replace(channel, new, "2026-11-01 20:00", "2026-11-02 04:00")
    assert left == []
    gone = (channel.id, inside[5][1], 0.0, Quality.MISSING)
    assert changed == sorted([(channel.id, inside[3][1], inside[3][2] + 1, inside[3][3]), gone,
                              (channel.id, begin + 1, 8.0, 0)])  # fmt: skip
    outside = [row for row in rows if not begin <= row[1] < end]
    assert read(channel) == sorted([*outside, *new])
    assert replace(channel, new, "2026-11-01 20:00", "2026-11-02 04:00") == ([], [])
    assert len(read(other)) == 1


def test_days_that_are_not_packed_are_the_callers(store, make_channel):
    channel = make_channel()
    store(make_rows(channel.id, at("2026-11-01 00:00"), 500, 1))
    pack_days(now=NOW, after=WEEK)
    later = [(channel.id, at("2026-11-05 00:00"), 1.0, 0)]
    left, changed = replace(channel, later, "2026-11-01 00:00", "2026-11-06 00:00")
    assert left == later
    assert {row[3] for row in changed} == {Quality.MISSING}
    assert len(changed) == 500
    assert not PackedDay.objects.exists()
    live = [(channel.id, at("2026-11-20 11:00"), 1.0, 0)]
    assert replace(channel, live, "2026-11-20 11:00", "2026-11-20 12:00") == (live, [])
