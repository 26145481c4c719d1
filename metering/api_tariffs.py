"""Tariffs, their versions, where they apply, and prices, in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from devices.models import Site
from devices.models.site import validate_timezone
from metering.models import (
    AllocationKey,
    BillingPeriod,
    Commodity,
    CostCentre,
    CostLine,
    Meter,
    Tariff,
    TariffAssignment,
    TariffVersion,
)
from metering.queries.tariffs import find_tariff, held_days, list_assignments, list_tariffs
from metering.services.cost_preview import Preview, preview_version
from metering.services.costs import CostRefused
from metering.services.tariffs import (
    TariffRefused,
    add_version,
    assign_tariff,
    create_tariff,
    import_prices,
    remove_assignment,
    remove_tariff,
)
from metering.storage.costs import TooLarge
from metering.tariffs.energy import UnknownPriceSeries
from metering.tariffs.prices import BadPrices

TAGS = ["costs"]
_GONE = (
    Tariff.DoesNotExist, TariffAssignment.DoesNotExist, BillingPeriod.DoesNotExist,
    CostLine.DoesNotExist, CostCentre.DoesNotExist, AllocationKey.DoesNotExist,
)  # fmt: skip
_UNKNOWN: dict[type[Exception], str] = {Site.DoesNotExist: "site", Meter.DoesNotExist: "meter"}


class HeldSerializer(serializers.Serializer):
    """Days on which a version holds; `to` is the first one after, null without an end."""

    start = serializers.DateField()
    end = serializers.DateField(allow_null=True)


class VersionSerializer(serializers.Serializer):
    """Prices from a day on. `holds` leaves out days that later versions replaced."""

    id = serializers.UUIDField()
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True)
    known_at = serializers.DateTimeField()
    note = serializers.CharField()
    definition = serializers.DictField()
    holds = HeldSerializer(many=True)


class TariffSerializer(serializers.Serializer):
    """A tariff."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    commodity = serializers.ChoiceField(choices=Commodity.choices)
    currency = serializers.CharField()
    versions = VersionSerializer(many=True)


class TariffsSerializer(serializers.Serializer):
    """All of them."""

    results = TariffSerializer(many=True)


class TariffBody(Params):
    """A tariff to be made."""

    name = serializers.CharField(max_length=100)
    commodity = serializers.ChoiceField(choices=Commodity.choices, default=Commodity.ELECTRICITY)
    currency = serializers.RegexField(r"^[A-Z]{3}$")


class PreviewBody(Params):
    """Prices to be tried."""

    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True, default=None)
    definition = serializers.DictField()


class VersionBody(PreviewBody):
    """Prices to be added."""

    note = serializers.CharField(max_length=300, allow_blank=True, default="")


class CostPreviewSerializer(serializers.Serializer):
    """What would change at a site, in the currency of the tariff."""

    site = serializers.UUIDField()
    start = serializers.DateField()
    end = serializers.DateField()
    before = serializers.CharField()
    after = serializers.CharField()
    currency = serializers.CharField()
    lines = serializers.IntegerField()
    adjustments = serializers.IntegerField()


class PreviewsSerializer(serializers.Serializer):
    """By site."""

    results = CostPreviewSerializer(many=True)


