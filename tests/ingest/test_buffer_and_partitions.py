"""The bound of the stream, and the weeks of the sample table."""

import datetime as dt

import pytest
from django.db import connection

from energy.lib.redis import RedisNotDurable, check_durability, durable, ephemeral
from telemetry import partitions
from telemetry.ingest.buffer import BufferFull, BufferUnavailable, IngestBuffer
from telemetry.ingest.envelope import Envelope
from telemetry.models import SamplePartition

ENVELOPE = Envelope("mqtt", "t", b"1", 1)
NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def test_refuses_when_the_stream_is_full_and_takes_again_when_there_is_room(redis):
    buffer = IngestBuffer(redis, max_entries=3)
    for _ in range(3):
        buffer.append([ENVELOPE])

    with pytest.raises(BufferFull):
        buffer.append([ENVELOPE])

    assert redis.xlen(buffer.stream) == 3
    first = redis.xrange(buffer.stream, count=1)[0][0]
    redis.xdel(buffer.stream, first)
    buffer.append([ENVELOPE])
    assert redis.xlen(buffer.stream) == 3


def test_says_so_when_redis_is_away():
    from energy.lib.redis import connect

    buffer = IngestBuffer(connect("redis://127.0.0.1:1/0"), max_entries=3)

    with pytest.raises(BufferUnavailable):
        buffer.append([ENVELOPE])


def test_the_durable_redis_is_durable_and_the_other_is_refused(redis):
    check_durability(durable())

    with pytest.raises(RedisNotDurable, match="appendonly"):
        check_durability(ephemeral())


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC), dt.datetime(2026, 11, 16, tzinfo=dt.UTC)),
        (dt.datetime(2026, 11, 16, tzinfo=dt.UTC), dt.datetime(2026, 11, 16, tzinfo=dt.UTC)),
        (dt.datetime(2007, 2, 5, tzinfo=dt.UTC), dt.datetime(2007, 2, 5, tzinfo=dt.UTC)),
        (dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(1999, 12, 27, tzinfo=dt.UTC)),
    ],
)
def test_weeks_begin_on_monday(moment, monday):
    assert partitions.week_of(moment) == monday


@pytest.mark.django_db
def test_creates_each_week_once_and_some_ahead():
    week = partitions.week_of(NOW)

    assert partitions.ensure_partitions([week, week], now=NOW) == ["telemetry_sample_20261116"]
    assert partitions.ensure_partitions([week], now=NOW) == []
    assert len(partitions.create_ahead(now=NOW)) == partitions.WEEKS_AHEAD


@pytest.mark.django_db
def test_retention_drops_old_weeks_and_spares_history_that_came_late():
    old, late, new = (NOW - dt.timedelta(days=days) for days in (800, 900, 10))
    partitions.ensure_partitions([partitions.week_of(old)], now=old)
    partitions.ensure_partitions([partitions.week_of(late)], now=NOW - dt.timedelta(days=1))
    partitions.ensure_partitions([partitions.week_of(new)], now=new)

    dropped = partitions.drop_expired(now=NOW, retention=dt.timedelta(days=730))

    assert dropped == [partitions.partition_name(partitions.week_of(old))]
    left = set(SamplePartition.objects.values_list("name", flat=True))
    assert left == {partitions.partition_name(partitions.week_of(week)) for week in (late, new)}
    assert dropped[0] not in connection.introspection.table_names()
