"""Costs, billing periods and where a cost comes from, in the API. Amounts of money are text."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import ListParam, Params, read_body
from devices.models import Site
from metering.api_tariffs import TAGS, CostView
from metering.models import BillingPeriod, Meter
from metering.queries.cost_explain import explain_line, explain_quarter_cost, find_line
from metering.queries.cost_words import describe_line_cost, describe_quarter_cost
from metering.queries.costs import (
    GROUPS,
    VIEWS,
    Known,
    charged_meters,
    cost_rows,
    find_period,
    list_periods,
    totals,
)
from metering.queries.statements import Statement, make_statement
from metering.queries.what_if import Alternative, compare_tariffs
from metering.series import QUARTER_SECONDS
from metering.services.costs import (
    MAX_DAYS,
    CostRefused,
    close_period,
    open_period,
    remove_period,
)

MAX_POWERS = 20


class CostParams(Params):
    """Which costs: of the local days [from, to) of a site or of a meter."""

    site = serializers.UUIDField(required=False)
    meter = serializers.UUIDField(required=False)
    start = serializers.DateField()
    end = serializers.DateField()
    by = serializers.ChoiceField(choices=GROUPS, default="day")
    view = serializers.ChoiceField(
        choices=VIEWS, default="known", help_text="known: as now known; billed: as billed."
    )


class CostRowSerializer(serializers.Serializer):
    """Costs that belong together."""

    key = serializers.CharField()
    component = serializers.CharField()
    unit = serializers.CharField()
    quantity = serializers.CharField(allow_null=True)
    amount = serializers.CharField()
    currency = serializers.CharField()
    provisional_lines = serializers.IntegerField()
    missing_quarters = serializers.IntegerField()


class CostsSerializer(serializers.Serializer):
    """Rows, and their sums by currency."""

    results = CostRowSerializer(many=True)
    totals = serializers.DictField(child=serializers.CharField())


class WhatIfParams(Params):
    """A meter and the local days [from, to) that are rated by other tariffs."""

    meter = serializers.UUIDField()
    start = serializers.DateField()
    end = serializers.DateField()
    contracted_kw = ListParam(
        child=serializers.DecimalField(max_digits=9, decimal_places=3, min_value=Decimal(0)),
        required=False, max_length=MAX_POWERS,
    )  # fmt: skip


class AlternativeSerializer(serializers.Serializer):
    """What the same consumption would have cost."""

    tariff = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    contracted_kw = serializers.CharField(allow_null=True)
    total = serializers.CharField()
    saving = serializers.CharField()
    currency = serializers.CharField()
    missing_quarters = serializers.IntegerField()
    problem = serializers.CharField()


class CostQualitySerializer(serializers.Serializer):
    """How well the consumption is known, in quarter hours."""

    measured = serializers.IntegerField()
    prorated = serializers.IntegerField(
        help_text="Measured over a longer time, and shared out over its quarter hours."
    )
    estimated = serializers.IntegerField()
    missing = serializers.IntegerField()


class WhatIfSerializer(serializers.Serializer):
    """Alternatives, the cheapest first."""

    results = AlternativeSerializer(many=True)
    quality = CostQualitySerializer()


class ExplainParams(Params):
    """A line of costs, or a meter and an instant in the quarter that is asked for."""

    line = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    meter = serializers.UUIDField(required=False)
    at = serializers.DateTimeField(required=False)


class PeriodParams(Params):
    """Whose."""

    site = serializers.UUIDField(required=False)


class PeriodBody(Params):
    """Local days [start, end) of a site that are to be billed together."""

    site = serializers.UUIDField()
    start = serializers.DateField()
    end = serializers.DateField()


class PeriodSerializer(serializers.Serializer):
    """A billing period."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    start = serializers.DateField()
    end = serializers.DateField()
    closed_at = serializers.DateTimeField(allow_null=True)


class PeriodsSerializer(serializers.Serializer):
    """All of them."""

    results = PeriodSerializer(many=True)


