"""Device timestamps: decision D2."""

import datetime as dt

import pytest

from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.ingest.times import TimeError, read_time

RECEIVED = to_microseconds(dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC))
EXPECTED = to_microseconds(dt.datetime(2026, 11, 20, 11, 59, 30, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    "raw",
    [
        EXPECTED // 1_000_000,
        EXPECTED / 1_000_000,
        EXPECTED // 1000,
        EXPECTED,
        str(EXPECTED // 1_000_000),
        str(EXPECTED // 1000),
        "2026-11-20T11:59:30Z",
        "2026-11-20T14:59:30+03:00",
        "2026-11-20T11:59:30.000000+00:00",
    ],
)
def test_reads_seconds_milliseconds_microseconds_and_iso(raw):
    assert read_time(raw, received_at=RECEIVED) == EXPECTED


def test_takes_the_time_of_receipt_when_the_payload_has_none():
    assert read_time(None, received_at=RECEIVED) == RECEIVED


def test_keeps_microseconds():
    moment = dt.datetime(2026, 3, 29, 1, 0, 0, 123_457, tzinfo=dt.UTC)

    assert from_microseconds(to_microseconds(moment)) == moment
    assert read_time(moment.isoformat(), received_at=RECEIVED) == to_microseconds(moment)


def test_accepts_five_minutes_ahead_and_not_more():
    limit = RECEIVED + 5 * 60 * 1_000_000

    assert read_time(limit, received_at=RECEIVED) == limit
    with pytest.raises(TimeError) as error:
        read_time(limit + 1, received_at=RECEIVED)
    assert error.value.code == "time_in_future"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("2026-11-20T11:59:30", "naive_time"),
        ("20 November", "bad_time"),
        ("", "bad_time"),
        (True, "bad_time"),
        ([1], "bad_time"),
        (-1, "bad_time"),
        (10**18, "bad_time"),
        (float("inf"), "bad_time"),
        (float("nan"), "bad_time"),
        (0, "time_too_old"),
        ("1970-01-01T00:00:00Z", "time_too_old"),
        ("9999-12-31T23:59:59+00:00", "time_in_future"),
        ("0001-01-01T00:00:00+14:00", "time_too_old"),
    ],
)
def test_refuses_with_a_reason(raw, code):
    with pytest.raises(TimeError) as error:
        read_time(raw, received_at=RECEIVED)

    assert error.value.code == code
