"""Budgets, baselines and savings in the API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from devices.models import Site
from metering.api_energy import ScopeField
from metering.models import Baseline, Budget, Commodity, Driver, Measure, Meter
from metering.models.plan import FIRST_YEAR, LAST_YEAR, MONTHS
from metering.plan_answer import (
    BaselineSerializer,
    BudgetSerializer,
    SavingsSerializer,
    describe_baseline,
    describe_budget,
    describe_savings,
)
from metering.queries.plans import (
    compare_with_budget,
    find_baseline,
    find_budget,
    find_scope,
    read_savings,
)
from metering.queries.scopes import Scope
from metering.services.plans import (
    PlanRefused,
    Reference,
    Year,
    copy_last_year,
    fit_baseline,
    remove_baseline,
    remove_budget,
    set_budget,
)

TAGS = ["energy"]
_GONE = (Site.DoesNotExist, Meter.DoesNotExist, Budget.DoesNotExist, Baseline.DoesNotExist)


class PlanScopeParams(Params):
    """Whose."""

    scope = ScopeField(max_length=50, help_text="Whose energy: `site:ID` or `meter:ID`.")
    commodity = serializers.ChoiceField(
        choices=Commodity.choices, required=False,
        help_text="Of a site; default: the first that it has meters of.",
    )  # fmt: skip


class BudgetParams(PlanScopeParams):
    """Which budget."""

    year = serializers.IntegerField(
        min_value=FIRST_YEAR, max_value=LAST_YEAR, required=False, help_text="Default: this year."
    )
    measure = serializers.ChoiceField(choices=Measure.choices, default=Measure.ENERGY)


class BudgetBody(PlanScopeParams):
    """A year to be set: twelve amounts, or the year before and so many percent more."""

    year = serializers.IntegerField(min_value=FIRST_YEAR, max_value=LAST_YEAR)
    measure = serializers.ChoiceField(choices=Measure.choices, default=Measure.ENERGY)
    currency = serializers.RegexField(
        r"^([A-Z]{3})?$", default="", allow_blank=True, help_text="Of costs only."
    )
    amounts = serializers.ListField(
        child=serializers.DecimalField(max_digits=18, decimal_places=6),
        min_length=MONTHS, max_length=MONTHS, required=False,
        help_text="January to December, in kWh, m³ or the currency.",
    )  # fmt: skip
    last_year_percent = serializers.DecimalField(
        max_digits=6, decimal_places=2, required=False,
        help_text="In place of amounts: −5 is the year before less 5 %.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Want one of the two."""
        if ("amounts" in attrs) == ("last_year_percent" in attrs):
            raise serializers.ValidationError(
                {"amounts": _("Give either amounts or last_year_percent.")}, "invalid"
            )
        return attrs


class BaselineBody(PlanScopeParams):
    """What a baseline is to be made of."""

    start = serializers.DateField(help_text="The first day of the reference period.")
    end = serializers.DateField(help_text="Exclusive.")
    counted_from = serializers.DateField(help_text="From when on savings count.")
    driver = serializers.ChoiceField(
        choices=Driver.choices, required=False,
        help_text="Default: the temperature where the site has one channel of it outdoors.",
    )  # fmt: skip
    channel = serializers.UUIDField(
        required=False, allow_null=True, help_text="Outdoor temperature, of the same site."
    )
    note = serializers.CharField(max_length=300, allow_blank=True, default="")