class StatementSerializer(PeriodSerializer):
    """What a period billed, or would bill while it is open."""

    lines = serializers.ListField(child=serializers.DictField())
    net = serializers.DictField(child=serializers.CharField())
    tax = serializers.DictField(child=serializers.CharField())
    total = serializers.DictField(child=serializers.CharField())
    shares = serializers.ListField(child=serializers.DictField())
    quality = CostQualitySerializer()


class CostList(CostView):
    """Costs of a site or a meter."""

    permission = "read:tariff"
    params_class = CostParams

    @extend_schema(
        operation_id="list_costs", summary="Read costs", tags=TAGS, responses=CostsSerializer
    )
    def get(self, request: Request) -> Response:
        """Sum up costs by day, month, component, band or meter."""
        meters = _meters(self.params)
        start, end = _days(self.params)
        view = self.params["view"]
        rows = cost_rows(meters, start, end, by=self.params["by"], view=view)
        return Response(
            {
                "results": [
                    {
                        "key": row.key, "component": row.component, "unit": row.unit,
                        "quantity": None if row.quantity is None else f"{row.quantity:f}",
                        "amount": f"{row.amount:f}", "currency": row.currency,
                        "provisional_lines": row.provisional,
                        "missing_quarters": row.missing_quarters,
                    }
                    for row in rows
                ],
                "totals": _texts(totals(meters, start, end, view=view)),
            }
        )  # fmt: skip


