"""Virtual channels in the API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from devices.models import Device, Kind
from devices.queries import channels_named
from telemetry.models import Alignment, VirtualChannel
from telemetry.services.virtual import (
    VirtualRefused,
    Wanted,
    change_virtual_channel,
    create_virtual_channel,
    remove_virtual_channel,
)
from telemetry.virtual.formula import MAX_LENGTH, MAX_NAMES
from telemetry.virtual.queries import find_virtual_channel, list_virtual_channels, progress_of

TAGS = ["telemetry"]
HISTORY_STATES = [("waiting", "waiting"), ("running", "running"), ("complete", "complete")]


class InputSerializer(serializers.Serializer):
    """A name in the formula and the metric of a device that it stands for."""

    name = serializers.CharField(max_length=32)
    device = serializers.UUIDField()
    metric = serializers.CharField(max_length=64)


class HistorySerializer(serializers.Serializer):
    """How far the past is computed."""

    state = serializers.ChoiceField(choices=HISTORY_STATES)
    share = serializers.FloatField(help_text="From 0 to 1.")


class VirtualChannelSerializer(serializers.Serializer):
    """A metric of a device that is computed from others."""

    id = serializers.UUIDField()
    device = serializers.UUIDField()
    metric = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    unit = serializers.CharField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    formula = serializers.CharField()
    inputs = InputSerializer(many=True)
    alignment = serializers.ChoiceField(choices=Alignment.choices)
    tolerance_seconds = serializers.IntegerField()
    revision = serializers.IntegerField()
    history = HistorySerializer()


class VirtualChannelsSerializer(serializers.Serializer):
    """All of them."""

    results = VirtualChannelSerializer(many=True)


class VirtualListParams(Params):
    """Which virtual channels."""

    device = serializers.UUIDField(required=False)


class WayBody(Params):
    """How a virtual channel is computed."""

    formula = serializers.CharField(max_length=MAX_LENGTH)
    inputs = InputSerializer(
        many=True,
        allow_empty=False,
        max_length=MAX_NAMES,  # type: ignore[call-arg]
    )
    alignment = serializers.ChoiceField(
        choices=Alignment.choices,
        default=Alignment.QUARTER,
        help_text="quarter: each quarter of an hour; latest: whenever an input has a value.",
    )
    tolerance_seconds = serializers.IntegerField(
        min_value=1, max_value=86_400, default=300, help_text="How long a value may stand in."
    )


class VirtualChannelBody(WayBody):
    """A virtual channel to be made."""

    device = serializers.UUIDField()
    metric = serializers.RegexField(r"^[a-z][a-z0-9_]{0,63}$", max_length=64)
    unit = serializers.CharField(max_length=20, allow_blank=True)
    kind = serializers.ChoiceField(choices=Kind.choices, default=Kind.GAUGE)
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=100, allow_blank=True, default=""
    )
    decimals = serializers.IntegerField(min_value=0, max_value=9, default=3)


class VirtualView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, VirtualRefused):
            problem = InvalidRequest(
                str(exc),
                violations=[Violation(exc.code, str(exc), _pointer(exc.field))],
            )
            problem.default_code = exc.code
            exc = problem
        elif isinstance(exc, VirtualChannel.DoesNotExist):
            exc = NotFound()
        return super().handle_exception(exc)


class VirtualChannelList(VirtualView):
    """The virtual channels of the organisation."""

    permission = {"GET": "read:device", "HEAD": "read:device", "POST": "write:device"}
    params_class = VirtualListParams

    @extend_schema(
        operation_id="list_virtual_channels", summary="List virtual channels", tags=TAGS,
        responses=VirtualChannelsSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by device and name."""
        rows = list_virtual_channels(self.params.get("device"))
        return Response({"results": [describe(row) for row in rows]})

    @extend_schema(
        operation_id="create_virtual_channel", summary="Make a virtual channel", tags=TAGS,
        request=VirtualChannelBody, responses={201: VirtualChannelSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a metric that is computed from others; its history follows by and by."""
        body = read_body(request, VirtualChannelBody)
        try:
            made = create_virtual_channel(
                device_id=body["device"],
                name=body["metric"],
                unit=body["unit"],
                kind=body["kind"],
                label=body["label"],
                decimals=body["decimals"],
                wanted=_wanted(body),
                now=self.now,
            )
        except Device.DoesNotExist:
            raise VirtualRefused(
                "unknown_device", _("There is no such device."), "device"
            ) from None
        return Response(describe(find_virtual_channel(made.id)), status=HTTPStatus.CREATED)


class VirtualChannelDetail(VirtualView):
    """One virtual channel."""

    permission = {
        "GET": "read:device", "HEAD": "read:device", "PUT": "write:device",
        "DELETE": "write:device",
    }  # fmt: skip

    @extend_schema(
        operation_id="get_virtual_channel", summary="Read a virtual channel", tags=TAGS,
        responses=VirtualChannelSerializer,
    )  # fmt: skip
    def get(self, request: Request, virtual_id: uuid.UUID) -> Response:
        """Return formula, inputs and how far history is computed."""
        return Response(describe(find_virtual_channel(virtual_id)))

    @extend_schema(
        operation_id="change_virtual_channel", summary="Compute it in another way", tags=TAGS,
        request=WayBody, responses=VirtualChannelSerializer,
    )  # fmt: skip
    def put(self, request: Request, virtual_id: uuid.UUID) -> Response:
        """Replace formula and inputs; all history is computed again."""
        body = read_body(request, WayBody)
        find_virtual_channel(virtual_id)
        change_virtual_channel(virtual_id=virtual_id, wanted=_wanted(body), now=self.now)
        return Response(describe(find_virtual_channel(virtual_id)))

    @extend_schema(
        operation_id="remove_virtual_channel", summary="Remove a virtual channel", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, virtual_id: uuid.UUID) -> Response:
        """Remove it with its values."""
        remove_virtual_channel(virtual_id=virtual_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


def describe(virtual: VirtualChannel) -> dict[str, Any]:
    """Return the members of an answer."""
    channel, progress = virtual.channel, progress_of(virtual)
    return {
        "id": virtual.id,
        "device": channel.device_id,
        "metric": channel.name,
        "label": channel.label,
        "unit": channel.unit,
        "kind": channel.kind,
        "formula": virtual.formula,
        "inputs": [
            {"name": row.name, "device": row.channel.device_id, "metric": row.channel.name}
            for row in virtual.inputs.all()
        ],
        "alignment": virtual.alignment,
        "tolerance_seconds": virtual.tolerance_seconds,
        "revision": virtual.revision,
        "history": {"state": progress.state, "share": round(progress.share, 3)},
    }


def _pointer(field: str) -> str:
    """Return where a field of a channel stands in the body."""
    return f"#/{'metric' if field == 'name' else field}" if field else ""


def _wanted(body: Mapping[str, Any]) -> Wanted:
    """Find the channels that the body names.

    Raises: VirtualRefused.
    """
    given = body["inputs"]
    found = channels_named({i["device"] for i in given}, {i["metric"] for i in given})
    inputs: dict[str, int] = {}
    for place, entry in enumerate(given):
        channel = found.get((entry["device"], entry["metric"]))
        if channel is None:
            detail = _("The device has no such metric.")
            raise VirtualRefused("unknown_metric", detail, f"inputs/{place}/metric")
        if entry["name"] in inputs:
            raise VirtualRefused("repeated", _("The name stands twice."), f"inputs/{place}/name")
        inputs[entry["name"]] = channel.id
    return Wanted(
        formula=body["formula"],
        inputs=inputs,
        alignment=body["alignment"],
        tolerance_seconds=body["tolerance_seconds"],
    )