class PlanView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem, and what is not there into 404."""
        if isinstance(exc, PlanRefused):
            pointer = f"#/{exc.field}" if exc.field else ""
            problem = InvalidRequest(
                exc.detail, violations=[Violation(exc.code, exc.detail, pointer)]
            )
            problem.default_code = exc.code
            return super().handle_exception(problem)
        return super().handle_exception(NotFound() if isinstance(exc, _GONE) else exc)

    def check_costs(self, measure: str) -> None:
        """Refuse money to those who may not read costs. Raises: PermissionDenied."""
        if measure == Measure.COST and "read:tariff" not in self.acting.codes:
            raise PermissionDenied

    def scope_of(self, asked: Mapping[str, Any]) -> Scope:
        """Return the site or meter that is meant."""
        kind, found = asked["scope"]
        return find_scope(kind, found, asked.get("commodity", ""))


class BudgetView(PlanView):
    """The budget of a year."""

    permission = {"GET": "read:meter", "HEAD": "read:meter", "PUT": "write:meter"}
    params_class = BudgetParams

    @extend_schema(
        operation_id="get_energy_budget", summary="Compare a budget with what was used or spent",
        tags=TAGS, parameters=[BudgetParams], responses=BudgetSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return each month with what it came, or will come, to."""
        self.check_costs(self.params["measure"])
        scope = self.scope_of(self.params)
        year = self.params.get("year") or self.now.astimezone(scope.zone).year
        return self._answer(scope, find_budget(scope, year, self.params["measure"]))

    @extend_schema(
        operation_id="set_energy_budget", summary="Set the budget of a year", tags=TAGS,
        request=BudgetBody, responses=BudgetSerializer,
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Set all twelve months."""
        body = read_body(request, BudgetBody)
        self.check_costs(body["measure"])
        scope = self.scope_of(body)
        year = Year(body["year"], body["measure"], body["currency"])
        if "amounts" in body:
            made = set_budget(scope=scope, year=year, amounts=body["amounts"], now=self.now)
        else:
            percent: Decimal = body["last_year_percent"]
            made = copy_last_year(scope=scope, year=year, percent=percent, now=self.now)
        return self._answer(scope, made)

    def _answer(self, scope: Scope, budget: Budget) -> Response:
        return Response(describe_budget(compare_with_budget(scope, budget, now=self.now)))


class BudgetDetail(PlanView):
    """One budget."""

    permission = {"DELETE": "delete:meter"}

    @extend_schema(
        operation_id="remove_energy_budget", summary="Remove a budget", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, budget_id: uuid.UUID) -> Response:
        """Remove it."""
        remove_budget(budget_id=budget_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class BaselineView(PlanView):
    """The baseline of a site or meter."""

    permission = {"GET": "read:meter", "HEAD": "read:meter", "POST": "write:meter"}
    params_class = PlanScopeParams

    @extend_schema(
        operation_id="get_energy_baseline", summary="Read the baseline of a site or meter",
        tags=TAGS, parameters=[PlanScopeParams], responses=BaselineSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return it with how well it follows its reference period."""
        return Response(describe_baseline(_known(self.scope_of(self.params))))

    @extend_schema(
        operation_id="fit_energy_baseline", summary="Fit a baseline", tags=TAGS,
        request=BaselineBody, responses={201: BaselineSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Model the use of a reference period; takes the place of the one before."""
        body = read_body(request, BaselineBody)
        scope = self.scope_of(body)
        wanted = Reference(
            body["start"], body["end"], body["counted_from"], body.get("driver", ""),
            body.get("channel"), body["note"],
        )  # fmt: skip
        by = self.person.id if self.person else None
        fit_baseline(scope=scope, wanted=wanted, by=by, now=self.now)
        return Response(describe_baseline(_known(scope)), status=HTTPStatus.CREATED)


class BaselineDetail(PlanView):
    """One baseline."""

    permission = {"DELETE": "delete:meter"}

    @extend_schema(
        operation_id="remove_energy_baseline", summary="Remove a baseline", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, baseline_id: uuid.UUID) -> Response:
        """Remove it."""
        remove_baseline(baseline_id=baseline_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class SavingsView(PlanView):
    """What was saved since a measure."""

    permission = "read:meter"
    params_class = PlanScopeParams
    http_method_names = ["get", "head"]

    @extend_schema(
        operation_id="get_energy_savings", summary="Read what was saved against a baseline",
        tags=TAGS, parameters=[PlanScopeParams], responses=SavingsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return each month since the measure, and the sum, with its uncertainty."""
        scope = self.scope_of(self.params)
        answer = read_savings(scope, _known(scope), now=self.now)
        return Response(describe_savings(answer, scope.unit))


def _known(scope: Scope) -> Baseline:
    found = find_baseline(scope)
    if found is None:
        raise Baseline.DoesNotExist
    return found
