"""Commands and emergency stops in the API."""

from __future__ import annotations

import re
import time
import uuid
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import Problem, Violation
from accounts.api.write import AccessView
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.command_states import ENDED
from devices.models import Command, Device, EmergencyStop
from devices.queries_commands import (
    COMMAND_ORDERINGS,
    find_command,
    find_commanded_device,
    find_stop_target,
    list_commands,
    list_stops,
    offered_commands,
    reason,
)
from devices.serializers_commands import (
    AllCommandsParams,
    CommandBody,
    CommandDetailSerializer,
    CommandListParams,
    CommandSecretSerializer,
    CommandSerializer,
    OfferedCommandsSerializer,
    PressedSerializer,
    ReleaseBody,
    StopBody,
    StopListParams,
    StopListSerializer,
    StopSerializer,
)
from devices.services.command_refusals import BadParams
from devices.services.command_wire import renew_command_secret
from devices.services.commands import cancel_command, queue_command
from devices.services.emergency_stop import press_emergency_stop, release_emergency_stop

WAIT_AT_MOST_SECONDS = 10
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])")
_STATUS = {
    "permission_denied": HTTPStatus.FORBIDDEN,
    "idempotency_key_reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_late": HTTPStatus.CONFLICT,
    "stop_gone": HTTPStatus.CONFLICT,
    "batch_ended": HTTPStatus.CONFLICT,
    "zone_leased": HTTPStatus.CONFLICT,
}
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True,
    description="A new one for each request; the same again repeats the answer.",
)  # fmt: skip
WAIT_HEADER = OpenApiParameter(
    "Prefer", str, OpenApiParameter.HEADER, description="`wait=10` waits for the end of it."
)


class CommandView(AccessView):
    """Answers refusals about commands with their status, and names bad parameters."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn refusals into problems."""
        if isinstance(exc, Refusal) and (isinstance(exc, BadParams) or exc.code in _STATUS):
            exc = _problem(exc)
        return super().handle_exception(exc)

    @property
    def key(self) -> str:
        """Return the key of the request; "" without one."""
        return str(self.request.headers.get("Idempotency-Key", ""))


class PagedCommandView(CommandView, GenericAPIView):
    """Lists commands page by page."""

    orderings = COMMAND_ORDERINGS
    queryset = Command.objects.none()  # tells the schema what is listed
    serializer_class = CommandSerializer

    def page(self, rows: Any) -> Response:
        """Return one page of the rows."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(CommandSerializer(found, many=True).data)


class DeviceCommands(PagedCommandView):
    """The commands of a device."""

    permission = {"GET": "read:command", "HEAD": "read:command", "POST": "control:device"}
    params_class = CommandListParams

    @property
    def is_open_to_guests(self) -> bool:
        """Let guests command: `queue_command` asks for the share. What others did is not theirs."""
        return self.request.method == "POST"

    @extend_schema(
        operation_id="list_device_commands", summary="List commands of a device",
        tags=["commands"], responses=CommandSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """List the commands of a device, the newest first."""
        device = _device(device_id)
        return self.page(list_commands(device_id=device.id, state=self.params.get("state")))

    @extend_schema(
        operation_id="queue_command", summary="Command a device", tags=["commands"],
        request=CommandBody, responses={202: CommandDetailSerializer},
        parameters=[KEY_HEADER, WAIT_HEADER],
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Let a device do something.

        A command that safety refuses is kept; the answer is 409 with the reason as its code.
        """
        device = _device(device_id)
        body = read_body(request, CommandBody)
        queued = queue_command(
            actor=request.user, device=device, name=body["name"], params=body["params"],
            idempotency_key=self.key, now=self.now, expires_in=body["expires_in"],
            not_before=body.get("not_before"),
        )  # fmt: skip
        with tenant_scope(device.tenant_id):  # a guest reads what they just asked for
            command = _wait_for(queued.command, request)
            if command.state == "invalid" and not command.sent_at and command.verdict:
                raise _refused(command)
            answer = Response(CommandDetailSerializer(command).data, status=HTTPStatus.ACCEPTED)
        answer["Location"] = reverse("api-command-detail", args=[command.id])
        if queued.is_replay:
            answer["Idempotent-Replayed"] = "true"
        return answer


class DeviceCommandSchema(CommandView):
    """What a device can be told."""

    permission = "read:device"

    @extend_schema(
        operation_id="list_offered_commands", summary="List the commands a device takes",
        tags=["commands"], responses=OfferedCommandsSerializer,
    )  # fmt: skip
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """List the commands of the device's type, with their parameters."""
        specs = offered_commands(_device(device_id))
        return Response(OfferedCommandsSerializer({"results": specs}).data)


