"""Rows stored in this process: counts, repetition, conflicts, and what reactors are told."""

import datetime as dt

import pytest
from django.db import connection

from energy.lib.redis import key
from telemetry.ingest.assemble import Columns
from telemetry.ingest.batch import decode_stored, to_microseconds
from telemetry.ingest.direct import DirectStore, Target, UnknownChannel
from telemetry.ingest.publish import FIELD, STREAM
from telemetry.models import LatestValue, Sample
from tests.factories import NOW, ChannelFactory

MIDNIGHT = to_microseconds(dt.datetime(2024, 3, 31, tzinfo=dt.UTC))
MINUTE = 60_000_000


@pytest.fixture
def channel(transactional_db, red, redis):
    yield ChannelFactory(tenant=red.tenant, name="active_power_net", unit="kW", maximum=100)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")


@pytest.fixture
def store(red, channel):
    with red.scope():
        made = DirectStore([Target(channel.id, "W")])
        yield made
        made.close()


def columns(*values, start=0):
    made = Columns()
    for number, value in enumerate(values, start=start):
        made.add(number + 1, MIDNIGHT + number * MINUTE, [0], [value])
    return made


def counts(result):
    return result.stored, result.duplicates, len(result.conflicts), len(result.refused)


def test_values_are_scaled_checked_and_stored_once(store, channel):
    first = store.store_rows(columns(350, 351, float("nan"), 200_000), now=NOW)
    again = store.store_rows(columns(350, 351, 352, 200_000), now=NOW)

    assert counts(first) == (3, 0, 0, 1)
    assert first.refused[0][:2] == (3, "not_finite")
    assert counts(again) == (1, 3, 0, 0)
    rows = Sample.objects.filter(channel=channel).order_by("time").values_list("value", "quality")
    assert list(rows) == [(0.35, 0), (0.351, 0), (0.352, 0), (200.0, 2)]


def test_the_first_value_stays_and_the_row_of_the_other_is_named(store, channel):
    store.store_rows(columns(1000, 2000), now=NOW)
    twice = columns(1000, 2500)
    twice.add(9, MIDNIGHT, [0], [7000.0])

    result = store.store_rows(twice, now=NOW)

    assert counts(result) == (0, 1, 2, 0)
    assert sorted(row for row, _, _ in result.conflicts) == [2, 9]
    values = Sample.objects.filter(channel=channel).order_by("time").values_list("value", flat=True)
    assert list(values) == [1.0, 2.0]


def test_reactors_and_the_latest_value_learn_of_it(store, redis, channel):
    store.store_rows(columns(1000, 2000), now=NOW)
    store.store_rows(columns(500, start=-5), now=NOW)

    batches = [decode_stored(fields[FIELD]) for _, fields in redis.xrange(key(STREAM))]
    assert [batch.is_live().tolist() for batch in batches] == [[False, True], [False]]
    assert batches[0].samples()["channel"].tolist() == [channel.id] * 2
    assert [row.value for row in LatestValue.objects.all()] == [2.0]


def test_what_the_caller_commits_with_it_decides(store):
    def fail(cursor, result):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store.store_rows(columns(1, 2), now=NOW, within=fail)

    assert not Sample.objects.exists()
    seen = []
    store.store_rows(columns(1, 2), now=NOW, within=lambda cursor, result: seen.append(result))
    assert [result.stored for result in seen] == [2]


def test_channels_of_others_are_unknown(channel, blue):
    with blue.scope(), pytest.raises(UnknownChannel):
        DirectStore([Target(channel.id, "W")])
