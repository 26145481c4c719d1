"""How budgets, baselines and savings look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from metering.analysis.baseline import Shape
from metering.analysis.forecast import BudgetLine, BudgetVerdict, Forecast, Method
from metering.analysis.kept import Verdict, judge_fit
from metering.analysis.savings import Savings
from metering.models import Baseline, Budget, Commodity, Driver, Measure
from metering.queries.plans import BudgetAnswer, SavingsAnswer

BUDGET_VERDICTS = [verdict.value for verdict in BudgetVerdict]
METHODS = [method.value for method in Method]
FIT_VERDICTS = [verdict.value for verdict in Verdict]
_DIGITS = 6


class BudgetLineSerializer(serializers.Serializer):
    """A month, or the year, of a budget."""

    start = serializers.DateField()
    plan = serializers.FloatField()
    actual = serializers.FloatField(help_text="What is known of it.")
    expected = serializers.FloatField(help_text="What it came or will come to.")
    low = serializers.FloatField(allow_null=True, help_text="Of nine in ten such forecasts.")
    high = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(help_text="Expected − plan.")
    method = serializers.ChoiceField(choices=METHODS, help_text="over: nothing is left to expect.")
    verdict = serializers.ChoiceField(choices=BUDGET_VERDICTS)


class BudgetSerializer(serializers.Serializer):
    """A budget against what was used or spent."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    meter = serializers.UUIDField(allow_null=True)
    commodity = serializers.ChoiceField(choices=Commodity.choices)
    measure = serializers.ChoiceField(choices=Measure.choices)
    unit = serializers.CharField(help_text="kWh, m3 or the currency.")
    year = serializers.IntegerField()
    months = BudgetLineSerializer(many=True)
    total = BudgetLineSerializer()


class BaselineModelSerializer(serializers.Serializer):
    """Use a day = base + heating · max(heating_point − T, 0) + cooling · max(T − cooling_point, 0);
    or a table of four seasons from December on by weekdays from Thursday on.
    """

    shape = serializers.ChoiceField(choices=[shape.value for shape in Shape])
    base = serializers.FloatField(required=False)
    heating_slope = serializers.FloatField(required=False, help_text="For each K and day.")
    heating_point = serializers.FloatField(required=False, allow_null=True, help_text="°C.")
    cooling_slope = serializers.FloatField(required=False)
    cooling_point = serializers.FloatField(required=False, allow_null=True, help_text="°C.")
    table = serializers.ListField(
        required=False, child=serializers.ListField(child=serializers.FloatField())
    )


class BaselineSerializer(serializers.Serializer):
    """How energy was used before a measure."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    meter = serializers.UUIDField(allow_null=True)
    commodity = serializers.ChoiceField(choices=Commodity.choices)
    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")
    driver = serializers.ChoiceField(choices=Driver.choices)
    channel = serializers.UUIDField(allow_null=True)
    model = BaselineModelSerializer()
    days = serializers.IntegerField()
    r2 = serializers.FloatField()
    cvrmse = serializers.FloatField(allow_null=True, help_text="Share of the mean use.")
    nmbe = serializers.FloatField(allow_null=True, help_text="Share of the mean use.")
    verdict = serializers.ChoiceField(
        choices=FIT_VERDICTS,
        help_text="By CV(RMSE): good up to 0.25, loose up to 1, poor above that.",
    )
    counted_from = serializers.DateField()
    note = serializers.CharField(allow_blank=True)
    fitted_at = serializers.DateTimeField()
    fitted_by = serializers.CharField(allow_null=True)


class SavingsPartSerializer(serializers.Serializer):
    """What a period would have taken and what it took."""

    expected = serializers.FloatField()
    actual = serializers.FloatField(help_text="Of the days that can be compared.")
    saved = serializers.FloatField(help_text="Expected − actual.")
    saved_share = serializers.FloatField(allow_null=True)
    uncertainty = serializers.FloatField(
        allow_null=True, help_text="Half the width of the band of nine in ten, of the model only."
    )
    is_certain = serializers.BooleanField(help_text="The change is larger than its uncertainty.")
    days = serializers.IntegerField(help_text="That can be compared.")


class SavedMonthSerializer(serializers.Serializer):
    """A month, or the part of it that counts."""

    start = serializers.DateField()
    days = serializers.IntegerField()
    savings = SavingsPartSerializer(allow_null=True)


class SavingsSerializer(serializers.Serializer):
    """What was saved since a measure."""

    baseline = BaselineSerializer()
    unit = serializers.CharField()
    confidence = serializers.FloatField()
    is_blind = serializers.BooleanField(help_text="The channel of temperatures is gone.")
    months = SavedMonthSerializer(many=True)
    total = SavingsPartSerializer(allow_null=True)


def describe_budget(answer: BudgetAnswer) -> dict[str, Any]:
    """Return the members of an answer."""
    budget: Budget = answer.budget
    return {
        "id": budget.id, "site": budget.site_id, "meter": budget.meter_id,
        "commodity": budget.commodity, "measure": budget.measure, "unit": answer.unit,
        "year": budget.year, "months": [_line(line) for line in answer.months],
        "total": _line(answer.year),
    }  # fmt: skip


def _line(line: BudgetLine) -> dict[str, Any]:
    forecast: Forecast = line.forecast
    low, high = forecast.low_kwh, forecast.high_kwh
    return {
        "start": line.month, "plan": float(line.plan_kwh), "actual": float(forecast.actual_kwh),
        "expected": float(forecast.total_kwh), "low": None if low is None else float(low),
        "high": None if high is None else float(high), "difference": float(line.difference_kwh),
        "method": forecast.method.value, "verdict": line.verdict.value,
    }  # fmt: skip


def describe_baseline(baseline: Baseline) -> dict[str, Any]:
    """Return the members of an answer."""
    by = baseline.fitted_by
    return {
        "id": baseline.id, "site": baseline.site_id, "meter": baseline.meter_id,
        "commodity": baseline.commodity, "start": baseline.start, "end": baseline.end,
        "driver": baseline.driver,
        "channel": baseline.channel.uuid if baseline.channel else None,
        "model": {name: value for name, value in baseline.model.items() if name != "fit"},
        "days": baseline.observations, "r2": baseline.r2, "cvrmse": baseline.cvrmse,
        "nmbe": baseline.nmbe, "verdict": judge_fit(baseline.cvrmse).value,
        "counted_from": baseline.counted_from, "note": baseline.note,
        "fitted_at": baseline.fitted_at, "fitted_by": by.email if by else None,
    }  # fmt: skip


def describe_savings(answer: SavingsAnswer, unit: str) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "baseline": describe_baseline(answer.baseline), "unit": unit, "confidence": 0.9,
        "is_blind": answer.is_blind,
        "months": [
            {"start": month.month, "days": month.days, "savings": _savings(month.savings)}
            for month in answer.months
        ],
        "total": _savings(answer.total),
    }  # fmt: skip


def _savings(found: Savings | None) -> dict[str, Any] | None:
    if found is None:
        return None
    unsure = found.uncertainty_kwh
    return {
        "expected": round(found.expected_kwh, _DIGITS), "actual": round(found.actual_kwh, _DIGITS),
        "saved": round(found.avoided_kwh, _DIGITS), "saved_share": found.avoided_share,
        "uncertainty": None if unsure is None else round(unsure, _DIGITS),
        "is_certain": found.is_certain, "days": found.days,
    }  # fmt: skip
