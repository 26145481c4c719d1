"""How the energy of a period looks in the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from metering.analysis.balance import Balance, Verdict
from metering.analysis.compare import Against
from metering.analysis.flows import FlowTotals
from metering.analysis.forecast import Forecast, Method
from metering.cost_answer import EmissionsSerializer, EnergyCostsSerializer
from metering.models import Commodity, Meter
from metering.queries.energy import Band, Compared, Peak, Summary
from metering.queries.frames import Step, Unit
from metering.queries.insight import find_balance, find_flows, find_forecast
from metering.series import MICRO, QUARTER_SECONDS, Ints
from telemetry.renderers import escape

VERDICTS = [verdict.value for verdict in Verdict]
KINDS = (
    "grid", "solar", "battery", "use", "export", "charge", "circuit", "other", "rest",
)  # fmt: skip


class BucketsSerializer(serializers.Serializer):
    """Columns: one entry per bucket."""

    t = serializers.ListField(child=serializers.IntegerField(), help_text="Begin, epoch ms.")
    local = serializers.ListField(
        child=serializers.CharField(), help_text="Begin on the clock of the site."
    )
    hours = serializers.ListField(
        child=serializers.FloatField(), help_text="Length: local days have 23 to 25 hours."
    )
    v = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        help_text="Amount; null where nothing is known.",
    )
    estimated = serializers.ListField(
        child=serializers.FloatField(), help_text="The part that is estimated or booked by people."
    )
    completeness = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        help_text="Share of its quarter hours that are known; null of those to come.",
    )


class BandSerializer(serializers.Serializer):
    """A part of every bucket."""

    kind = serializers.ChoiceField(choices=KINDS)
    meter = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(allow_blank=True)
    leaves = serializers.BooleanField(help_text="Fed into the grid or stored in a battery.")
    total = serializers.FloatField()
    v = serializers.ListField(child=serializers.FloatField())


class EnergyComparisonSerializer(serializers.Serializer):
    """Another period; both sums go up to the same moment of the clock."""

    kind = serializers.ChoiceField(choices=[against.value for against in Against])
    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")
    total = serializers.FloatField(allow_null=True)
    current = serializers.FloatField(help_text="Of the period asked for, up to then.")
    percent = serializers.FloatField(allow_null=True)
    is_like = serializers.BooleanField(help_text="Both are known nearly whole and are as long.")
    v = serializers.ListField(child=serializers.FloatField())


class EnergyPeakSerializer(serializers.Serializer):
    """The quarter hour with the highest mean power."""

    at = serializers.DateTimeField()
    power = serializers.FloatField(help_text="kW; of volumes m³/h.")
    contracted = serializers.FloatField(allow_null=True)


class EnergyFlowsSerializer(serializers.Serializer):
    """The paths between production, grid, battery and consumption, in kWh."""

    production_to_consumption = serializers.FloatField()
    production_to_grid = serializers.FloatField()
    production_to_ess = serializers.FloatField()
    grid_to_consumption = serializers.FloatField()
    grid_to_ess = serializers.FloatField()
    ess_to_consumption = serializers.FloatField()
    ess_to_grid = serializers.FloatField()
    unexplained = serializers.FloatField()
    self_consumption_rate = serializers.FloatField(allow_null=True)
    autarky_rate = serializers.FloatField(allow_null=True)


class EnergyForecastSerializer(serializers.Serializer):
    """What a running month or year will come to."""

    method = serializers.ChoiceField(choices=[method.value for method in Method])
    total = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class EnergyBalanceSerializer(serializers.Serializer):
    """A meter against its submeters; `residual` is what they do not show."""

    meter = serializers.UUIDField()
    name = serializers.CharField()
    residual = serializers.FloatField()
    band = serializers.FloatField(help_text="± that the classes of the meters allow.")
    verdict = serializers.ChoiceField(choices=VERDICTS)
    coverage = serializers.FloatField(help_text="Share of the time that all of them know.")


class EnergyQualitySerializer(serializers.Serializer):
    """Shares of the quarter hours so far, by how they are known; they add up to 1."""

    measured = serializers.FloatField()
    prorated = serializers.FloatField(
        help_text="Measured over a longer time, and shared out over its quarter hours."
    )
    estimated = serializers.FloatField()
    manual = serializers.FloatField(help_text="Booked by people.")
    missing = serializers.FloatField()


class EnergySummarySerializer(serializers.Serializer):
    """The energy of a site or meter in a period; amounts in `unit`."""

    site = serializers.UUIDField()
    meter = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    commodity = serializers.ChoiceField(choices=Commodity.choices)
    unit = serializers.CharField()
    period = serializers.ChoiceField(choices=[unit.value for unit in Unit])
    step = serializers.ChoiceField(choices=[step.value for step in Step])
    start = serializers.DateField()
    end = serializers.DateField(help_text="Exclusive.")
    tz = serializers.CharField()
    total = serializers.FloatField()
    completeness = serializers.FloatField(help_text="Share of the quarter hours so far.")
    estimated_share = serializers.FloatField(help_text="With what people booked.")
    quality = EnergyQualitySerializer()
    buckets = BucketsSerializer()
    sources = BandSerializer(many=True)
    circuits = BandSerializer(many=True)
    comparison = EnergyComparisonSerializer(allow_null=True)
    peak = EnergyPeakSerializer(allow_null=True)
    flows = EnergyFlowsSerializer(allow_null=True)
    forecast = EnergyForecastSerializer(allow_null=True)
    balance = EnergyBalanceSerializer(many=True)
    costs = EnergyCostsSerializer(allow_null=True, help_text="Null unless included.")
    co2 = EmissionsSerializer(allow_null=True, help_text="Null unless included.")


def describe(summary: Summary, *, now: dt.datetime) -> dict[str, Any]:
    """Return the members of the answer."""
    scope, frame = summary.scope, summary.frame
    flows = find_flows(summary)
    forecast = find_forecast(summary, now=now)
    return {
        "site": scope.site.id,
        "meter": scope.root.id if scope.root else None,
        "name": scope.name,
        "commodity": scope.commodity.value,
        "unit": scope.unit,
        "period": frame.unit.value,
        "step": frame.step.value,
        "start": frame.period.start,
        "end": frame.period.end,
        "tz": scope.site.timezone,
        "total": float(summary.total),
        "completeness": 1 - summary.quality.missing if summary.expected.any() else 0.0,
        "estimated_share": summary.quality.guessed,
        "quality": {
            name: getattr(summary.quality, str(name)) for name in EnergyQualitySerializer().fields
        },
        "buckets": _buckets(summary),
        "sources": [_band(band) for band in summary.sources],
        "circuits": [_band(band) for band in summary.circuits],
        "comparison": _compared(summary.compared) if summary.compared else None,
        "peak": _peak(summary.peak) if summary.peak else None,
        "flows": _flows(flows) if flows else None,
        "forecast": _forecast(forecast) if forecast else None,
        "balance": [
            _balance(node.meter, node.balance) for node in find_balance(summary) if node.balance
        ],
        "costs": None,
        "co2": None,
    }


def write_rows(answer: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield a header and a row for each bucket; times with the offset of the site."""
    bands = [*answer["sources"], *answer["circuits"]]
    compared = answer["comparison"]
    header = ["start", "hours", f"total ({answer['unit']})", "estimated", "completeness"]
    header += [escape(band["name"] or band["kind"]) for band in bands]
    header += [f"{compared['kind']}"] if compared else []
    more = list(_more_columns(answer))
    yield [*header, *(title for title, _values in more)]
    buckets = answer["buckets"]
    for at, begin in enumerate(buckets["local"]):
        row = [begin, *(buckets[name][at] for name in ("hours", "v", "estimated", "completeness"))]
        row += [band["v"][at] for band in bands]
        if compared:
            row.append(compared["v"][at] if at < len(compared["v"]) else None)
        row += [values[at] for _title, values in more]
        yield ["" if value is None else value for value in row]


