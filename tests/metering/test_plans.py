"""Budgets against what was used, baselines with known coefficients, and savings."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEvent
from devices.models import Device, Kind, Site
from metering.analysis.forecast import BudgetVerdict, Method
from metering.analysis.kept import Verdict, judge_fit, read_model, write_model
from metering.models import Baseline, Budget, CostLine, Meter
from metering.queries.plans import compare_with_budget, find_baseline, find_scope, read_savings
from metering.services.meters import remove_meter
from metering.services.plans import (
    PlanRefused,
    Reference,
    Year,
    copy_last_year,
    fit_baseline,
    remove_budget,
    set_budget,
)
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory
from tests.metering.conftest import NOW
from tests.metering.planned import (
    REFERENCE,
    START,
    TODAY,
    heat,
    make_site,
    make_weather,
    scope_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def site(red: Team, clock: None) -> Site:
    return make_site(red)


def test_a_budget_is_put_beside_each_month_and_the_year(red: Team, site: Site) -> None:
    scope = scope_of(red, site)
    amounts = [Decimal(2900)] * 9 + [Decimal(3000), Decimal(2800), Decimal(4000)]

    with red.scope():
        budget = set_budget(scope=scope, year=Year(2026), amounts=amounts, now=NOW)
        answer = compare_with_budget(scope, budget, now=NOW)

    assert budget.amounts[0] == 2_900_000_000
    assert [line.verdict for line in answer.months] == [
        BudgetVerdict.EXCEEDED, BudgetVerdict.MET, BudgetVerdict.EXCEEDED, BudgetVerdict.MET,
        BudgetVerdict.EXCEEDED, BudgetVerdict.MET, BudgetVerdict.EXCEEDED, BudgetVerdict.EXCEEDED,
        BudgetVerdict.MET, BudgetVerdict.MET, BudgetVerdict.WILL_EXCEED, BudgetVerdict.ON_TRACK,
    ]  # fmt: skip
    november = answer.months[10].forecast
    assert (november.actual_kwh, november.total_kwh) == (19 * 96, 30 * 96)
    assert november.method is Method.LAST_YEAR
    assert answer.year.forecast.total_kwh == 365 * 96
    assert answer.year.plan_kwh == sum(amounts)
    assert answer.unit == "kWh"


def test_a_budget_is_set_again_and_removed_with_a_trace(red: Team, site: Site) -> None:
    scope = scope_of(red, site)

    with red.scope():
        first = set_budget(scope=scope, year=Year(2026), amounts=[Decimal(1)] * 12, now=NOW)
        again = set_budget(scope=scope, year=Year(2026), amounts=[Decimal(2)] * 12, now=NOW)
        assert again.id == first.id and Budget.objects.get().amounts == [2_000_000] * 12
        remove_budget(budget_id=again.id, now=NOW)
        assert not Budget.objects.exists()
        actions = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    assert actions[-3:] == ["budget.created", "budget.changed", "budget.removed"]


def test_plans_go_with_their_meter_and_their_site(red: Team, site: Site) -> None:
    with red.scope():
        below = Meter.objects.get(parent__isnull=False)
        for scope in (find_scope("meter", below.id), find_scope("site", site.id)):
            set_budget(scope=scope, year=Year(2026), amounts=[Decimal(1)] * 12, now=NOW)
            fit_baseline(scope=scope, wanted=REFERENCE, by=red.owner.id, now=NOW)

        remove_meter(meter_id=below.id, now=NOW)
        assert [budget.meter_id for budget in Budget.objects.all()] == [None]
        assert [baseline.meter_id for baseline in Baseline.objects.all()] == [None]
        remove_meter(meter_id=Meter.objects.get().id, now=NOW)
        Device.objects.all().delete()
        site.delete()
        assert not Budget.objects.exists() and not Baseline.objects.exists()


def test_a_year_follows_the_one_before(red: Team, site: Site) -> None:
    scope = scope_of(red, site)

    with red.scope():
        this = copy_last_year(scope=scope, year=Year(2026), percent=Decimal(-10), now=NOW)
        after = copy_last_year(scope=scope, year=Year(2027), percent=Decimal(0), now=NOW)

    assert this.amounts[0] == round(31 * 96 * 0.9 * 1_000_000)
    assert after.amounts == [
        days * 96_000_000 for days in (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    ]


def test_a_budget_of_costs_is_put_beside_what_was_charged(red: Team, site: Site) -> None:
    scope = scope_of(red, site)
    meter = scope.supply[0]
    with red.scope():
        lines = [
            _cost_line(red, meter, START + n * dt.timedelta(days=1))
            for n in range((TODAY - START).days)
        ]
        CostLine.objects.bulk_create(lines)
        budget = set_budget(
            scope=scope, year=Year(2026, "cost", "EUR"), amounts=[Decimal(900)] * 12, now=NOW
        )
        answer = compare_with_budget(scope, budget, now=NOW)

    assert answer.unit == "EUR"
    assert answer.months[0].forecast.actual_kwh == 31 * 30
    assert answer.months[10].forecast.total_kwh == 30 * 30
    assert answer.year.forecast.total_kwh == 365 * 30


def _cost_line(team: Team, meter: Any, day: dt.date) -> CostLine:
    version = _version(team)
    return CostLine(
        tenant=team.tenant, meter=meter, version=version, day=day, component="energy",
        kind="flat", quantity=96, unit="kWh", amount=30, currency="EUR", first_quarter=0,
        last_quarter=1, is_provisional=False, missing_quarters=0, revision=1, readings_at=NOW,
    )  # fmt: skip


def _version(team: Team) -> Any:
    from metering.models import Tariff, TariffVersion

    tariff, _made = Tariff.objects.get_or_create(tenant=team.tenant, name="T", currency="EUR")
    return TariffVersion.objects.get_or_create(
        tenant=team.tenant, tariff=tariff, valid_from=START, known_at=NOW, definition={}
    )[0]


@pytest.mark.parametrize(
    ("year", "amounts", "code"),
    [
        (Year(2026), [Decimal(1)] * 11, "not_twelve"),
        (Year(2026), [Decimal(-1)] * 12, "negative"),
        (Year(2026), [Decimal(10) ** 13] * 12, "too_large"),
        (Year(2026), [Decimal("NaN")] * 12, "too_large"),
        (Year(1900), [Decimal(1)] * 12, "bad_year"),
        (Year(2026, "cost"), [Decimal(1)] * 12, "bad_currency"),
        (Year(2026, "energy", "EUR"), [Decimal(1)] * 12, "bad_currency"),
        (Year(2026, "cost", "eur"), [Decimal(1)] * 12, "bad_currency"),
    ],
)
def test_a_budget_is_refused(
    red: Team, site: Site, year: Year, amounts: list[Decimal], code: str
) -> None:
    scope = scope_of(red, site)

    with red.scope(), pytest.raises(PlanRefused) as refused:
        set_budget(scope=scope, year=year, amounts=amounts, now=NOW)

    assert refused.value.code == code


def test_the_database_holds_one_budget_of_twelve_months(red: Team, site: Site) -> None:
    fields = {"tenant": red.tenant, "site": site, "year": 2026}
    with red.scope():
        Budget.objects.create(**fields, amounts=[1] * 12)
        for wrong in ({"amounts": [1] * 12}, {"amounts": [1], "year": 2027}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Budget.objects.create(**(fields | wrong))


def test_too_little_of_last_year_is_no_plan(red: Team, site: Site) -> None:
    scope = scope_of(red, site)

    with red.scope():
        for year, percent, code in (
            (2025, Decimal(0), "no_last_year"), (2030, Decimal(0), "no_last_year"),
            (2026, Decimal(-101), "bad_percent"),
        ):  # fmt: skip
            with pytest.raises(PlanRefused) as refused:
                copy_last_year(scope=scope, year=Year(year), percent=percent, now=NOW)
            assert refused.value.code == code


def test_a_baseline_finds_what_the_use_was_made_of(red: Team, site: Site) -> None:
    channel = make_weather(site)
    heat(site)
    scope = scope_of(red, site)

    with red.scope():
        baseline = fit_baseline(scope=scope, wanted=REFERENCE, by=red.owner.id, now=NOW)

    assert baseline.channel_id == channel.id and baseline.driver == "temperature"
    assert baseline.model["shape"] == "heating"
    assert baseline.model["base"] == pytest.approx(20, abs=0.01)
    assert baseline.model["heating_slope"] == pytest.approx(3, abs=0.001)
    assert baseline.model["heating_point"] == 16.0
    assert baseline.r2 == pytest.approx(1, abs=1e-6)
    assert baseline.cvrmse == pytest.approx(0, abs=1e-4)
    assert baseline.nmbe == pytest.approx(0, abs=1e-6)
    assert 363 <= baseline.observations <= 365
    assert write_model(read_model(baseline.model)) == baseline.model


def test_savings_are_what_the_baseline_expects_less_what_was_used(red: Team, site: Site) -> None:
    make_weather(site)
    heat(site, saved=0.2, since=dt.date(2026, 2, 1))
    scope = scope_of(red, site)

    with red.scope():
        fit_baseline(scope=scope, wanted=REFERENCE, by=None, now=NOW)
        baseline = find_baseline(scope)
        assert baseline is not None
        answer = read_savings(scope, baseline, now=NOW)

    assert [month.month.month for month in answer.months] == list(range(2, 12))
    assert answer.total is not None
    assert answer.total.avoided_share == pytest.approx(0.2, abs=0.001)
    assert answer.total.is_certain
    assert answer.total.days == (TODAY - dt.date(2026, 2, 1)).days
    for month in answer.months:
        assert month.savings is not None and month.savings.days == month.days
        assert month.savings.avoided_share == pytest.approx(0.2, abs=0.002)


def test_without_temperatures_the_calendar_explains(red: Team, site: Site) -> None:
    scope = scope_of(red, site)

    with red.scope():
        baseline = fit_baseline(scope=scope, wanted=REFERENCE, by=None, now=NOW)
        answer = read_savings(scope, baseline, now=NOW)

    assert (baseline.driver, baseline.model["shape"], baseline.channel) == (
        "calendar", "weekdays", None
    )  # fmt: skip
    assert answer.total is not None
    assert answer.total.avoided_kwh == pytest.approx(0, abs=1e-6)
    assert not answer.total.is_certain


def test_savings_are_unknown_without_their_channel(red: Team, site: Site) -> None:
    channel = make_weather(site)
    scope = scope_of(red, site)
    with red.scope():
        fit_baseline(scope=scope, wanted=REFERENCE, by=None, now=NOW)
        channel.delete()
        baseline = find_baseline(scope)
        assert baseline is not None
        answer = read_savings(scope, baseline, now=NOW)

    assert answer.is_blind and answer.total is None and answer.months == ()


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        (Reference(START, dt.date(2025, 7, 1), TODAY), "too_short", "start"),
        (Reference(dt.date(2024, 6, 1), dt.date(2025, 7, 1), TODAY), "too_few_days", "start"),
        (Reference(START, START, TODAY), "bad_period", "end"),
        (Reference(START, dt.date(2027, 1, 1), dt.date(2027, 1, 1)), "bad_period", "end"),
        (Reference(START, dt.date(2026, 1, 1), START), "bad_period", "counted_from"),
        (Reference(dt.date(2020, 1, 1), TODAY, TODAY), "bad_period", "start"),
        (Reference(START, dt.date(2026, 1, 1), TODAY, "temperature"), "no_temperature", "channel"),
        (
            Reference(START, dt.date(2026, 1, 1), TODAY, channel=uuid.uuid4()),
            "unknown_channel", "channel",
        ),
    ],
)  # fmt: skip
def test_a_baseline_is_refused(
    red: Team, site: Site, wanted: Reference, code: str, field: str
) -> None:
    scope = scope_of(red, site)

    with red.scope(), pytest.raises(PlanRefused) as refused:
        fit_baseline(scope=scope, wanted=wanted, by=None, now=NOW)

    assert (refused.value.code, refused.value.field) == (code, field)


def test_temperatures_have_to_be_known(red: Team, site: Site) -> None:
    ChannelFactory(
        device=DeviceFactory(site=site), name="outdoor_temp", kind=Kind.GAUGE, unit="Cel"
    )
    scope = scope_of(red, site)

    with red.scope(), pytest.raises(PlanRefused) as refused:
        fit_baseline(scope=scope, wanted=REFERENCE, by=None, now=NOW)

    assert refused.value.code == "too_few_temperatures"


@pytest.mark.parametrize(
    ("cvrmse", "verdict"),
    [(0.1, Verdict.GOOD), (0.25, Verdict.GOOD), (0.6, Verdict.LOOSE), (1.2, Verdict.POOR),
     (None, Verdict.POOR)],
)  # fmt: skip
def test_a_fit_is_judged_by_its_scatter(cvrmse: float | None, verdict: Verdict) -> None:
    assert judge_fit(cvrmse) is verdict


@pytest.mark.parametrize("field", ["start", "counted_from"])
def test_days_beyond_all_calendars_are_refused(red: Team, site: Site, field: str) -> None:
    days = {
        "start": Reference(dt.date.min, dt.date(2, 1, 10), dt.date(2026, 1, 1)),
        "counted_from": Reference(START, dt.date(2026, 1, 1), dt.date.max),
    }
    make_weather(site)

    with red.scope(), pytest.raises(PlanRefused) as refused:
        fit_baseline(scope=scope_of(red, site), wanted=days[field], by=None, now=NOW)

    assert (refused.value.code, refused.value.field) == ("out_of_range", field)
