"""The fleet in the API."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView

from accounts.api.views import ReadView
from devices.models import Channel, Device
from devices.queries import DEVICE_ORDERINGS, list_devices
from devices.serializers import DeviceDetailSerializer, DeviceListParams, DeviceSerializer


class DeviceView(ReadView, GenericAPIView):
    """Serializes devices as they are at one instant."""

    permission = "read:device"

    def get_serializer_context(self) -> dict[str, Any]:
        """Hand `now` to the serializers."""
        return {**super().get_serializer_context(), "now": self.now}


class DeviceList(DeviceView, ListAPIView):
    """The devices of the organisation."""

    serializer_class = DeviceSerializer
    params_class = DeviceListParams
    orderings = DEVICE_ORDERINGS
    queryset = Device.objects.none()  # tells the schema what is listed

    @extend_schema(operation_id="list_devices", summary="List devices", tags=["devices"])
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """List the devices page by page; follow `next` until it is null."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Device]:
        """Return the devices that match the parameters."""
        return list_devices(
            now=self.now,
            text=self.params["q"],
            site_id=self.params.get("site"),
            presence=self.params.get("status"),
        )


class DeviceDetail(DeviceView, RetrieveAPIView):
    """One device."""

    serializer_class = DeviceDetailSerializer
    lookup_url_kwarg = "device_id"
    queryset = Device.objects.select_related("site", "gateway", "profile").prefetch_related(
        Prefetch("channels", Channel.objects.order_by("name", "id"))
    )

    @extend_schema(operation_id="get_device", summary="Read a device", tags=["devices"])
    def get(self, request: Any, device_id: uuid.UUID) -> Any:
        """Return a device with its channels."""
        return super().get(request)