def _more_columns(answer: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the costs in each currency and the CO₂, where they are included."""
    for costs in answer["costs"]["currencies"] if answer["costs"] else ():
        yield f"cost ({costs['currency']})", costs["v"]
        yield f"provisional ({costs['currency']})", costs["provisional"]
        for band in costs["components"]:
            yield escape(f"{band['name'] or 'other'} ({costs['currency']})"), band["v"]
    if answer["co2"]:
        yield "CO2 (kg)", answer["co2"]["v"]


def _buckets(summary: Summary) -> dict[str, Any]:
    use, expected = summary.use, summary.expected
    rows = list(zip(use.known, expected, use.amounts, strict=True))
    return {
        "t": [int(number) * QUARTER_SECONDS * 1000 for number in summary.frame.quarters[:-1]],
        "local": [start.isoformat(timespec="minutes") for start in summary.frame.starts()],
        "hours": [int(width) / 4 for width in summary.frame.widths],
        "v": [amount / MICRO if known or amount else None for known, _asked, amount in rows],
        "estimated": _amounts(use.guessed_amounts),
        "completeness": [
            min(int(known), int(asked)) / int(asked) if asked else None
            for known, asked, _amount in rows
        ],
    }


def _amounts(amounts: Ints) -> list[float]:
    return [int(amount) / MICRO for amount in amounts]


def _band(band: Band) -> dict[str, Any]:
    return {
        "kind": band.kind,
        "meter": band.meter.id if band.meter else None,
        "name": band.meter.name if band.meter else "",
        "leaves": band.below,
        "total": float(band.total),
        "v": _amounts(band.amounts),
    }


def _compared(compared: Compared) -> dict[str, Any]:
    comparison, base = compared.comparison, compared.pair.base_period
    percent = comparison.percent
    return {
        "kind": compared.against.value,
        "start": base.start,
        "end": base.end,
        "total": float(comparison.base.kwh) if comparison.base.known_share else None,
        "current": float(comparison.current.kwh),
        "percent": None if percent is None else float(percent),
        "is_like": comparison.is_like,
        "v": _amounts(compared.amounts),
    }


def _peak(peak: Peak) -> dict[str, Any]:
    contracted = None if peak.contracted is None else float(peak.contracted)
    return {"at": peak.at, "power": float(peak.power), "contracted": contracted}


def _flows(flows: FlowTotals) -> dict[str, Any]:
    values = {str(name): getattr(flows, str(name)) for name in EnergyFlowsSerializer().fields}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _forecast(forecast: Forecast) -> dict[str, Any]:
    low, high = forecast.low_kwh, forecast.high_kwh
    return {
        "method": forecast.method.value,
        "total": float(forecast.total_kwh),
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
    }


def _balance(meter: Meter, balance: Balance) -> dict[str, Any]:
    return {
        "meter": meter.id,
        "name": meter.name,
        "residual": float(balance.total.residual),
        "band": float(balance.total.band),
        "verdict": balance.total.verdict.value,
        "coverage": balance.coverage,
    }
