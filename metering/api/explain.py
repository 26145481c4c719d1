"""Where a number comes from, in the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params
from metering.api.base import TAGS, MeterView
from metering.api.serializers import (
    QUANTITIES,
    BookingSerializer,
    DecisionSerializer,
    amount_field,
    describe_booking,
    describe_decision,
)
from metering.ledger.kinds import Method
from metering.models import Quantity
from metering.queries.explain import Explanation, StoredSample, explain_quarter, formula_of
from metering.queries.meters import find_register
from metering.queries.series import Revision
from metering.series import Grade, to_decimal
from metering.words import METHODS, plain

GRADES = [(grade.name.lower(), grade.name.lower()) for grade in Grade]
METHOD_NAMES = [(method.name.lower(), method.name.lower()) for method in Method]


class ExplainParams(Params):
    """Which quarter hour."""

    meter = serializers.UUIDField()
    quantity = serializers.ChoiceField(choices=QUANTITIES, default=Quantity.IMPORT)
    start = serializers.DateTimeField(help_text="Any moment within the quarter hour.")


class ExplainedSampleSerializer(serializers.Serializer):
    """A value as it is stored, and what it counts in the unit of the meter."""

    time = serializers.DateTimeField()
    device = serializers.UUIDField()
    metric = serializers.CharField()
    value = serializers.FloatField()
    counts = serializers.CharField(help_text="A decimal number without zeros at its end.")


class LedgerRevisionSerializer(serializers.Serializer):
    """What was said about the quarter hour from one moment to another."""

    revision = serializers.IntegerField()
    amount = amount_field()
    begin_register = amount_field(allow_null=True)
    end_register = amount_field(allow_null=True)
    adjustment = amount_field()
    grade = serializers.ChoiceField(choices=GRADES)
    method = serializers.ChoiceField(choices=METHOD_NAMES)
    text = serializers.CharField()
    formula = serializers.CharField()
    is_open = serializers.BooleanField()
    recorded_at = serializers.DateTimeField()
    superseded_at = serializers.DateTimeField(allow_null=True)


class ExplanationSerializer(serializers.Serializer):
    """Samples, decisions, bookings, revisions and the formula of a quarter hour."""

    meter = serializers.UUIDField()
    quantity = serializers.ChoiceField(choices=QUANTITIES)
    unit = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    amount = amount_field(allow_null=True)
    text = serializers.CharField()
    formula = serializers.CharField()
    samples = ExplainedSampleSerializer(many=True)
    decisions = DecisionSerializer(many=True)
    bookings = BookingSerializer(many=True)
    revisions = LedgerRevisionSerializer(many=True)


class Explain(MeterView):
    """The lineage of one number."""

    permission = "read:meter"
    http_method_names = ["get", "head"]
    params_class = ExplainParams

    @extend_schema(
        operation_id="explain_reading", summary="Explain a quarter hour", tags=TAGS,
        parameters=[ExplainParams], responses=ExplanationSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return where the amount of a quarter hour comes from.

        Samples are shown to those who may see measurements.
        """
        register = find_register(self.params["meter"], self.params["quantity"])
        may_see = "read:telemetry" in self.acting.codes
        start: dt.datetime = self.params["start"].astimezone(dt.UTC)
        return Response(_describe(explain_quarter(register, start, with_samples=may_see)))


def _describe(found: Explanation) -> dict[str, Any]:
    meter, current = found.register.meter, found.current
    return {
        "meter": meter.id,
        "quantity": found.register.quantity,
        "unit": meter.unit,
        "start": found.start,
        "end": found.end,
        "amount": None if current is None else str(to_decimal(current.amount)),
        "text": found.sentence,
        "formula": found.formula,
        "samples": list(_samples(found.samples)),
        "decisions": [describe_decision(row) for row in found.decisions],
        "bookings": [describe_booking(row) for row in found.bookings],
        "revisions": [_revision(row, meter.unit) for row in found.revisions],
    }


def _samples(samples: Iterable[StoredSample]) -> Iterable[dict[str, Any]]:
    for sample in samples:
        yield {
            "time": sample.time,
            "device": sample.channel.device_id,
            "metric": sample.channel.name,
            "value": sample.value,
            "counts": plain(sample.counts),
        }


def _revision(row: Revision, unit: str) -> dict[str, Any]:
    begin, end = row.begin_register, row.end_register
    return {
        "revision": row.revision,
        "amount": str(to_decimal(row.amount)),
        "begin_register": None if begin is None else str(to_decimal(begin)),
        "end_register": None if end is None else str(to_decimal(end)),
        "adjustment": str(to_decimal(row.adjustment)),
        "grade": Grade(row.grade).name.lower(),
        "method": Method(row.method).name.lower(),
        "text": str(METHODS[Method(row.method)]),
        "formula": formula_of(row, unit),
        "is_open": row.is_open,
        "recorded_at": row.recorded_at,
        "superseded_at": row.superseded_at,
    }