class CommandSecretRenew(CommandView):
    """Lets commands to a device be signed."""

    permission = "provision:device"

    @extend_schema(
        operation_id="renew_command_secret", summary="Make a secret for signed commands",
        tags=["commands"], request=Params, responses={201: CommandSecretSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Sign commands to the device from now on; the answer shows the secret once."""
        read_body(request, Params)
        secret = renew_command_secret(device=_device(device_id), now=self.now)
        return Response(CommandSecretSerializer({"secret": secret}).data, HTTPStatus.CREATED)


class CommandList(PagedCommandView):
    """The commands of all devices."""

    permission = "read:command"
    params_class = AllCommandsParams

    @extend_schema(
        operation_id="list_commands", summary="List commands", tags=["commands"],
        responses=CommandSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the commands, the newest first."""
        params = self.params
        return self.page(
            list_commands(
                device_id=params.get("device"),
                batch_id=params.get("batch"),
                state=params.get("state"),
            )
        )


class CommandDetail(CommandView):
    """One command."""

    permission = "read:command"

    @extend_schema(
        operation_id="get_command", summary="Read a command", tags=["commands"],
        responses=CommandDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, command_id: uuid.UUID) -> Response:
        """Return a command with its timeline."""
        return Response(CommandDetailSerializer(_command(command_id)).data)


class CommandCancel(CommandView):
    """Takes a command back."""

    permission = "control:device"

    @extend_schema(
        operation_id="cancel_command", summary="Cancel a command", tags=["commands"],
        request=Params, responses=CommandDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, command_id: uuid.UUID) -> Response:
        """Cancel a command that has not left; 409 `too_late` otherwise."""
        read_body(request, Params)
        command = cancel_command(actor=request.user, command=_command(command_id), now=self.now)
        return Response(CommandDetailSerializer(command).data)


class StopList(CommandView):
    """Emergency stops."""

    permission = {"GET": "read:command", "HEAD": "read:command", "POST": "control:device"}
    params_class = StopListParams

    @extend_schema(
        operation_id="list_emergency_stops", summary="List emergency stops", tags=["commands"],
        responses=StopListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the last 500 emergency stops, the newest first."""
        rows = list_stops(only_active=self.params["active"]).order_by("-pressed_at", "id")[:500]
        return Response(StopListSerializer({"results": rows}).data)

    @extend_schema(
        operation_id="press_emergency_stop", summary="Press an emergency stop",
        tags=["commands"], request=StopBody, responses={201: PressedSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Switch everything off in a place, and let nothing start there until it is released."""
        body = read_body(request, StopBody)
        if (body["scope"] == "tenant") == ("target" in body):
            raise _bad_target()
        try:
            target = find_stop_target(body["scope"], body.get("target"), self.acting.tenant)
        except ObjectDoesNotExist as error:
            raise Http404 from error
        pressed = press_emergency_stop(
            actor=request.user, target=target, reason=body["reason"], now=self.now
        )
        stop: Any = pressed.stop
        stop.off_commands, stop.cancelled = pressed.off_commands, pressed.cancelled
        stop.without_off = pressed.without_off
        return Response(PressedSerializer(stop).data, status=HTTPStatus.CREATED)


class StopRelease(CommandView):
    """Ends an emergency stop."""

    permission = "control:device"

    @extend_schema(
        operation_id="release_emergency_stop", summary="Release an emergency stop",
        tags=["commands"], request=ReleaseBody, responses=StopSerializer,
    )  # fmt: skip
    def post(self, request: Request, stop_id: uuid.UUID) -> Response:
        """Let things be switched on again; nothing starts by itself."""
        body = read_body(request, ReleaseBody)
        stop = EmergencyStop.objects.filter(id=stop_id).first()
        if stop is None:
            raise Http404
        stop = release_emergency_stop(
            actor=request.user, stop=stop, reason=body["reason"], now=self.now
        )
        return Response(StopSerializer(stop).data)


def _device(device_id: uuid.UUID) -> Device:
    try:
        return find_commanded_device(device_id)
    except Device.DoesNotExist as error:
        raise Http404 from error


def _command(command_id: uuid.UUID) -> Command:
    try:
        return find_command(command_id)
    except Command.DoesNotExist as error:
        raise Http404 from error


def _wait_for(command: Command, request: Request) -> Command:
    """Return the command as it is when it has ended, or when the time to wait is over."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    seconds = min(int(found[1]), WAIT_AT_MOST_SECONDS) if found else 0
    deadline = time.monotonic() + seconds
    while command.state not in ENDED and time.monotonic() < deadline:
        time.sleep(0.1)
        command.refresh_from_db()
    return command


def _refused(command: Command) -> Problem:
    problem = Problem(reason(command), extra={"command": str(command.id)})
    problem.default_code, problem.status_code = command.code, HTTPStatus.CONFLICT
    return problem


def _bad_target() -> Problem:
    detail = "Name the device, zone or site; none for scope tenant."
    return Problem(violations=[Violation("one_of", detail, "#/target")])


def _problem(refusal: Refusal) -> Problem:
    violations = (
        [Violation(p.code, p.detail, f"#/params/{p.name}") for p in refusal.problems]
        if isinstance(refusal, BadParams)
        else []
    )
    problem = Problem(str(refusal), violations=violations)
    problem.default_code = refusal.code
    problem.status_code = _STATUS.get(refusal.code, HTTPStatus.BAD_REQUEST)
    return problem