class CostExplain(CostView):
    """Where a cost comes from."""

    permission = "read:tariff"
    params_class = ExplainParams

    @extend_schema(
        operation_id="explain_cost", summary="Explain a cost", tags=TAGS,
        responses=OpenApiTypes.OBJECT,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Tell the way to a quarter's price, or the readings and corrections of a line.

        Of a quarter: samples, decisions, readings, formula, tariff and the steps of the price.
        """
        if "line" in self.params:
            return Response(describe_line_cost(explain_line(find_line(self.params["line"]))))
        if not {"meter", "at"} <= self.params.keys():
            raise CostRefused("required", _("Name a line, or a meter and a time."), "line")
        meter = Meter.objects.select_related("site").get(id=self.params["meter"])
        quarter = int(self.params["at"].timestamp()) // QUARTER_SECONDS
        return Response(describe_quarter_cost(explain_quarter_cost(meter, quarter)))


class WhatIf(CostView):
    """Other tariffs and contracted powers over the past."""

    permission = "read:tariff"
    params_class = WhatIfParams

    @extend_schema(
        operation_id="compare_tariffs", summary="Compare tariffs over the past", tags=TAGS,
        responses=WhatIfSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Rate what was used by each tariff of the same currency, the cheapest first."""
        meter = Meter.objects.select_related("site").get(id=self.params["meter"])
        start, end = _days(self.params)
        found = compare_tariffs(meter, start, end, contracted=self.params.get("contracted_kw", ()))
        return Response(
            {"results": [_alternative(row) for row in found.alternatives],
             "quality": _quality(found.quality)}
        )  # fmt: skip


class BillingPeriodList(CostView):
    """What is billed together."""

    permission = {"GET": "read:tariff", "HEAD": "read:tariff", "POST": "write:tariff"}
    params_class = PeriodParams

    @extend_schema(
        operation_id="list_billing_periods", summary="List billing periods", tags=TAGS,
        responses=PeriodsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them, the newest first."""
        rows = list_periods(self.params.get("site"))
        return Response({"results": [describe_period(row) for row in rows]})

    @extend_schema(
        operation_id="open_billing_period", summary="Make a billing period", tags=TAGS,
        request=PeriodBody, responses={201: PeriodSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make one that is open."""
        body = read_body(request, PeriodBody)
        made = open_period(site_id=body["site"], start=body["start"], end=body["end"], now=self.now)
        return Response(describe_period(made), status=HTTPStatus.CREATED)


class BillingPeriodDetail(CostView):
    """The statement of one."""

    permission = {"GET": "read:tariff", "HEAD": "read:tariff", "DELETE": "delete:tariff"}

    @extend_schema(
        operation_id="get_billing_period", summary="Read the statement of a period", tags=TAGS,
        responses=StatementSerializer,
    )  # fmt: skip
    def get(self, request: Request, period_id: uuid.UUID) -> Response:
        """Return its lines, taxes and shares."""
        return Response(_describe_statement(make_statement(find_period(period_id))))

    @extend_schema(
        operation_id="remove_billing_period", summary="Drop an open period", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, period_id: uuid.UUID) -> Response:
        """Drop one that was not billed."""
        remove_period(period_id=period_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class BillingPeriodClose(CostView):
    """Bills a period."""

    permission = {"POST": "write:tariff"}

    @extend_schema(
        operation_id="close_billing_period", summary="Close a period", tags=TAGS,
        request=None, responses=StatementSerializer,
    )  # fmt: skip
    def post(self, request: Request, period_id: uuid.UUID) -> Response:
        """Close it: from then on differences are adjustments in a later period."""
        read_body(request, Params)
        close_period(period_id=period_id, now=self.now)
        return Response(_describe_statement(make_statement(find_period(period_id))))


def describe_period(period: BillingPeriod) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "id": period.id, "site": period.site_id, "start": period.start, "end": period.end,
        "closed_at": period.closed_at,
    }  # fmt: skip


def _describe_statement(found: Statement) -> dict[str, Any]:
    lines = [
        {
            "meter": line.meter_id, "tariff": line.tariff, "component": line.component,
            "band": line.band, "kind": "adjustment" if line.is_adjustment else line.kind,
            "is_tax": line.is_tax, "unit": line.unit, "quantity": f"{line.quantity:f}",
            "price": None if line.price is None else f"{line.price:f}",
            "amount": f"{line.amount:f}", "currency": line.currency,
            "first_day": line.first_day, "last_day": line.last_day,
        }
        for line in found.lines
    ]  # fmt: skip
    shares = [
        {"cost_centre": row.centre, "kind": row.kind, "amount": f"{row.amount:f}",
         "currency": row.currency}
        for row in found.shares
    ]  # fmt: skip
    return describe_period(found.period) | {
        "lines": lines, "net": _texts(found.net), "tax": _texts(found.tax),
        "total": _texts(found.total), "shares": shares, "quality": _quality(found.quality),
    }  # fmt: skip


def _alternative(row: Alternative) -> dict[str, Any]:
    return {
        "tariff": row.tariff_id, "name": row.name,
        "contracted_kw": None if row.contracted_kw is None else f"{row.contracted_kw:f}",
        "total": f"{row.total:f}", "saving": f"{row.saving:f}", "currency": row.currency,
        "missing_quarters": row.unpriced, "problem": row.problem,
    }  # fmt: skip


def _quality(known: Known) -> dict[str, int]:
    return {
        "measured": known.measured, "prorated": known.prorated,
        "estimated": known.estimated, "missing": known.missing,
    }  # fmt: skip


def _texts(sums: dict[str, Decimal]) -> dict[str, str]:
    return {currency: f"{amount:f}" for currency, amount in sorted(sums.items())}


def _meters(params: dict[str, Any]) -> list[Meter]:
    """Return the meters asked for. Raises: Meter.DoesNotExist. Site.DoesNotExist."""
    if "meter" in params:
        return [Meter.objects.select_related("site").get(id=params["meter"])]
    if "site" not in params:
        raise CostRefused("required", _("Name a site or a meter."), "site")
    return charged_meters(Site.objects.get(id=params["site"]).id)


def _days(params: dict[str, Any]) -> tuple[dt.date, dt.date]:
    start, end = params["start"], params["end"]
    if not dt.timedelta() < end - start <= dt.timedelta(days=MAX_DAYS):
        detail = _("The end has to be after the start, by at most 800 days.")
        raise CostRefused("out_of_range", detail, "end")
    return start, end
