"""Configuration of devices in the API."""

from __future__ import annotations

import datetime as dt
import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Problem, Violation, pointer_to
from accounts.api.write import AccessView
from devices.models import ConfigurationState, Device
from devices.queries_configuration import ConfigurationView, configuration_of
from devices.services.configuration import (
    InvalidConfiguration,
    RevisionMoved,
    revert_configuration,
    set_configuration,
)

IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description='The revision that the change builds on, such as "7"; "0" when there is none.',
)


class RevisionSerializer(serializers.Serializer):
    """One revision of what a device should be set to."""

    revision = serializers.IntegerField()
    config = serializers.DictField(source="body")
    reason = serializers.CharField()
    author = serializers.EmailField(source="author.email", default=None, allow_null=True)
    state = serializers.ChoiceField(choices=ConfigurationState.choices)
    created_at = serializers.DateTimeField()
    live_until = serializers.DateTimeField(allow_null=True)
    pushed_at = serializers.DateTimeField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    error_code = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)


class ReportedSerializer(serializers.Serializer):
    """What a device last said it is set to."""

    revision = serializers.IntegerField(allow_null=True)
    config = serializers.DictField(source="body")
    reported_at = serializers.DateTimeField()


class DifferenceSerializer(serializers.Serializer):
    """A field whose values differ."""

    path = serializers.CharField(help_text="Dotted, such as `channels.0.gpio`.")
    desired = serializers.JSONField(allow_null=True)
    reported = serializers.JSONField(allow_null=True)


class ConfigurationSerializer(serializers.Serializer):
    """Desired against reported."""

    desired = RevisionSerializer(allow_null=True)
    reported = ReportedSerializer(allow_null=True)
    drift = DifferenceSerializer(many=True)
    history = serializers.SerializerMethodField()

    def get_history(self, view: ConfigurationView) -> list[dict[str, Any]]:
        """Return the newest 20 revisions."""
        rows = [row.revision for row in view.history]
        return list(RevisionSerializer(rows, many=True).data)


class ConfigurationBody(Params):
    """A configuration to be set."""

    config = serializers.DictField(help_text="As the parameters of the profile allow.")
    reason = serializers.CharField(max_length=200)
    live_for_s = serializers.IntegerField(
        required=False,
        min_value=60,
        max_value=86_400,
        help_text="On trial: the one before comes back by itself after this time.",
    )


class RevertBody(Params):
    """A revision to go back to."""

    revision = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(max_length=200)


class PreconditionRequired(Problem):
    """A change must say what it builds on."""

    status_code = HTTPStatus.PRECONDITION_REQUIRED
    default_code = "precondition_required"
    default_detail = _("Send If-Match with the revision that you have read.")


class PreconditionFailed(Problem):
    """Somebody else was faster."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "revision_moved"


class ConfigurationApi(AccessView):
    """The configuration of one device."""

    permission = {"GET": "read:device", "PUT": "write:device"}

    @extend_schema(
        operation_id="get_device_configuration", summary="Read a device's configuration",
        tags=["configuration"], responses=ConfigurationSerializer,
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Compare what the device should be set to with what it says."""
        return _answer(_device(device_id))

    @extend_schema(
        operation_id="set_device_configuration", summary="Configure a device",
        tags=["configuration"], parameters=[IF_MATCH], request=ConfigurationBody,
        responses=ConfigurationSerializer,
    )  # fmt: skip
    def put(self, request: Request, device_id: uuid.UUID) -> Response:
        """Make a new revision and send it; a device that is away gets it when it is back."""
        device = _device(device_id)
        body = read_body(request, ConfigurationBody)
        seconds = body.get("live_for_s")
        try:
            set_configuration(
                device=device,
                body=body["config"],
                reason=body["reason"],
                author=self.person,
                now=self.now,
                expected_revision=_seen_revision(request),
                live_for=dt.timedelta(seconds=seconds) if seconds else None,
            )
        except InvalidConfiguration as refusal:
            raise _violations(refusal) from refusal
        except RevisionMoved as refusal:
            raise PreconditionFailed(str(refusal)) from refusal
        return _answer(device)


class ConfigurationRevertApi(AccessView):
    """Going back."""

    permission = "write:device"

    @extend_schema(
        operation_id="revert_device_configuration", summary="Go back to an earlier configuration",
        tags=["configuration"], request=RevertBody, responses=ConfigurationSerializer,
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Send the body of an earlier revision again, as a new revision."""
        device = _device(device_id)
        body = read_body(request, RevertBody)
        try:
            revert_configuration(
                device=device,
                revision=body["revision"],
                reason=body["reason"],
                author=self.person,
                now=self.now,
            )
        except InvalidConfiguration as refusal:
            raise _violations(refusal) from refusal
        return _answer(device)


def _device(device_id: uuid.UUID) -> Device:
    devices = Device.objects.select_related("profile", "gateway", "zone")
    device = devices.filter(id=device_id).first()
    if device is None:
        raise Http404
    return device


def _answer(device: Device) -> Response:
    view = configuration_of(device)
    revision = view.desired.revision if view.desired else 0
    return Response(ConfigurationSerializer(view).data, headers={"ETag": f'"{revision}"'})


def _seen_revision(request: Request) -> int:
    text = request.headers.get("If-Match", "")
    if not text:
        raise PreconditionRequired
    number = text.strip().removeprefix("W/").strip('"')
    if not number.isdecimal() or len(number) > 9:
        raise PreconditionFailed("If-Match is no revision.")
    return int(number)


def _violations(refusal: InvalidConfiguration) -> InvalidRequest:
    found = [
        Violation(problem.code, problem.detail, pointer_to(f"config.{problem.path}".rstrip(".")))
        for problem in refusal.problems
    ]
    problem = InvalidRequest(str(refusal), violations=found)
    problem.default_code = refusal.code
    return problem
