"""The newest rows are always beyond PostgreSQL's statistics; that must not turn a join round."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import pytest
from django.db import connection

from devices.models import Channel
from telemetry.doors.stored import find_stored
from tests.pace import assert_within
from tests.storage.conftest import NOW, Store, batch_of

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 20_000
SECONDS = 6.0  # a row at a time: 0.2 s; each row against each other: 20 s and more


def test_a_repeated_batch_beyond_the_statistics_is_looked_up_by_key(
    store: Store, make_channel: Callable[[str], Channel]
) -> None:
    channel = make_channel("UTC").id
    start = int((NOW - dt.timedelta(hours=1)).timestamp()) * 1_000_000
    rows = [(channel, start + number * 1_000, 1.5, 0) for number in range(3 * ROWS)]
    store(rows[:ROWS])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE telemetry_sample")
    store(rows[ROWS:])

    began = time.monotonic()
    again = store(rows[2 * ROWS :])
    found = find_stored(batch_of(rows[2 * ROWS :]), now=NOW)

    assert (again.inserted, again.duplicates, again.conflicts) == (0, ROWS, 0)
    assert found.is_stored.all()
    assert_within(time.monotonic() - began, SECONDS)