class AssignmentSerializer(serializers.Serializer):
    """Where a tariff applies."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    meter = serializers.UUIDField(allow_null=True)
    tariff = serializers.UUIDField()
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True)


class AssignmentsSerializer(serializers.Serializer):
    """All of them."""

    results = AssignmentSerializer(many=True)


class AssignmentBody(Params):
    """Where a tariff is to apply; without a meter at the connection of the site."""

    site = serializers.UUIDField()
    meter = serializers.UUIDField(allow_null=True, default=None)
    tariff = serializers.UUIDField()
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True, default=None)


class AssignmentParams(Params):
    """Whose."""

    site = serializers.UUIDField(required=False)


class PricesBody(Params):
    """A document of prices: CSV rows of time and price, or ENTSO-E XML."""

    series = serializers.CharField(max_length=60)
    format = serializers.ChoiceField(choices=["csv", "entsoe"], default="csv")
    document = serializers.CharField(max_length=16 * 1024 * 1024, trim_whitespace=False)
    timezone = serializers.CharField(
        max_length=64, default="UTC", validators=[validate_timezone],
        help_text="Of times without an offset.",
    )  # fmt: skip
    minutes = serializers.ChoiceField(choices=[15, 30, 60], default=60)
    unit = serializers.ChoiceField(choices=["kWh", "MWh"], default="kWh")
    currency = serializers.RegexField(r"^([A-Z]{3})?$", default="", allow_blank=True)
    sequence = serializers.IntegerField(min_value=1, max_value=99, allow_null=True, default=None)


class PricesSerializer(serializers.Serializer):
    """How many quarter hours have a new price, and how many another one than before."""

    series = serializers.CharField()
    quarters = serializers.IntegerField()
    added = serializers.IntegerField()
    changed = serializers.IntegerField()


class CostView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, TariffRefused | CostRefused):
            exc = _problem(exc.code, str(exc), exc.field)
        elif isinstance(exc, BadPrices):
            exc = _problem(exc.code, str(exc), "document")
        elif isinstance(exc, UnknownPriceSeries):
            text = _("There is no price series %s: import its prices first.") % exc.args[0]
            exc = _problem("unknown_price_series", text, "")
        elif isinstance(exc, TooLarge | OverflowError):
            exc = _problem("too_large", str(exc), "")
        elif isinstance(exc, _GONE):
            exc = NotFound()
        elif type(exc) in _UNKNOWN:
            name = _UNKNOWN[type(exc)]
            exc = _problem(f"unknown_{name}", _("There is no such object."), name)
        return super().handle_exception(exc)


class TariffList(CostView):
    """The tariffs of the organisation."""

    permission = {"GET": "read:tariff", "HEAD": "read:tariff", "POST": "write:tariff"}

    @extend_schema(
        operation_id="list_tariffs", summary="List tariffs", tags=TAGS, responses=TariffsSerializer
    )
    def get(self, request: Request) -> Response:
        """List them by name, with their versions."""
        return Response({"results": [describe(row) for row in list_tariffs()]})

    @extend_schema(
        operation_id="create_tariff", summary="Make a tariff", tags=TAGS,
        request=TariffBody, responses={201: TariffSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a tariff without prices yet."""
        body = read_body(request, TariffBody)
        made = create_tariff(**body, now=self.now)
        return Response(describe(find_tariff(made.id)), status=HTTPStatus.CREATED)


