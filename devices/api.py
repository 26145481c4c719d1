"""The fleet in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Violation
from devices.api_fleet import IF_MATCH, FleetView, find_row
from devices.models import Channel, Device, DeviceEvent, DeviceProfile, Gateway, Site, Zone
from devices.queries import DEVICE_ORDERINGS, list_devices
from devices.queries_fleet import list_events
from devices.serializers import DeviceDetailSerializer, DeviceListParams, DeviceSerializer
from devices.serializers_fleet import DeviceBody, DevicePatch, EventListParams, EventRow
from devices.services.fleet_additions import add_device
from devices.services.fleet_edits import change_device, remove_device


class DeviceView(FleetView):
    """Serializes devices as they are at one instant."""

    is_open_to_guests = True  # to read: their scope holds the shared rows only

    def get_serializer_context(self) -> dict[str, Any]:
        """Hand `now` to the serializers."""
        return {**super().get_serializer_context(), "now": self.now}

    def find(self, device_id: uuid.UUID) -> Device:
        """Return a device with its channels; 404 without."""
        rows = Device.objects.select_related("site", "gateway", "profile", "zone")
        channels = Prefetch("channels", Channel.objects.order_by("name", "id"))
        return get_object_or_404(rows.prefetch_related(channels), pk=device_id)


class DeviceList(DeviceView):
    """The devices of the organisation."""

    permission = {"GET": "read:device", "HEAD": "read:device", "POST": "write:device"}
    serializer_class = DeviceSerializer
    params_class = DeviceListParams
    orderings = DEVICE_ORDERINGS
    queryset = Device.objects.none()  # tells the schema what is listed

    @extend_schema(
        operation_id="list_devices", summary="List devices", tags=["devices"],
        responses=DeviceSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the devices page by page; follow `next` until it is null."""
        found = self.paginate_queryset(self.filter_devices())
        return self.get_paginated_response(self.get_serializer(found, many=True).data)

    @extend_schema(
        operation_id="create_device", summary="Register a device", tags=["devices"],
        request=DeviceBody, responses={201: DeviceDetailSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Register a device with the channels of its type; it has no access yet."""
        body = read_body(request, DeviceBody)
        gateway_id, zone_id = body.pop("gateway", None), body.pop("zone", None)
        device = add_device(
            site=find_row(Site, body.pop("site"), "site"),
            gateway=find_row(Gateway, gateway_id, "gateway") if gateway_id else None,
            zone=find_row(Zone, zone_id, "zone") if zone_id else None,
            profile=_profile(body.pop("profile")),
            fields=body,
            now=self.now,
        )
        device = self.find(device.id)
        shown = DeviceDetailSerializer(device, context=self.get_serializer_context())
        return self.created(device, shown, "api-device-detail")

    def filter_devices(self) -> QuerySet[Device]:
        """Return the devices that match the parameters."""
        return list_devices(
            now=self.now,
            text=self.params["q"],
            site_id=self.params.get("site"),
            presence=self.params.get("status"),
            tag=self.params.get("tag", ""),
        )


class DeviceDetail(DeviceView):
    """One device."""

    permission = {
        "GET": "read:device", "HEAD": "read:device", "PATCH": "write:device",
        "DELETE": "delete:device",
    }  # fmt: skip
    serializer_class = DeviceDetailSerializer
    queryset = Device.objects.none()

    @extend_schema(operation_id="get_device", summary="Read a device", tags=["devices"])
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Return a device with its channels."""
        device = self.find(device_id)
        return self.answer(device, self.show(device))

    @extend_schema(
        operation_id="change_device", summary="Change a device", tags=["devices"],
        request=DevicePatch, responses=DeviceDetailSerializer, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, device_id: uuid.UUID) -> Response:
        """Rename a device, set its serial number or tags, or move it to a zone of its site."""
        body = read_body(request, DevicePatch)
        if body.get("zone"):
            body["zone"] = find_row(Zone, body["zone"], "zone")
        change_device(device_id=device_id, changes=body, now=self.now, seen=self.seen)
        device = self.find(device_id)
        return self.answer(device, self.show(device))

    @extend_schema(
        operation_id="delete_device", summary="Delete a device", tags=["devices"],
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, device_id: uuid.UUID) -> Response:
        """Delete a device and all it measured; to keep that, decommission it."""
        self.check_sudo(is_open_to_keys=True)
        remove_device(device_id=device_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)

    def show(self, device: Device) -> DeviceDetailSerializer:
        """Serialize a device as of now."""
        return DeviceDetailSerializer(device, context=self.get_serializer_context())


class DeviceEvents(FleetView):
    """What happened at a device."""

    permission = "read:device"
    params_class = EventListParams
    serializer_class = EventRow
    orderings = {"at": "at"}
    queryset = DeviceEvent.objects.none()

    @extend_schema(
        operation_id="list_device_events", summary="List events of a device", tags=["devices"],
        responses=EventRow(many=True),
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """List what a device told about itself besides readings, the newest first."""
        find_row(Device, device_id)
        rows = list_events(
            device_id=device_id, kind=self.params["kind"],
            severity=self.params.get("severity", ""),
        )  # fmt: skip
        return self.page(rows, EventRow)


def _profile(key: str) -> DeviceProfile:
    profile = DeviceProfile.objects.filter(key=key).first()
    if profile is None:
        problem = Violation("not_found", _("There is no such type of device."), "#/profile")
        raise InvalidRequest(violations=[problem])
    return profile
