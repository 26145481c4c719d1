"""Explanations as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from metering.models import CostLine, LedgerDecision
from metering.queries.cost_explain import LineCost, QuarterCost, Source
from metering.queries.series import Revision
from metering.queries.tariffs import Segment
from metering.series import Grade, to_decimal
from metering.tariffs.explain import Explanation


def describe_line(line: CostLine) -> dict[str, Any]:
    """Return the members of a line."""
    return {
        "id": line.id, "meter": line.meter_id, "day": line.day, "component": line.component,
        "band": line.band, "kind": "adjustment" if line.is_adjustment else line.kind,
        "quantity": f"{line.quantity:f}", "unit": line.unit, "price": _text(line.price),
        "amount": f"{line.amount:f}", "currency": line.currency, "revision": line.revision,
        "is_provisional": line.is_provisional, "missing_quarters": line.missing_quarters,
        "readings_known_at": line.readings_at, "superseded_at": line.superseded_at,
        "billing_period": line.period_id, "corrects": line.corrects_id,
    }  # fmt: skip


def describe_line_cost(found: LineCost) -> dict[str, Any]:
    """Return where a line comes from."""
    version = found.line.version
    return {
        "line": describe_line(found.line),
        "tariff": {
            "name": version.tariff.name, "version": version.id, "valid_from": version.valid_from,
            "known_at": version.known_at, "note": version.note, "component": found.component,
        },
        "corrections": [describe_line(line) for line in found.corrections],
        "former": [describe_line(line) for line in found.former],
        "quarters_by_revision": {str(key): n for key, n in sorted(found.revisions.items())},
        "decisions": [_decision(row) for row in found.decisions],
    }  # fmt: skip


def describe_quarter_cost(found: QuarterCost) -> dict[str, Any]:
    """Return the way from the samples of a quarter to its price."""
    return {
        "meter": found.meter.id, "start": found.start, "unit": found.meter.unit,
        "sources": [_source(row) for row in found.sources],
        "tariff": _segment(found.segment), "price": _price(found.price),
        "missing_price_series": found.problem or None,
    }  # fmt: skip


def _source(row: Source) -> dict[str, Any]:
    return {
        "meter": row.register.meter_id, "quantity": row.register.quantity, "factor": row.factor,
        "readings": [_reading(one) for one in row.readings],
        "decisions": [_decision(one) for one in row.decisions],
        "samples": [
            {"time": time, "value": value, "quality": quality}
            for time, value, quality in row.samples
        ],
    }  # fmt: skip


def _reading(one: Revision) -> dict[str, Any]:
    return {
        "revision": one.revision, "amount": f"{to_decimal(one.amount):f}",
        "grade": Grade(one.grade).name.lower(), "recorded_at": one.recorded_at,
        "superseded_at": one.superseded_at,
        "begin_register": _micro(one.begin_register), "end_register": _micro(one.end_register),
        "adjustment": f"{to_decimal(one.adjustment):f}", "is_open": one.is_open,
    }  # fmt: skip


def _decision(row: LedgerDecision) -> dict[str, Any]:
    return {
        "kind": row.kind, "from": row.time, "to": row.until,
        "before": _micro(row.before), "after": _micro(row.after),
        "booked": _micro(row.booked), "withheld": _micro(row.withheld), "samples": row.count,
    }  # fmt: skip


def _segment(segment: Segment | None) -> dict[str, Any] | None:
    if segment is None:
        return None
    version = segment.version
    return {
        "name": version.tariff.name, "currency": version.tariff.currency, "version": version.id,
        "valid_from": segment.valid_from, "valid_to": segment.valid_to,
        "known_at": version.known_at, "note": version.note,
    }  # fmt: skip


def _price(price: Explanation | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "local_time": price.starts_at.isoformat(), "day_types": sorted(price.day_types),
        "grams_per_kwh": _text(price.grams_per_kwh),
        "steps": [
            {"component": step.component, "kind": step.kind, "band": step.band,
             "price": _text(step.price), "quantity": _text(step.quantity),
             "amount": _text(step.amount), "facts": dict(step.facts)}
            for step in price.steps
        ],
    }  # fmt: skip


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _micro(number: int | None) -> str | None:
    return None if number is None else f"{to_decimal(number):f}"