class TariffDetail(CostView):
    """One tariff."""

    permission = {"GET": "read:tariff", "HEAD": "read:tariff", "DELETE": "delete:tariff"}

    @extend_schema(
        operation_id="get_tariff", summary="Read a tariff", tags=TAGS, responses=TariffSerializer
    )
    def get(self, request: Request, tariff_id: uuid.UUID) -> Response:
        """Return it with all versions."""
        return Response(describe(find_tariff(tariff_id)))

    @extend_schema(
        operation_id="remove_tariff", summary="Remove a tariff", tags=TAGS, responses={204: None}
    )
    def delete(self, request: Request, tariff_id: uuid.UUID) -> Response:
        """Remove a tariff by which nothing was charged."""
        remove_tariff(tariff_id=tariff_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class TariffVersions(CostView):
    """Prices of a tariff."""

    permission = {"POST": "write:tariff"}

    @extend_schema(
        operation_id="add_tariff_version", summary="Change prices from a day on", tags=TAGS,
        request=VersionBody, responses={201: TariffSerializer},
    )  # fmt: skip
    def post(self, request: Request, tariff_id: uuid.UUID) -> Response:
        """Add a version; days before it are never touched, what was billed is adjusted."""
        add_version(tariff_id=tariff_id, **read_body(request, VersionBody), now=self.now)
        return Response(describe(find_tariff(tariff_id)), status=HTTPStatus.CREATED)


class TariffPreview(CostView):
    """What new prices would change."""

    permission = {"POST": "read:tariff"}

    @extend_schema(
        operation_id="preview_tariff_version", summary="Try prices", tags=TAGS,
        request=PreviewBody, responses=PreviewsSerializer,
    )  # fmt: skip
    def post(self, request: Request, tariff_id: uuid.UUID) -> Response:
        """Compare costs before and after; nothing is stored."""
        body = read_body(request, PreviewBody)
        found = preview_version(tariff_id=tariff_id, **body, now=self.now)
        return Response({"results": [_describe_preview(row) for row in found]})


class AssignmentList(CostView):
    """Where tariffs apply."""

    permission = {"GET": "read:tariff", "HEAD": "read:tariff", "POST": "write:tariff"}
    params_class = AssignmentParams

    @extend_schema(
        operation_id="list_tariff_assignments", summary="List where tariffs apply", tags=TAGS,
        responses=AssignmentsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by their first day."""
        rows = list_assignments(self.params.get("site"))
        return Response({"results": [describe_assignment(row) for row in rows]})

    @extend_schema(
        operation_id="assign_tariff", summary="Let a tariff apply", tags=TAGS,
        request=AssignmentBody, responses={201: AssignmentSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let it apply from a day on; the one before ends there."""
        body = read_body(request, AssignmentBody)
        try:
            made = assign_tariff(
                site_id=body["site"], meter_id=body["meter"], tariff_id=body["tariff"],
                valid_from=body["valid_from"], valid_to=body["valid_to"], now=self.now,
            )  # fmt: skip
        except Tariff.DoesNotExist:
            detail = _("There is no such object.")
            raise TariffRefused("unknown_tariff", detail, "tariff") from None
        return Response(describe_assignment(made), status=HTTPStatus.CREATED)


class AssignmentDetail(CostView):
    """One of them."""

    permission = {"DELETE": "delete:tariff"}

    @extend_schema(
        operation_id="remove_tariff_assignment", summary="Take a tariff away", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, assignment_id: uuid.UUID) -> Response:
        """Take it away as if it never applied; what was billed is adjusted."""
        remove_assignment(assignment_id=assignment_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class PriceImport(CostView):
    """Prices that differ from hour to hour."""

    permission = {"POST": "write:tariff"}

    @extend_schema(
        operation_id="import_prices", summary="Import prices", tags=TAGS,
        request=PricesBody, responses=PricesSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Store prices; those that are the same already stay as they are."""
        body = read_body(request, PricesBody)
        done = import_prices(
            series=body["series"], form=body["format"], document=body["document"].encode(),
            zone=ZoneInfo(body["timezone"]), minutes=int(body["minutes"]), unit=body["unit"],
            currency=body["currency"], sequence=body["sequence"], now=self.now,
        )  # fmt: skip
        return Response(
            {"series": done.series.name, "quarters": done.quarters, "added": done.added,
             "changed": done.changed}
        )  # fmt: skip


def describe(tariff: Tariff) -> dict[str, Any]:
    """Return the members of an answer."""
    versions = list(tariff.versions.all())
    held = held_days(versions)
    return {
        "id": tariff.id, "name": tariff.name, "commodity": tariff.commodity,
        "currency": tariff.currency,
        "versions": [_describe_version(row, held.get(row.id, [])) for row in versions],
    }  # fmt: skip


def _describe_version(version: TariffVersion, held: list[Any]) -> dict[str, Any]:
    return {
        "id": version.id, "valid_from": version.valid_from, "valid_to": version.valid_to,
        "known_at": version.known_at, "note": version.note, "definition": version.definition,
        "holds": [{"start": start, "end": end} for start, end in held],
    }  # fmt: skip


def _describe_preview(row: Preview) -> dict[str, Any]:
    return {
        "site": row.site.id, "start": row.start, "end": row.end, "before": f"{row.before:f}",
        "after": f"{row.after:f}", "currency": row.currency, "lines": row.lines,
        "adjustments": row.adjustments,
    }  # fmt: skip


def describe_assignment(row: TariffAssignment) -> dict[str, Any]:
    """Return the members of an answer."""
    return {
        "id": row.id, "site": row.site_id, "meter": row.meter_id, "tariff": row.tariff_id,
        "valid_from": row.valid_from, "valid_to": row.valid_to,
    }  # fmt: skip


def _problem(code: str, text: str, field: str) -> InvalidRequest:
    pointer = f"#/{field.replace('.', '/').replace('[', '/').replace(']', '')}" if field else ""
    problem = InvalidRequest(text, violations=[Violation(code, text, pointer)])
    problem.default_code = code
    return problem
