"""How the costs and the CO₂ of a period look in the API. Amounts of money are text."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from metering.analysis.compare import Against, Pair
from metering.queries.coverage import Coverage
from metering.queries.emissions import Emissions, Floats
from metering.queries.energy_costs import ComparedCosts, CostAnswer, CostBand, EnergyCosts
from metering.series import Ints, to_decimal

GRAMS = 1000


class LackSerializer(serializers.Serializer):
    """A meter without a tariff, or without a factor, on some of the days so far."""

    meter = serializers.UUIDField()
    name = serializers.CharField()
    days = serializers.IntegerField()
    of_days = serializers.IntegerField()


class CostBandSerializer(serializers.Serializer):
    """A component, or a meter, of every bucket; a blank name is all the others together."""

    name = serializers.CharField(allow_blank=True)
    meter = serializers.UUIDField(allow_null=True)
    total = serializers.CharField()
    v = serializers.ListField(child=serializers.CharField())


class CostComparisonSerializer(serializers.Serializer):
    """Another period; both sums go up to the same moment of the clock."""

    kind = serializers.ChoiceField(choices=[against.value for against in Against])
    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")
    total = serializers.CharField(allow_null=True, help_text="Null where nothing was charged.")
    current = serializers.CharField(help_text="Of the period asked for, up to then.")
    percent = serializers.FloatField(allow_null=True)
    is_like = serializers.BooleanField(help_text="Both are known nearly whole and are as long.")
    v = serializers.ListField(child=serializers.CharField())


class EnergyCostSerializer(serializers.Serializer):
    """The costs in one currency. Days of closed periods are as billed."""

    currency = serializers.CharField()
    total = serializers.CharField()
    billed = serializers.CharField(help_text="The part of closed billing periods.")
    adjusted = serializers.CharField(
        help_text="What has been added to billed days since; not in the total."
    )
    v = serializers.ListField(child=serializers.CharField())
    provisional = serializers.ListField(
        child=serializers.CharField(), help_text="The part that may still change."
    )
    missing_quarters = serializers.ListField(
        child=serializers.IntegerField(), help_text="Quarter hours without a price."
    )
    components = CostBandSerializer(many=True)
    meters = CostBandSerializer(many=True)
    comparison = CostComparisonSerializer(allow_null=True)


class CostProblemSerializer(serializers.Serializer):
    """A meter whose costs cannot be computed."""

    meter = serializers.UUIDField()
    detail = serializers.CharField()


class EnergyCostsSerializer(serializers.Serializer):
    """Costs by currency; those with most lines first."""

    currencies = EnergyCostSerializer(many=True)
    without_tariff = LackSerializer(many=True)
    problems = CostProblemSerializer(many=True)


class EmissionBandSerializer(serializers.Serializer):
    """What a meter bought, in kg."""

    meter = serializers.UUIDField()
    name = serializers.CharField()
    total = serializers.FloatField()
    v = serializers.ListField(child=serializers.FloatField())


class EmissionComparisonSerializer(serializers.Serializer):
    """Another period, in kg; both sums go up to the same moment of the clock."""

    kind = serializers.ChoiceField(choices=[against.value for against in Against])
    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")
    total = serializers.FloatField()
    current = serializers.FloatField()
    percent = serializers.FloatField(allow_null=True)
    is_like = serializers.BooleanField()
    v = serializers.ListField(child=serializers.FloatField())


class EmissionsSerializer(serializers.Serializer):
    """The CO₂ of what was bought, in kg."""

    total = serializers.FloatField()
    grams_per_unit = serializers.FloatField(allow_null=True, help_text="The mean factor.")
    v = serializers.ListField(child=serializers.FloatField())
    estimated = serializers.ListField(
        child=serializers.FloatField(), help_text="The part of energy that is estimated."
    )
    missing_quarters = serializers.ListField(
        child=serializers.IntegerField(), help_text="Quarter hours without a factor."
    )
    meters = EmissionBandSerializer(many=True)
    without_factor = LackSerializer(many=True)
    comparison = EmissionComparisonSerializer(allow_null=True)


def describe_costs(answer: CostAnswer) -> dict[str, Any]:
    """Return the members of the costs."""
    return {
        "currencies": [_costs(costs) for costs in answer.currencies],
        "without_tariff": _lacks(answer.coverage),
        "problems": [{"meter": state.meter_id, "detail": state.error} for state in answer.problems],
    }


def describe_emissions(found: Emissions) -> dict[str, Any]:
    """Return the members of the CO₂, in kg."""
    compared = found.compared
    guessed = sum((band.guessed for band in found.bands), 0 * found.amounts)
    return {
        "total": found.total / GRAMS,
        "grams_per_unit": found.grams_per_unit,
        "v": _kilograms(found.amounts),
        "estimated": _kilograms(guessed),
        "missing_quarters": found.unknown.tolist(),
        "meters": [
            {"meter": band.meter.id, "name": band.meter.name,
             "total": float(band.amounts.sum()) / GRAMS, "v": _kilograms(band.amounts)}
            for band in found.bands
        ],
        "without_factor": _lacks(found.coverage),
        "comparison": None if compared is None else _pair(compared.against, compared.pair) | {
            "total": compared.base / GRAMS, "current": compared.current / GRAMS,
            "percent": compared.percent, "is_like": compared.is_like,
            "v": _kilograms(compared.amounts),
        },
    }  # fmt: skip


def _kilograms(grams: Floats) -> list[float]:
    """Return them without the noise of binary fractions, to the milligram."""
    return [round(float(amount) / GRAMS, 6) for amount in grams]


def _costs(costs: EnergyCosts) -> dict[str, Any]:
    return {
        "currency": costs.currency,
        "total": _text(costs.total),
        "billed": _text(costs.billed),
        "adjusted": _text(costs.adjusted),
        "v": _texts(costs.amounts),
        "provisional": _texts(costs.open),
        "missing_quarters": costs.unpriced.tolist(),
        "components": [_band(band) for band in costs.components],
        "meters": [_band(band) for band in costs.meters],
        "comparison": _compared(costs.compared) if costs.compared else None,
    }


def _band(band: CostBand) -> dict[str, Any]:
    return {
        "name": band.name,
        "meter": band.meter.id if band.meter else None,
        "total": _text(band.total),
        "v": _texts(band.amounts),
    }


def _compared(compared: ComparedCosts) -> dict[str, Any]:
    return _pair(compared.against, compared.pair) | {
        "total": _text(compared.base) if compared.is_known else None,
        "current": _text(compared.current),
        "percent": compared.percent,
        "is_like": compared.is_like,
        "v": _texts(compared.amounts),
    }


def _pair(against: Against, pair: Pair) -> dict[str, Any]:
    return {
        "kind": against.value, "start": pair.base_period.start, "end": pair.base_period.end
    }  # fmt: skip


def _lacks(coverage: Coverage) -> list[dict[str, Any]]:
    return [
        {"meter": lack.meter.id, "name": lack.meter.name, "days": lack.days, "of_days": lack.of}
        for lack in coverage.lacks
    ]


def _texts(amounts: Ints) -> list[str]:
    return [_text(int(amount)) for amount in amounts]


def _text(amount: int) -> str:
    return f"{to_decimal(amount):f}"
