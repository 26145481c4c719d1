"""Charge points in the API: what they are, what they do, and what they are told."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from charging.api.base import OPTIONAL_KEY, REQUIRED_KEY, TAGS, ChargingView
from charging.api.serializers import (
    ChargePointDetailRow,
    ChargePointListParams,
    ChargePointPatch,
    ChargePointRow,
    ChargingBody,
    ConnectorBody,
    ConnectorRow,
    LimitBody,
    StationAbout,
    StationCurrent,
    StationMeter,
    StationStatus,
)
from charging.models import ChargePoint, ChargingPrice
from charging.pages.connector import most_amps
from charging.pages.offers import MIN_AMPS
from charging.queries.pages_points import ORDERINGS, find_points, line_of
from charging.services import control
from charging.services.edits import change_point
from devices.api_fleet import IF_MATCH, find_row
from devices.models import WireState
from devices.serializers_commands import CommandDetailSerializer

_READ = "read:charger"
_CONTROL = {"POST": "control:charger"}


class PointView(ChargingView):
    """Base of endpoints about charge points."""

    permission: Any = _READ
    serializer_class: Any = ChargePointRow
    queryset: Any = ChargePoint.objects.none()  # tells the schema what is listed
    orderings = dict(ORDERINGS)


class ChargePointList(PointView):
    """The charge points of the organisation."""

    params_class = ChargePointListParams

    @extend_schema(
        operation_id="list_charge_points", summary="List charge points", tags=TAGS,
        parameters=[ChargePointListParams], responses=ChargePointRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name."""
        text = self.params["q"].replace("\0", "")
        return self.page(find_points(site_id=self.params.get("site"), text=text), ChargePointRow)


