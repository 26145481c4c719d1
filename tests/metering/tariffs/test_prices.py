from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metering.tariffs import prices
from metering.tariffs.prices import BadPrices, PriceSeries, read_csv_prices
from tests.metering.tariffs.quarters import BERLIN, LORD_HOWE, quarter


def as_dict(found):
    return dict(zip(found.numbers.tolist(), found.prices.tolist(), strict=True))


def test_an_hour_is_four_quarters_of_one_price():
    found = read_csv_prices(b"time,price\n2026-03-01T00:00+01:00,0.1234\n", zone=BERLIN)

    first = quarter("2026-03-01")
    assert as_dict(found) == dict.fromkeys(range(first, first + 4), 123_400)


@pytest.mark.parametrize(
    "document",
    [
        b"2026-03-01T00:00,0.1\n2026-03-01T00:15,-0.025\n",
        b"\xef\xbb\xbftime;price\r\n2026-03-01 00:00;0,1\r\n2026-03-01 00:15;-0,025\r\n\r\n",
        b"time,price\n2026-02-28T23:15Z,-0.025\n2026-02-28T23:00Z,0.1\n",
    ],
)
def test_reads_the_usual_kinds_of_csv(document):
    found = read_csv_prices(document, zone=BERLIN, minutes=15)

    first = quarter("2026-03-01")
    assert as_dict(found) == {first: 100_000, first + 1: -25_000}


def test_a_price_per_mwh_is_a_thousandth_per_kwh():
    found = read_csv_prices(b"2026-03-01T00:00,123.4565\n", zone=BERLIN, unit="MWh", minutes=15)

    assert found.prices.tolist() == [123_456]  # half to even


@pytest.mark.parametrize(
    ("zone", "date", "minutes", "rows", "first", "count"),
    [
        (BERLIN, "2026-10-25", 60, ["01:00", "02:00", "02:00", "03:00"], "01:00", 16),
        (BERLIN, "2026-03-29", 60, ["01:00", "03:00"], "01:00", 8),
        (LORD_HOWE, "2026-04-05", 30, ["01:00", "01:30", "01:30", "02:00"], "01:00", 8),
    ],
)
def test_local_times_follow_the_clock_of_the_zone(zone, date, minutes, rows, first, count):
    text = "".join(f"{date}T{time},{price}\n" for price, time in enumerate(rows))

    found = read_csv_prices(text.encode(), zone=zone, minutes=minutes)

    start = quarter(f"{date}T{first}", zone)
    assert found.numbers.tolist() == list(range(start, start + count))
    assert found.prices.tolist() == [
        price * 10**6 for price in range(len(rows)) for _ in range(minutes // 15)
    ]


@pytest.mark.parametrize(
    ("code", "place", "document"),
    [
        ("no_prices", "", b""),
        ("no_prices", "", b"time,price\n"),
        ("bad_document", "", b"\xff\xfe1"),
        ("bad_document", "line 1", b"2026-03-01T00:00,1,2\n"),
        ("bad_document", "line 2", b"time,price\n2026-03-01T00:00\n"),
        ("bad_time", "line 1", b"2026-03-99,1\n"),
        ("bad_time", "line 1", b"2026-03-01T00:10,1\n"),
        ("bad_time", "line 1", b"2026-03-29T02:00,1\n"),
        ("bad_time", "line 2", b"time,price\nunit,EUR\n"),
        ("bad_price", "line 1", b"2026-03-01T00:00,much\n"),
        ("bad_price", "line 1", b"2026-03-01T00:00,nan\n"),
        ("bad_price", "line 1", b"2026-03-01T00:00,1e9\n"),
        ("bad_price", "line 1", b"2026-03-01T00:00,\n"),
        ("conflicting_prices", "line 2", b"2026-03-01T00:00,1\n2026-03-01T00:45,2\n"),
    ],
)
def test_says_what_is_wrong_and_where(code, place, document):
    with pytest.raises(BadPrices) as caught:
        read_csv_prices(document, zone=BERLIN)

    assert (caught.value.code, caught.value.place) == (code, place)


def test_a_resolution_of_five_minutes_is_refused():
    with pytest.raises(BadPrices) as caught:
        read_csv_prices(b"2026-03-01T00:00,1\n", zone=BERLIN, minutes=5)

    assert caught.value.code == "unsupported_resolution"


def test_a_document_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr(prices, "MAX_BYTES", 10)

    with pytest.raises(BadPrices) as caught:
        read_csv_prices(b"2026-03-01T00:00,1\n", zone=ZoneInfo("UTC"))

    assert caught.value.code == "too_large"


def test_looks_up_only_what_is_known():
    series = PriceSeries(np.array([10, 11, 14]), np.array([1, 2, 3]))

    found, known = series.look_up(np.array([9, 10, 11, 12, 14, 15]))

    assert found.tolist() == [0, 1, 2, 0, 3, 0]
    assert known.tolist() == [False, True, True, False, True, False]


def test_an_empty_series_knows_nothing():
    series = PriceSeries(np.array([], dtype=np.int64), np.array([], dtype=np.int64))

    found, known = series.look_up(np.array([9, 10]))

    assert (found.tolist(), known.tolist()) == ([0, 0], [False, False])
