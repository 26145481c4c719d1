"""Quality of readings, manual readings and corrections in the API."""

from __future__ import annotations

import datetime as dt
import uuid
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from devices.api_fleet import FleetView
from devices.models import Channel, Device, Site
from energy.lib.units import IncompatibleUnits, UnknownUnit, linear
from telemetry.truth.backfill import request_again
from telemetry.truth.corrections import add_manual_reading, correct_value
from telemetry.truth.models import SampleCorrection
from telemetry.truth.overview import site_overview
from telemetry.truth.queries import (
    GAPS,
    corrections_of,
    gaps_of,
    quality_of,
    site_quality,
    worst_of,
)
from telemetry.truth.serializers import (
    CorrectionBody,
    CorrectionListParams,
    CorrectionSerializer,
    DeviceQualitySerializer,
    QualityParams,
    ReadingBody,
    RequestedSerializer,
    SiteDevicesParams,
    SiteDevicesSerializer,
    SiteQualitySerializer,
)

TAGS = ["quality"]
MAX_DAYS = 366


class DeviceQuality(AccessView):
    """How far the readings of a device can be trusted."""

    permission = "read:telemetry"
    params_class = QualityParams

    @extend_schema(
        operation_id="get_device_quality", summary="Read the quality of a device's readings",
        tags=TAGS, parameters=[QualityParams], responses=DeviceQualitySerializer,
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Return every channel's days, and gaps in the numbers of the device's readings.

        Days are those of the site; without parameters the last two weeks.
        """
        device = _device(device_id)
        first, last = _span(self.params)
        channels = quality_of(device, now=self.now, first=first, last=last)
        found = {
            "grade": worst_of([channel.grade for channel in channels]),
            "channels": channels,
            "gaps": gaps_of(device)[:GAPS],
        }
        return Response(DeviceQualitySerializer(found).data)


class DeviceGapRequest(AccessView):
    """Gaps that were given up."""

    permission = "write:telemetry"

    @extend_schema(
        operation_id="request_device_gaps", summary="Ask again for missing readings", tags=TAGS,
        request=Params, responses={202: RequestedSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Open the gaps again that were given up; the device is asked within seconds."""
        read_body(request, Params)
        number = request_again(device=_device(device_id), now=self.now)
        return Response({"gaps": number}, status=HTTPStatus.ACCEPTED)


class SiteQuality(AccessView):
    """How far the readings of a site can be trusted."""

    permission = "read:telemetry"

    @extend_schema(
        operation_id="get_site_quality", summary="Read the quality of a site's readings",
        tags=TAGS, responses=SiteQualitySerializer,
    )  # fmt: skip
    def get(self, request: Request, site_id: uuid.UUID) -> Response:
        """Return yesterday's grades, and the devices that are not good."""
        return Response(SiteQualitySerializer(site_quality(_site(site_id), now=self.now)).data)


class SiteDevicesQuality(AccessView):
    """How far the readings of each device of a site can be trusted."""

    permission = "read:telemetry"
    params_class = SiteDevicesParams

    @extend_schema(
        operation_id="list_site_quality", summary="Compare the quality of a site's devices",
        tags=TAGS, parameters=[SiteDevicesParams], responses=SiteDevicesSerializer,
    )  # fmt: skip
    def get(self, request: Request, site_id: uuid.UUID) -> Response:
        """Return every device with its days; those of the site, without parameters two weeks."""
        first, last = _span(self.params)
        found = site_overview(
            _site(site_id), now=self.now, first=first, last=last, order=self.params["ordering"]
        )
        return Response(SiteDevicesSerializer(found).data)


class CorrectionView(FleetView):
    """Base of what sets values."""

    serializer_class = CorrectionSerializer
    queryset = SampleCorrection.objects.none()  # tells the schema what is listed

    def given(self, body: dict[str, Any], device: Device) -> dict[str, Any]:
        """Return the arguments of the services, the value in the stored unit."""
        channel = Channel.objects.filter(device=device, name=body["metric"]).first()
        if channel is None:
            text = _("The device has no such channel.")
            raise InvalidRequest(violations=[Violation("unknown_channel", text, "#/metric")])
        try:
            factor, divisor, offset = linear(1.0, body.get("unit", channel.unit), channel.unit)
        except (UnknownUnit, IncompatibleUnits) as error:
            raise InvalidRequest(violations=[Violation("invalid", str(error), "#/unit")]) from error
        return {
            "channel": channel,
            "at": body["at"],
            "value": body["value"] * factor / divisor + offset,
            "reason": body["reason"],
            "made_by": self.person,
            "now": self.now,
        }


class DeviceCorrections(CorrectionView):
    """Values of a device that people set."""

    params_class = CorrectionListParams
    orderings = {"created_at": "created_at"}
    permission = {
        "GET": "read:telemetry", "HEAD": "read:telemetry", "POST": "write:telemetry",
    }  # fmt: skip

    @extend_schema(
        operation_id="list_device_corrections", summary="List corrected values", tags=TAGS,
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """List manual readings and corrections, the newest first."""
        return self.page(corrections_of(_device(device_id)), CorrectionSerializer)

    @extend_schema(
        operation_id="correct_value", summary="Correct a value", tags=TAGS,
        request=CorrectionBody, responses={201: CorrectionSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Replace the value stored for a time; the old one stays on record."""
        device = _device(device_id)
        body = read_body(request, CorrectionBody)
        row = correct_value(**self.given(body, device), quality=body["quality"])
        return Response(CorrectionSerializer(row).data, status=HTTPStatus.CREATED)


class DeviceReadings(CorrectionView):
    """Readings by people."""

    permission = "write:telemetry"

    @extend_schema(
        operation_id="add_manual_reading", summary="Add a manual reading", tags=TAGS,
        request=ReadingBody, responses={201: CorrectionSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Store what a person read off, with quality manual."""
        device = _device(device_id)
        row = add_manual_reading(**self.given(read_body(request, ReadingBody), device))
        return Response(CorrectionSerializer(row).data, status=HTTPStatus.CREATED)


def _span(params: dict[str, Any]) -> tuple[dt.date | None, dt.date | None]:
    """Return the days that are asked for."""
    first, last = params.get("first_day"), params.get("last_day")
    if first and last and not 0 <= (last - first).days < MAX_DAYS:
        text = _("At most %(days)d days, the first before the last.") % {"days": MAX_DAYS}
        raise InvalidRequest(violations=[Violation("bad_range", text, "?first_day")])
    return first, last


def _site(site_id: uuid.UUID) -> Site:
    site = Site.objects.filter(id=site_id).first()
    if site is None:
        raise NotFound
    return site


def _device(device_id: uuid.UUID) -> Device:
    device = Device.objects.select_related("site").filter(id=device_id).first()
    if device is None:
        raise NotFound
    return device