class ChargePointDetail(PointView):
    """One charge point."""

    permission = {"GET": _READ, "HEAD": _READ, "PATCH": "write:charger"}

    @extend_schema(
        operation_id="get_charge_point", summary="Read a charge point", tags=TAGS,
        responses=ChargePointDetailRow,
    )  # fmt: skip
    def get(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Return it with its connectors."""
        row = self.point(charge_point_id)
        return self.answer(row, ChargePointDetailRow(row, context=self.seen_by(self.places(row))))

    @extend_schema(
        operation_id="change_charge_point", summary="Change a charge point", tags=TAGS,
        request=ChargePointPatch, responses=ChargePointDetailRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Change its rules; a price holds for sessions that begin from now on."""
        body = read_body(request, ChargePointPatch)
        self.point(charge_point_id)
        if body.get("price") is not None:
            body["price"] = find_row(ChargingPrice, body["price"], "price")
        change_point(charge_point_id=charge_point_id, changes=body, now=self.now, seen=self.seen)
        return self.get(request, charge_point_id)


class ChargePointStatus(PointView):
    """What a charge point does."""

    @extend_schema(
        operation_id="get_charge_point_status", summary="See what a charge point does", tags=TAGS,
        responses=StationStatus,
    )  # fmt: skip
    def get(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Return the state of each connector as last seen, and of the wire."""
        row = self.point(charge_point_id)
        line, context = line_of(row), self.seen_by(self.places(row))
        return Response({
            "id": str(row.id), "link": line.state if line else WireState.UNKNOWN.value,
            "link_since": line.state_at if line else None,
            "connectors": ConnectorRow(context["rows"], many=True, context=context).data,
        })  # fmt: skip


class ChargePointStation(PointView):
    """What a charge point is."""

    @extend_schema(
        operation_id="get_charge_point_station", summary="Read what a charge point is", tags=TAGS,
        responses=StationAbout,
    )  # fmt: skip
    def get(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Return its device, its limits and its firmware."""
        row = self.point(charge_point_id)
        line = line_of(row)
        about = {
            "id": row.id, "name": row.name, "site": row.site_id, "site_name": row.site.name,
            "device": row.device_id, "uid": row.device.uid, "max_current_a": row.max_current_a,
            "phases": row.phases, "voltage_v": row.voltage_v, "access": row.access,
            "protocol": line.protocol if line else "none",
            "firmware": line.firmware if line else "", "connectors": row.connectors.count(),
        }  # fmt: skip
        return Response(StationAbout(about).data)


class ChargePointMeter(PointView):
    """The meters of a charge point."""

    @extend_schema(
        operation_id="get_charge_point_meter", summary="Read the meters of a charge point",
        tags=TAGS, responses=StationMeter,
    )  # fmt: skip
    def get(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Return registers and power of each connector, with their times."""
        row = self.point(charge_point_id)
        found = [
            {"connector": place.connector.number, "energy_kwh": place.live.register_kwh,
             "energy_at": place.register_at, "power_kw": place.live.power_kw,
             "power_at": place.power_at}
            for place in self.places(row)
        ]  # fmt: skip
        return Response(StationMeter({"id": row.id, "connectors": found}).data)


class ChargePointCurrent(PointView):
    """How much vehicles may draw."""

    @extend_schema(
        operation_id="get_charge_point_current", summary="Read the limits of the current",
        tags=TAGS, responses=StationCurrent,
    )  # fmt: skip
    def get(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Return the limit of each connector, and what could be set."""
        row = self.point(charge_point_id)
        found = [
            {"connector": place.connector.number, "limit_a": place.connector.current_limit_a,
             "cable_a": place.connector.cable_a, "available_a": most_amps(place.connector)}
            for place in self.places(row)
        ]  # fmt: skip
        answer = {
            "id": row.id, "min_a": MIN_AMPS, "max_a": row.max_current_a, "connectors": found
        }  # fmt: skip
        return Response(StationCurrent(answer).data)


class ChargePointStart(PointView):
    """Permission to charge."""

    permission = _CONTROL

    @extend_schema(
        operation_id="start_charging", summary="Start charging", tags=TAGS, request=ChargingBody,
        responses={202: CommandDetailSerializer}, parameters=[REQUIRED_KEY],
    )  # fmt: skip
    def post(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Permit charging at a connector; the answer is the command that was sent."""
        body = read_body(request, ChargingBody)
        return self.order(
            request, charge_point_id, body, control.start_charging, is_counted=True,
            tag_uid=body["tag"],
        )  # fmt: skip


class ChargePointStop(PointView):
    """The end of charging."""

    permission = _CONTROL

    @extend_schema(
        operation_id="stop_charging", summary="Stop charging", tags=TAGS, request=ChargingBody,
        responses={202: CommandDetailSerializer}, parameters=[REQUIRED_KEY],
    )  # fmt: skip
    def post(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """End charging, or take a permission back."""
        body = read_body(request, ChargingBody)
        return self.order(
            request, charge_point_id, body, control.stop_charging, is_counted=True,
            tag_uid=body["tag"],
        )  # fmt: skip


class ChargePointLimit(PointView):
    """The limit of the current."""

    permission = _CONTROL

    @extend_schema(
        operation_id="set_charging_current", summary="Set the limit of the current", tags=TAGS,
        request=LimitBody, responses={202: CommandDetailSerializer}, parameters=[OPTIONAL_KEY],
    )  # fmt: skip
    def post(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Set how much a vehicle may draw; `limit_while_charging` for old controllers."""
        body = read_body(request, LimitBody)
        return self.order(
            request, charge_point_id, body, control.set_current_limit, amps=body["amps"]
        )


class ChargePointLock(PointView):
    """The lock of the plug."""

    permission = _CONTROL

    @extend_schema(
        operation_id="lock_connector", summary="Lock the plug", tags=TAGS, request=ConnectorBody,
        responses={202: CommandDetailSerializer}, parameters=[OPTIONAL_KEY],
    )  # fmt: skip
    def post(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Lock the plug of a connector."""
        body = read_body(request, ConnectorBody)
        return self.order(request, charge_point_id, body, control.lock_connector)


class ChargePointUnlock(PointView):
    """The unlocking of the plug."""

    permission = _CONTROL

    @extend_schema(
        operation_id="unlock_connector", summary="Unlock the plug", tags=TAGS,
        request=ConnectorBody, responses={202: CommandDetailSerializer},
        parameters=[OPTIONAL_KEY],
    )  # fmt: skip
    def post(self, request: Request, charge_point_id: uuid.UUID) -> Response:
        """Unlock the plug of a connector; not while current flows."""
        body = read_body(request, ConnectorBody)
        return self.order(request, charge_point_id, body, control.unlock_connector)
