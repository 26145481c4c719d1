"""Documents in the form of the transparency platform (day-ahead prices)."""

import numpy as np
import pytest

from metering.tariffs.entsoe import read_entsoe
from metering.tariffs.prices import BadPrices
from tests.metering.tariffs.quarters import quarter

NAMESPACE = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"
SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"


def points(prices):
    return "".join(
        f"<Point><position>{position}</position><price.amount>{price}</price.amount></Point>"
        for position, price in prices.items()
    )


def period(prices, *, start="2026-02-28T23:00Z", end="2026-03-01T23:00Z", resolution="PT60M"):
    return (
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{points(prices)}</Period>"
    )


def time_series(*periods, curve="A03", currency="EUR", unit="MWH", sequence=None):
    curve = f"<curveType>{curve}</curveType>" if curve else ""
    number = f"<{SEQUENCE}>{sequence}</{SEQUENCE}>" if sequence else ""
    return (
        "<TimeSeries><mRID>1</mRID><auction.type>A01</auction.type><businessType>A62</businessType>"
        '<in_Domain.mRID codingScheme="A01">10Y1001A1001A82H</in_Domain.mRID>'
        f"<currency_Unit.name>{currency}</currency_Unit.name>"
        f"<price_Measure_Unit.name>{unit}</price_Measure_Unit.name>"
        f"{number}{curve}{''.join(periods)}</TimeSeries>"
    )


def document(*series, namespace=NAMESPACE, root="Publication_MarketDocument"):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{namespace}"><mRID>1</mRID>'
        "<period.timeInterval><start>2026-02-28T23:00Z</start><end>2026-03-01T23:00Z</end>"
        f"</period.timeInterval>{''.join(series)}</{root}>"
    ).encode()


def hours(found):
    """Return the price of each quarter, and where they begin."""
    assert np.all(np.diff(found.prices.numbers) == 1)
    return int(found.prices.numbers[0]), found.prices.prices.tolist()


FIRST = quarter("2026-03-01")


def test_a_position_left_out_repeats_the_price_before_it():
    found = read_entsoe(document(time_series(period({1: "80.5", 2: "75", 5: "-1.25", 24: "90"}))))

    first, prices = hours(found)
    assert (first, len(prices), found.currency) == (FIRST, 96, "EUR")
    assert prices == [80_500] * 4 + [75_000] * 12 + [-1_250] * 76 + [90_000] * 4


def test_the_last_price_holds_to_the_end_of_the_period():
    found = read_entsoe(document(time_series(period({1: "10"}, resolution="PT15M"))))

    assert hours(found) == (FIRST, [10_000] * 96)


@pytest.mark.parametrize("curve", ["A01", None])
def test_what_is_left_out_of_a_curve_with_fixed_blocks_is_not_known(curve):
    found = read_entsoe(document(time_series(period({1: "80.5", 3: "75"}), curve=curve)))

    assert found.prices.numbers.tolist() == [FIRST + n for n in (0, 1, 2, 3, 8, 9, 10, 11)]
    assert found.prices.prices.tolist() == [80_500] * 4 + [75_000] * 4


@pytest.mark.parametrize(("resolution", "quarters"), [("PT15M", 1), ("PT30M", 2), ("PT60M", 4)])
def test_a_position_is_as_long_as_the_resolution(resolution, quarters):
    found = read_entsoe(document(time_series(period({1: "1", 2: "2"}, resolution=resolution))))

    assert hours(found)[1] == [1_000] * quarters + [2_000] * (96 - quarters)


@pytest.mark.parametrize(
    ("start", "end", "positions"),
    [("2026-03-28T23:00Z", "2026-03-29T22:00Z", 23),
     ("2026-10-24T22:00Z", "2026-10-25T23:00Z", 25)],
)  # fmt: skip
def test_a_day_of_the_change_of_clocks_has_its_positions(start, end, positions):
    prices = {number: str(number) for number in range(1, positions + 1)}

    found = read_entsoe(document(time_series(period(prices, start=start, end=end), curve="A01")))

    assert hours(found) == (
        quarter(start), [number * 1000 for number in range(1, positions + 1) for _ in range(4)]
    )  # fmt: skip


