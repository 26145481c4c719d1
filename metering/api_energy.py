"""The energy of a site or meter in the API."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import ListParam, Params
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.renderers import ORJSONRenderer
from accounts.api.views import ReadView
from devices.models import Site
from metering.analysis.compare import Against
from metering.cost_answer import describe_costs, describe_emissions
from metering.energy_answer import EnergySummarySerializer, describe, write_rows
from metering.models import Commodity, Meter
from metering.queries.emissions import read_emissions
from metering.queries.energy import read_summary
from metering.queries.energy_costs import read_costs
from metering.queries.frames import Step, Unit, UnknownPeriod, make_frame, read_day
from metering.queries.scopes import Scope, find_meter_scope, find_site_scope
from telemetry.renderers import BYTE_ORDER_MARK, SEPARATORS

AGAINST = {
    "previous": Against.PREVIOUS,
    "year": Against.LAST_YEAR,
    "weekday": Against.SAME_WEEKDAY,
}


INCLUDED = ("cost", "co2")


class ScopeField(serializers.CharField):
    """`site:ID` or `meter:ID`."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the kind and the id."""
        kind, _colon, text = str(super().to_internal_value(data)).partition(":")
        try:
            found = uuid.UUID(text)
        except ValueError:
            found = None
        if kind not in ("site", "meter") or found is None:
            raise serializers.ValidationError(_("Give site:ID or meter:ID."), "invalid_scope")
        return kind, found


class EnergyParams(Params):
    """A question about the energy of a period."""

    scope = ScopeField(max_length=50, help_text="Whose energy: `site:ID` or `meter:ID`.")
    commodity = serializers.ChoiceField(
        choices=Commodity.choices, required=False,
        help_text="Of a site; default: the first that it has meters of.",
    )  # fmt: skip
    period = serializers.ChoiceField(
        choices=[unit.value for unit in Unit], default=Unit.MONTH.value,
        help_text="How long; a week begins on Monday. Days are those of the site's time zone.",
    )  # fmt: skip
    date = serializers.CharField(
        max_length=10, default="", allow_blank=True,
        help_text="A day, month or year of the period: 2026-11-20, 2026-11 or 2026. "
        "Default: today.",
    )  # fmt: skip
    step = serializers.ChoiceField(
        choices=[step.value for step in Step], required=False,
        help_text="Width of a bucket. A day has 1h or 15m, a week 1d or 1h, a month 1d, "
        "a year 1mo.",
    )  # fmt: skip
    compare = serializers.ChoiceField(
        choices=[*AGAINST, "none"], default="none",
        help_text="The period before, the same dates of the year before, or the same weekdays "
        "52 weeks before. Of a running period both count up to the same moment.",
    )  # fmt: skip
    include = ListParam(
        child=serializers.ChoiceField(choices=INCLUDED), required=False, max_length=len(INCLUDED),
        help_text="Besides: cost, as the lines of costs say, for who may read tariffs; co2, by "
        "the factors of the tariffs.",
    )  # fmt: skip
    sep = serializers.ChoiceField(
        choices=list(SEPARATORS), default="comma", help_text="Separator of CSV."
    )
    bom = serializers.BooleanField(default=False, help_text="Begin CSV with a byte order mark.")


class EnergyCSVRenderer(BaseRenderer):
    """A row for each bucket, a column for each source and circuit."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """Return the table."""
        params = getattr((renderer_context or {}).get("view"), "params", {})
        text = io.StringIO()
        if params.get("bom"):
            text.write(BYTE_ORDER_MARK)
        table = csv.writer(text, delimiter=SEPARATORS[params.get("sep", "comma")])
        table.writerows(write_rows(data))
        return text.getvalue()


class EnergySummary(ReadView):
    """What a site or meter used in a day, week, month or year."""

    permission = "read:meter"
    is_open_to_guests = False
    params_class = EnergyParams
    renderer_classes = [ORJSONRenderer, EnergyCSVRenderer]
    http_method_names = ["get", "head"]

    @extend_schema(
        operation_id="get_energy_summary",
        summary="Read the energy of a site or meter in a period",
        tags=["energy"],
        responses={
            (200, "application/json"): EnergySummarySerializer,
            (200, "text/csv"): {"type": "string"},
        },
    )
    def get(self, request: Request) -> Response:
        """Return buckets by source and by circuit, the peak, and how well all is known."""
        scope = self._scope()
        step = self.params.get("step")
        try:
            today = self.now.astimezone(scope.zone).date()
            frame = make_frame(
                Unit(self.params["period"]),
                read_day(self.params["date"], today=today),
                zone=scope.zone,
                step=Step(step) if step else None,
            )
        except UnknownPeriod as error:
            name = "step" if step and "steps" in str(error) else "date"
            raise InvalidRequest(
                violations=[Violation("invalid_period", str(error), f"?{name}")]
            ) from error
        against = AGAINST.get(self.params["compare"])
        included = self.params.get("include", ())
        if "cost" in included:
            self._check_costs(request)
        summary = read_summary(scope, frame, now=self.now, against=against)
        answer = describe(summary, now=self.now)
        if "cost" in included:
            answer["costs"] = describe_costs(read_costs(summary, now=self.now, against=against))
        if "co2" in included:
            answer["co2"] = describe_emissions(
                read_emissions(summary, now=self.now, against=against)
            )
        return Response(answer)

    def _check_costs(self, request: Request) -> None:
        acting = getattr(request, "acting", None)
        if acting is None or "read:tariff" not in acting.codes:
            raise PermissionDenied

    def _scope(self) -> Scope:
        kind, found = self.params["scope"]
        try:
            if kind == "meter":
                return find_meter_scope(found)
            return find_site_scope(found, self.params.get("commodity", ""))
        except (Site.DoesNotExist, Meter.DoesNotExist) as error:
            raise Http404 from error
