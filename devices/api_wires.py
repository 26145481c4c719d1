"""Wires of devices in the API: how the platform last saw what it reads by itself."""

from __future__ import annotations

import uuid

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api_fleet import FleetView, find_row
from devices.models import Device, WireState
from devices.queries_wires import MODBUS, SERIAL, wire_of


class WireSerializer(serializers.Serializer):
    """The wire of a device, without addresses of the network it is in."""

    kind = serializers.ChoiceField(choices=[MODBUS, SERIAL])
    bus = serializers.CharField(
        source="name", help_text="Name of the Modbus bus; empty for a serial line."
    )
    unit = serializers.IntegerField(
        allow_null=True, help_text="Unit number on the bus; null for a serial line."
    )
    protocol = serializers.CharField(
        help_text="tcp, rtu_tcp or rtu on a bus; the controller's protocol on a serial line."
    )
    is_enabled = serializers.BooleanField(
        help_text="False also when the whole bus is switched off."
    )
    state = serializers.ChoiceField(
        choices=WireState.choices,
        help_text="How the process that owns the wire last saw the device.",
    )
    state_code = serializers.CharField(source="code", help_text="For programs; empty when well.")
    state_detail = serializers.CharField(source="detail", help_text="For people; empty when well.")
    state_at = serializers.DateTimeField(
        source="since", allow_null=True, help_text="Since when it is so; null: never seen."
    )
    bus_state = serializers.CharField(
        help_text="The state of the whole bus, one of those of `state`; empty on a serial line."
    )
    fast_seconds = serializers.FloatField(
        allow_null=True, help_text="How often power is read; null on a serial line."
    )
    slow_seconds = serializers.FloatField(
        allow_null=True, help_text="How often energy is read; null on a serial line."
    )
    firmware = serializers.CharField(help_text="What a controller told of itself, or empty.")
    identity = serializers.DictField(
        allow_null=True, help_text="What a unit told of itself, such as its serial number."
    )


class DeviceWire(FleetView):
    """The wire of a device."""

    permission = "read:device"

    @extend_schema(
        operation_id="get_device_wire", summary="Read the wire of a device", tags=["devices"],
        responses=WireSerializer,
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Return state and rates of a device on a bus or a serial line; 404 for any other."""
        wire = wire_of(find_row(Device, device_id))
        if wire is None:
            raise Http404
        return Response(WireSerializer(wire).data)
