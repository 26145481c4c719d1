"""Meters and their hardware in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body, read_params
from metering.api.base import (
    TAGS,
    MeterView,
    check_site,
    read_hardware,
    read_sources,
    read_wanted,
)
from metering.api.serializers import (
    InstallationSerializer,
    MeterBody,
    MeterListParams,
    MeterSerializer,
    NewMeterBody,
    ReplacementBody,
    describe_installation,
    describe_meter,
)
from metering.models import Meter
from metering.queries.meters import find_meter, list_installations, list_meters
from metering.services.meters import (
    change_meter,
    create_meter,
    remove_meter,
    replace_installation,
)
from metering.services.rebuilds import check_removable


class MeterList(MeterView, GenericAPIView):
    """The meters of the organisation."""

    permission = {"GET": "read:meter", "HEAD": "read:meter", "POST": "write:meter"}
    params_class = MeterListParams
    orderings = {"name": "name"}
    queryset = Meter.objects.none()  # tells the schema what is listed
    serializer_class = MeterSerializer

    @extend_schema(
        operation_id="list_meters", summary="List meters", tags=TAGS,
        responses=MeterSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name."""
        rows = list_meters(self.params.get("site"))
        if commodity := self.params.get("commodity"):
            rows = rows.filter(commodity=commodity)
        found = self.paginate_queryset(rows)
        return self.get_paginated_response([describe_meter(meter) for meter in found or []])

    @extend_schema(
        operation_id="create_meter", summary="Make a meter", tags=TAGS, request=NewMeterBody,
        responses={201: MeterSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a meter; its ledger is built from all that its metrics have stored."""
        body = read_body(request, NewMeterBody)
        check_site(body["site"])
        made = create_meter(
            site_id=body["site"],
            wanted=read_wanted(body),
            sources=read_sources(body["sources"]),
            hardware=read_hardware(body["hardware"]) if body["hardware"] else None,
            installed_at=body["installed_at"],
            now=self.now,
        )
        return Response(describe_meter(find_meter(made.id)), status=HTTPStatus.CREATED)


class RemovalParams(Params):
    """Whether what was counted may go too."""

    with_ledger = serializers.BooleanField(
        default=False, help_text="Needed for a meter that has counted something."
    )


class MeterDetail(MeterView):
    """One meter."""

    permission = {
        "GET": "read:meter", "HEAD": "read:meter", "PUT": "write:meter",
        "DELETE": "delete:meter",
    }  # fmt: skip

    @extend_schema(
        operation_id="get_meter", summary="Read a meter", tags=TAGS, responses=MeterSerializer
    )
    def get(self, request: Request, meter_id: uuid.UUID) -> Response:
        """Return what is known about a meter."""
        return Response(describe_meter(find_meter(meter_id)))

    @extend_schema(
        operation_id="change_meter", summary="Change a meter", tags=TAGS, request=MeterBody,
        responses=MeterSerializer,
    )  # fmt: skip
    def put(self, request: Request, meter_id: uuid.UUID) -> Response:
        """Replace what is known; another limit applies to all of its past."""
        find_meter(meter_id)
        wanted = read_wanted(read_body(request, MeterBody))
        change_meter(meter_id=meter_id, wanted=wanted, now=self.now)
        return Response(describe_meter(find_meter(meter_id)))

    @extend_schema(
        operation_id="remove_meter", summary="Delete a meter", tags=TAGS,
        parameters=[RemovalParams], responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, meter_id: uuid.UUID) -> Response:
        """Delete a meter; one that has counted only with `with_ledger`."""
        params = read_params(request, RemovalParams)
        meter = find_meter(meter_id)
        if not params["with_ledger"]:
            check_removable(meter)
        remove_meter(meter_id=meter_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class InstallationList(MeterView):
    """What hung at a meter's place."""

    permission = {"GET": "read:meter", "HEAD": "read:meter", "POST": "write:meter"}

    @extend_schema(
        operation_id="list_meter_installations", summary="List the hardware of a meter",
        tags=TAGS, responses=InstallationSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request, meter_id: uuid.UUID) -> Response:
        """List it, the newest first."""
        find_meter(meter_id)
        return Response([describe_installation(row) for row in list_installations(meter_id)])

    @extend_schema(
        operation_id="replace_meter_installation", summary="Note a change of the hardware",
        tags=TAGS, request=ReplacementBody, responses={201: InstallationSerializer},
    )  # fmt: skip
    def post(self, request: Request, meter_id: uuid.UUID) -> Response:
        """Close the old registers and go on with new ones; the ledger follows."""
        find_meter(meter_id)
        body = read_body(request, ReplacementBody)
        replace_installation(
            meter_id=meter_id,
            removed_at=body["removed_at"],
            installed_at=body["installed_at"],
            finals={one["quantity"]: one["register"] for one in body["finals"]},
            hardware=read_hardware(body["hardware"]),
            sources=read_sources(body["sources"]),
            now=self.now,
        )
        newest = list_installations(meter_id)[0]
        return Response(describe_installation(newest), status=HTTPStatus.CREATED)
