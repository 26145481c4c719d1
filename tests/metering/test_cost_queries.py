"""What people read: sums, statements, shares, what-if, and where a number comes from."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from metering.models import AllocationKey, AllocationShare, CostCentre, CostLine
from metering.queries.cost_explain import explain_line, explain_quarter_cost, find_line
from metering.queries.cost_words import describe_line_cost, describe_quarter_cost
from metering.queries.costs import cost_rows, find_period, period_to_date, totals
from metering.queries.heat import heat_map
from metering.queries.statements import make_statement, split
from metering.queries.what_if import compare_tariffs
from metering.services.cost_preview import preview_version
from metering.services.costs import open_period
from metering.services.tariffs import add_version, create_tariff
from tests.metering.billing import SECOND, Bill, day, flat
from tests.metering.conftest import NOW, Plant

TAXED = {
    "components": [
        {"kind": "time_of_use", "name": "energy", "default": "night",
         "bands": [{"name": "day", "price": "3"}, {"name": "night", "price": "1"}],
         "rules": [{"band": "day", "from": "06:00", "to": "22:00"}]},
        {"kind": "levy", "name": "levy", "price": "0.1"},
        {"kind": "percent", "name": "vat", "percent": "20"},
    ]
}  # fmt: skip


@pytest.fixture
def bill(plant: Plant) -> Bill:
    made = Bill(plant, "2026-01-01", "2026-02-01", "Europe/Istanbul")
    made.version(TAXED, "2025-12-01")
    made.assign("2025-12-01")
    made.follow()
    return made


def test_sums_by_day_month_component_and_band_are_the_same_money(bill: Bill) -> None:
    with bill.plant.red.scope():
        start, end = day("2026-01-01"), day("2026-02-01")
        found = {
            by: cost_rows([bill.meter], start, end, by=by)
            for by in ("day", "month", "component", "band", "meter")
        }

    energy, levy = 31 * (16 * 3 + 8), Decimal("2.4") * 31
    whole = (energy + levy) * Decimal("1.2")
    for rows in found.values():
        assert sum(row.amount for row in rows) == whole
    assert len(found["day"]) == 31
    assert [(row.key, row.amount) for row in found["month"]] == [("2026-01-01", whole)]
    assert {row.key: row.quantity for row in found["band"] if row.component == "energy"} == {
        "day": 31 * 16, "night": 31 * 8,
    }  # fmt: skip


def test_as_billed_and_as_now_known_are_both_there(bill: Bill) -> None:
    period = bill.close("2026-01-01", "2026-02-01")
    bill.version(flat("5"), "2026-01-31", valid_to=day("2026-02-01"), now=NOW + SECOND)
    bill.follow(NOW + SECOND)

    with bill.plant.red.scope():
        billed = totals([bill.meter], period.start, period.end, view="billed")["TRY"]
        known = totals([bill.meter], period.start, period.end)["TRY"]

    a_day = (56 + Decimal("2.4")) * Decimal("1.2")
    assert billed == 31 * a_day
    assert known == 30 * a_day + 120


def test_a_statement_shows_taxes_and_what_is_shared(bill: Bill) -> None:
    with bill.plant.red.scope():
        site = bill.plant.site
        names = [("Flat 1", "50.5"), ("Flat 2", "49.5")]
        centres = [CostCentre.objects.create(site=site, name=n, area_m2=a) for n, a in names]
        key = AllocationKey.objects.create(site=site, name="area", method="area")
        for centre in centres:
            AllocationShare.objects.create(key=key, centre=centre)
        period = open_period(
            site_id=site.id, start=day("2026-01-01"), end=day("2026-02-01"), now=NOW
        )
        found = make_statement(find_period(period.id))

    net, tax = 31 * Decimal(56), 31 * (Decimal("2.4") + Decimal("58.4") * Decimal("0.2"))
    assert (found.net, found.tax, found.total) == (
        {"TRY": net}, {"TRY": tax}, {"TRY": net + tax}
    )  # fmt: skip
    assert [(line.component, line.band, line.quantity, line.price) for line in found.lines] == [
        ("energy", "day", 496, 3), ("energy", "night", 248, 1), ("levy", "", 744, Decimal("0.1")),
        ("vat", "", 31 * Decimal("58.4"), 20),
    ]  # fmt: skip
    assert sum(share.amount for share in found.shares) == net + tax
    assert found.shares[0].amount == ((net + tax) * Decimal("0.505")).quantize(Decimal("0.000001"))
    assert (found.quality.measured, found.quality.missing) == (31 * 96, 0)


@pytest.mark.parametrize(
    ("method", "expected"), [("fixed", ["25", "75"]), ("consumption", ["80", "20"])]
)
def test_costs_are_shared_by_fixed_parts_or_by_what_was_used(
    bill: Bill, method: str, expected: list[str]
) -> None:
    meters = []
    for factor in (4, 1):
        channel = bill.plant.channel()
        bill.plant.store(channel, bill.times, [factor * 0.1 * n for n in range(len(bill.times))])
        meters.append(bill.plant.meter(channel, parent=bill.register.meter_id))
    bill.plant.build()
    with bill.plant.red.scope():
        site = bill.plant.site
        key = AllocationKey.objects.create(site=site, name="key", method=method)
        for number, percent in enumerate(("25", "75")):
            centre = CostCentre.objects.create(
                site=site, name=f"Flat {number}", meter_id=meters[number].meter_id
            )
            AllocationShare.objects.create(key=key, centre=centre, percent=percent)
        period = open_period(
            site_id=site.id, start=day("2026-01-01"), end=day("2026-02-01"), now=NOW
        )
        found = make_statement(find_period(period.id))

    whole = found.total["TRY"]
    assert [share.amount for share in found.shares] == [
        (whole * int(percent) / 100).quantize(Decimal("0.000001")) for percent in expected
    ]


def test_parts_always_add_up() -> None:
    centres = {CostCentre(name=str(n)): Decimal(1) for n in range(3)}

    parts = split(Decimal("100"), centres)

    assert sum(parts.values()) == 100
    assert max(parts.values()) - min(parts.values()) == Decimal("0.000001")
    assert split(Decimal("1"), dict.fromkeys(centres, Decimal(0))) == {}


def test_the_heat_map_has_the_price_of_each_hour_with_its_taxes(bill: Bill) -> None:
    with bill.plant.red.scope():
        cells = heat_map(bill.meter, day("2026-01-05"), day("2026-01-12"))

    assert len(cells) == 168
    assert {cell.kwh for cell in cells} == {1.0}
    assert {(cell.hour in range(6, 22), cell.price) for cell in cells} == {
        (True, 3.72), (False, 1.32)
    }  # fmt: skip


def test_what_if_ranks_tariffs_by_what_they_would_have_saved(bill: Bill) -> None:
    with bill.plant.red.scope():
        for name, price, currency in (("cheap", "1", "TRY"), ("dear", "9", "TRY"),
                                      ("foreign", "1", "EUR")):  # fmt: skip
            other = create_tariff(name=name, currency=currency, now=NOW)
            add_version(
                tariff_id=other.id, definition=flat(price), valid_from=day("2025-01-01"), now=NOW
            )
        found = compare_tariffs(bill.meter, day("2026-01-01"), day("2026-02-01"))

    whole = 31 * (56 + Decimal("2.4")) * Decimal("1.2")
    assert [(row.name, row.total, row.saving) for row in found.alternatives] == [
        ("cheap", 744, whole - 744), (bill.tariff.name, whole, 0),
        ("dear", 744 * 9, whole - 744 * 9),
    ]  # fmt: skip
    assert (found.quality.measured, found.quality.estimated, found.quality.missing) == (
        31 * 96, 0, 0,
    )  # fmt: skip


def test_another_contracted_power_is_tried_over_the_past(bill: Bill) -> None:
    demand = {"kind": "demand", "name": "power", "price": "10", "contracted_kw": "5",
              "excess_price": "30", "billed": "contracted"}  # fmt: skip
    bill.version({"components": [demand]}, "2025-12-01", now=NOW + SECOND)
    with bill.plant.red.scope():
        found = compare_tariffs(
            bill.meter,
            day("2026-01-01"),
            day("2026-02-01"),
            contracted=[Decimal(1), Decimal("0.5")],
        )

    # 1 kW all month: 5 kW contracted cost 50, 1 kW 10, and half a kW 5 + 15 for what is above
    assert [(row.contracted_kw, row.total, row.saving) for row in found.alternatives] == [
        (1, 10, 40), (Decimal("0.5"), 20, 30), (None, 50, 0),
    ]  # fmt: skip


def test_a_preview_tells_before_and_after_and_stores_nothing(bill: Bill) -> None:
    bill.close("2026-01-01", "2026-01-16")
    count = len(bill.lines())

    with bill.plant.red.scope():
        (row,) = preview_version(
            tariff_id=bill.tariff.id, definition=flat("1"), valid_from=day("2026-01-15"), now=NOW
        )

    a_day = (56 + Decimal("2.4")) * Decimal("1.2")
    assert (row.before, row.after) == (17 * a_day, 17 * 24)
    assert row.adjustments == 5  # of one day: two bands, levy and tax end, the new price begins
    assert len(bill.lines()) == count


def test_a_line_tells_its_tariff_and_the_revisions_it_read(bill: Bill) -> None:
    line = next(row for row in bill.lines(day=day("2026-01-10")) if row.band == "day")

    with bill.plant.red.scope():
        told = describe_line_cost(explain_line(find_line(line.id)))

    assert told["quarters_by_revision"] == {"1": 64}
    assert told["tariff"]["component"]["name"] == "energy"
    assert told["line"]["amount"] == "48.000000"


def test_a_quarter_is_told_from_its_samples_to_its_price(bill: Bill) -> None:
    at = dt.datetime(2026, 1, 10, 9, tzinfo=dt.UTC)

    with bill.plant.red.scope():
        told = describe_quarter_cost(explain_quarter_cost(bill.meter, int(at.timestamp()) // 900))

    (source,) = told["sources"]
    assert [row["amount"] for row in source["readings"]] == ["0.250000"]
    assert [sample["time"] for sample in source["samples"]] == [
        at, at + dt.timedelta(minutes=15)
    ]  # fmt: skip
    assert told["price"]["local_time"] == "2026-01-10T12:00:00+03:00"
    steps = told["price"]["steps"]
    assert [(step["component"], step["band"], step["amount"]) for step in steps] == [
        ("energy", "day", "0.750000"), ("levy", "", "0.025000"), ("vat", "", "0.155000"),
    ]  # fmt: skip


def test_the_running_bill_is_the_open_period_or_what_is_left_of_the_month(bill: Bill) -> None:
    with bill.plant.red.scope():
        site = bill.plant.site.id
        assert period_to_date(site, day("2026-01-20")) == (day("2026-01-01"), day("2026-02-01"))
        open_period(site_id=site, start=day("2026-01-15"), end=day("2026-02-15"), now=NOW)
        assert period_to_date(site, day("2026-01-20")) == (day("2026-01-15"), day("2026-02-15"))


def test_the_api_points_to_what_is_wrong_with_a_definition(bill: Bill, client_for) -> None:
    client: Client = client_for(bill.plant.red.owner)
    wrong = {"components": [{"kind": "flat", "name": "energy", "price": "cheap"}]}

    answer = client.post(
        f"/api/v1/tariffs/{bill.tariff.id}/versions",
        {"valid_from": "2026-01-01", "definition": wrong}, content_type="application/json",
    )  # fmt: skip

    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == "bad_number"
    assert answer.json()["errors"][0]["pointer"] == "#/definition/components/0/price"


def test_costs_come_through_the_api_as_exact_text(bill: Bill, client_for) -> None:
    client: Client = client_for(bill.plant.red.viewer)
    asked = f"site={bill.plant.site.id}&start=2026-01-01&end=2026-02-01&by=month"

    found = client.get(f"/api/v1/costs?{asked}").json()

    assert found["totals"] == {"TRY": "2172.480000"}
    assert client.get(f"/api/v1/costs?{asked}&by=nonsense").status_code == 400
    assert client.get("/api/v1/costs?start=2026-01-01&end=2026-02-01").status_code == 400
    line = bill.lines()[0]
    assert client.get(f"/api/v1/costs/explain?line={line.id}").json()["line"]["id"] == line.id
    assert client.get("/api/v1/costs/explain").json()["code"] == "required"
    explained = client.get(
        f"/api/v1/costs/explain?meter={bill.register.meter_id}&at=2026-01-10T09:00:00Z"
    ).json()
    assert explained["tariff"]["name"] == bill.tariff.name


def test_a_year_of_costs_takes_the_same_queries_as_a_month(bill: Bill) -> None:
    def count(start: str, end: str) -> int:
        with bill.plant.red.scope(), CaptureQueriesContext(connection) as queries:
            meters = [bill.meter]
            cost_rows(meters, day(start), day(end), by="month")
            totals(meters, day(start), day(end))
        return len(queries)

    assert count("2026-01-01", "2027-01-01") == count("2026-01-01", "2026-01-02")
    with bill.plant.red.scope():
        assert CostLine.objects.count() == 31 * 4