def test_days_may_come_in_series_and_periods_of_any_resolution():
    days = [f"2026-03-0{number}T23:00Z" for number in range(1, 5)]
    found = read_entsoe(
        document(
            time_series(period({1: "3"}, start=days[2], end=days[3], resolution="PT15M")),
            time_series(period({1: "1"}, start=days[0], end=days[1]),
                        period({1: "2"}, start=days[1], end=days[2])),
            namespace="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:0",
        )
    )  # fmt: skip

    assert hours(found) == (quarter(days[0]), [1000] * 96 + [2000] * 96 + [3000] * 96)


def test_two_auctions_of_the_same_time_must_be_told_apart():
    both = document(
        time_series(period({1: "80"}), sequence=1), time_series(period({1: "70"}), sequence=2)
    )

    with pytest.raises(BadPrices) as caught:
        read_entsoe(both)

    assert caught.value.code == "conflicting_prices"
    assert "2026-02-28T23:00Z" in caught.value.message
    assert set(read_entsoe(both, sequence=1).prices.prices.tolist()) == {80_000}
    assert set(read_entsoe(both, sequence=2).prices.prices.tolist()) == {70_000}


def test_the_same_prices_twice_are_no_conflict():
    once = time_series(period({1: "80"}))

    assert len(read_entsoe(document(once, once)).prices) == 96


def test_a_small_document_with_very_many_quarters_is_refused():
    years = period({1: "1"}, start="2020-01-01T00:00Z", end="2022-01-01T00:00Z")

    with pytest.raises(BadPrices) as caught:
        read_entsoe(document(*[time_series(years)] * 6))

    assert caught.value.code == "too_large"
    assert len(read_entsoe(document(*[time_series(years)] * 5)).prices) == 731 * 96


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<Publication_MarketDocument>&b;</Publication_MarketDocument>"
)
READS_A_FILE = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><x>&f;</x>'


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("document_type_definition", BOMB),
        ("document_type_definition", READS_A_FILE),
        ("document_type_definition", b"<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'><x/>"),
        ("bad_document", b""),
        ("bad_document", b"no xml"),
        ("bad_document", b"<a>" * 50_000),
        ("bad_document", b"<Publication_MarketDocument>" + b"<a>" * 30 + b"</a>" * 30
         + b"</Publication_MarketDocument>"),
        ("bad_document", b"<a>&unknown;</a>"),
        ("bad_document", b'<?xml version="1.0" encoding="no-such"?><a/>'),
        ("bad_document", document(root="GL_MarketDocument")),
        ("no_prices", document()),
        ("no_prices", document(time_series(period({})))),
        ("mixed_currency", document(time_series(period({1: "1"}), currency=""))),
        ("mixed_currency",
         document(time_series(period({1: "1"})), time_series(period({1: "1"}), currency="PLN"))),
        ("unsupported_unit", document(time_series(period({1: "1"}), unit="GWH"))),
        ("unsupported_curve", document(time_series(period({1: "1"}), curve="A02"))),
        ("unsupported_resolution", document(time_series(period({1: "1"}, resolution="P1D")))),
        ("bad_position", document(time_series(period({0: "1"})))),
        ("bad_position", document(time_series(period({25: "1"})))),
        ("bad_position", document(time_series(period({"²": "1"})))),
        ("bad_position", document(time_series(period({"1": "1", " 1": "2"})))),
        ("bad_price", document(time_series(period({1: "NaN"})))),
        ("bad_price", document(time_series(period({1: ""})))),
        ("bad_time", document(time_series(period({1: "1"}, start="yesterday")))),
        ("bad_time", document(time_series(period({1: "1"}, start="2026-02-28T23:00")))),
        ("bad_time", document(time_series(period({1: "1"}, start="2026-02-28T23:10Z")))),
        ("bad_time", document(time_series(period({1: "1"}, start="2026-03-01T23:00Z")))),
        ("bad_time", document(time_series(period({1: "1"}, start="1970-01-01T00:00Z")))),
    ],
)  # fmt: skip
def test_refuses_what_cannot_be_trusted(code, refused):
    with pytest.raises(BadPrices) as caught:
        read_entsoe(refused)

    assert caught.value.code == code


def test_hands_on_why_the_platform_has_nothing():
    refusal = (
        b'<Acknowledgement_MarketDocument xmlns="urn:x"><Reason><code>999</code>'
        b"<text>No matching data found</text></Reason></Acknowledgement_MarketDocument>"
    )

    with pytest.raises(BadPrices, match="No matching data found") as caught:
        read_entsoe(refusal)

    assert caught.value.code == "no_prices"
