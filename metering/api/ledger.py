"""What meters counted, decided and booked, in the API."""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.renderers import ORJSONRenderer
from accounts.api.views import FormatNegotiation
from metering.api.base import TAGS, MeterView
from metering.api.serializers import (
    BookingBody,
    BookingListParams,
    BookingSerializer,
    DecisionListParams,
    DecisionSerializer,
    KeepBody,
    ReadingParams,
    ReadingsSerializer,
    describe_booking,
    describe_decision,
)
from metering.models import LedgerBooking, LedgerDecision
from metering.queries.meters import find_meter, find_register, list_bookings, list_decisions
from metering.queries.readings import MAX_BUCKETS, Reading, edges_of, read_readings
from metering.series import to_decimal
from metering.services.bookings import book_amount, book_withheld, keep_withheld
from metering.services.meters import MeterRefused
from telemetry.renderers import BYTE_ORDER_MARK, SEPARATORS
from telemetry.timespec import InvalidTime, parse_moment

COLUMNS = (
    "start", "end", "amount", "unit", "measured", "prorated", "estimated", "manual", "missing",
    "revision",
)  # fmt: skip


class ReadingsCSV(BaseRenderer):
    """A row for each step; times in UTC."""

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
        table.writerow(COLUMNS)
        for row in data["readings"]:
            flat = {**row, **row["quality"], "unit": data["unit"]}
            flat |= {name: f"{row[name]:%Y-%m-%dT%H:%M:%SZ}" for name in ("start", "end")}
            table.writerow(["" if flat[name] is None else flat[name] for name in COLUMNS])
        return text.getvalue()


class MeterReadings(MeterView):
    """What a meter counted."""

    permission = "read:meter"
    http_method_names = ["get", "head"]
    params_class = ReadingParams
    renderer_classes = [ORJSONRenderer, ReadingsCSV]
    content_negotiation_class = FormatNegotiation

    @extend_schema(
        operation_id="get_meter_readings", summary="Read what a meter counted", tags=TAGS,
        parameters=[ReadingParams], responses=ReadingsSerializer,
    )  # fmt: skip
    def get(self, request: Request, meter_id: uuid.UUID) -> Response:
        """Return amounts by steps of the site's clock, with how well they are known."""
        meter = find_meter(meter_id)
        zone = ZoneInfo(meter.site.timezone)
        start, end = (self._moment(name, zone) for name in ("from", "to"))
        if start >= end:
            raise _wrong("empty_period", _("The end has to be after the start."), "to")
        edges = edges_of(self.params["step"], start, end, zone)
        if len(edges) > MAX_BUCKETS + 1:
            raise _wrong("too_many_points", _("Ask for a shorter time or longer steps."), "step")
        as_of = self.params.get("as_of")
        found = read_readings(meter, self.params["quantity"], edges, as_of=as_of, now=self.now)
        body = {
            "meter": meter.id, "quantity": self.params["quantity"], "unit": meter.unit,
            "step": self.params["step"], "tz": meter.site.timezone, "as_of": as_of,
            "readings": [_describe(reading) for reading in found],
        }  # fmt: skip
        return Response(body)

    def _moment(self, name: str, zone: ZoneInfo) -> dt.datetime:
        try:
            return parse_moment(self.params[name], now=self.now, zone=zone, round_up=name == "to")
        except InvalidTime as error:
            raise _wrong(error.code, str(error), name) from error


class DecisionList(MeterView, GenericAPIView):
    """What was decided about the samples of a meter."""

    permission = "read:meter"
    http_method_names = ["get", "head"]
    params_class = DecisionListParams
    orderings = {"time": "time"}
    queryset = LedgerDecision.objects.none()
    serializer_class = DecisionSerializer

    @extend_schema(
        operation_id="list_meter_decisions", summary="List decisions about samples", tags=TAGS,
        responses=DecisionSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request, meter_id: uuid.UUID) -> Response:
        """List resets, gaps, jumps and what was set aside, the newest first."""
        find_meter(meter_id)
        rows = list_decisions(meter_id, is_past=self.params["past"])
        if kind := self.params.get("kind"):
            rows = rows.filter(kind=kind)
        found = self.paginate_queryset(rows)
        return self.get_paginated_response([describe_decision(row) for row in found or []])


class DecisionKeep(MeterView):
    """Keeps out what a jump withheld."""

    permission = {"POST": "write:meter"}

    @extend_schema(
        operation_id="keep_meter_decision", summary="Keep out what was withheld", tags=TAGS,
        request=KeepBody, responses=DecisionSerializer,
    )  # fmt: skip
    def post(self, request: Request, meter_id: uuid.UUID, decision_id: int) -> Response:
        """Note that it was never used; to book it instead, name the decision in a booking."""
        find_meter(meter_id)
        body = read_body(request, KeepBody)
        decision = list_decisions(meter_id, is_past=True).get(id=decision_id)
        kept = keep_withheld(decision_id=decision.id, reason=body["reason"], now=self.now)
        return Response(describe_decision(kept))


class BookingList(MeterView, GenericAPIView):
    """What people booked at a meter."""

    permission = {"GET": "read:meter", "HEAD": "read:meter", "POST": "write:meter"}
    params_class = BookingListParams
    orderings = {"start": "start"}
    queryset = LedgerBooking.objects.none()
    serializer_class = BookingSerializer

    @extend_schema(
        operation_id="list_meter_bookings", summary="List bookings by people", tags=TAGS,
        responses=BookingSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request, meter_id: uuid.UUID) -> Response:
        """List them, the newest first."""
        find_meter(meter_id)
        found = self.paginate_queryset(list_bookings(meter_id))
        return self.get_paginated_response([describe_booking(row) for row in found or []])

    @extend_schema(
        operation_id="create_meter_booking", summary="Book an amount", tags=TAGS,
        request=BookingBody, responses={201: BookingSerializer},
    )  # fmt: skip
    def post(self, request: Request, meter_id: uuid.UUID) -> Response:
        """Book an amount that the meter could not tell, or what a decision withheld."""
        find_meter(meter_id)
        made = self._book(meter_id, read_body(request, BookingBody))
        return Response(describe_booking(made), status=HTTPStatus.CREATED)

    def _book(self, meter_id: uuid.UUID, body: Mapping[str, Any]) -> LedgerBooking:
        if "decision" in body:
            decision = list_decisions(meter_id, is_past=True).get(id=body["decision"])
            return book_withheld(decision_id=decision.id, reason=body["reason"], now=self.now)
        for name in ("start", "end", "amount"):
            if name not in body:
                raise MeterRefused("required", _("Give a time and an amount."), name)
        return book_amount(
            register=find_register(meter_id, body["quantity"]),
            start=body["start"],
            end=body["end"],
            amount=body["amount"],
            reason=body["reason"],
            now=self.now,
        )


def _describe(reading: Reading) -> dict[str, Any]:
    return {
        "start": reading.start,
        "end": reading.end,
        "amount": None if reading.amount is None else str(to_decimal(reading.amount)),
        "quality": reading.shares(),
        "revision": reading.revision,
    }


def _wrong(code: str, detail: str, parameter: str) -> InvalidRequest:
    return InvalidRequest(detail, violations=[Violation(code, detail, f"?{parameter}")])
