"""Commands to a zone: to the device in it that takes them."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.problems import InvalidRequest, Problem, Violation
from automation.queries.zone_devices import devices_that_take
from devices.api_commands import KEY_HEADER, CommandView
from devices.models import Device, Zone
from devices.serializers_commands import CommandDetailSerializer
from devices.services.commands import DEFAULT_SECONDS, MAX_SECONDS, queue_command


class ZoneCommandBody(Params):
    """A command; without a device to the one in the zone that takes it."""

    device = serializers.UUIDField(allow_null=True, default=None)
    name = serializers.CharField(max_length=64)
    params = serializers.DictField(default=dict)
    expires_in = serializers.IntegerField(
        min_value=1, max_value=MAX_SECONDS, default=DEFAULT_SECONDS
    )


class ZoneCommands(CommandView):
    """Commands to a zone."""

    permission = {"POST": "control:device"}

    @extend_schema(
        operation_id="command_zone", summary="Command a zone", tags=["commands"],
        request=ZoneCommandBody, responses={202: CommandDetailSerializer},
        parameters=[KEY_HEADER],
    )  # fmt: skip
    def post(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Let a device of a zone do something.

        A command that safety refuses is kept; the answer is 409 with the reason as its code.
        """
        body = read_body(request, ZoneCommandBody)
        zone = Zone.objects.filter(id=zone_id).first()
        if zone is None:
            raise Http404
        queued = queue_command(
            actor=request.user, device=_device(zone, body), name=body["name"],
            params=body["params"], idempotency_key=self.key, now=self.now,
            expires_in=body["expires_in"],
        )  # fmt: skip
        command = queued.command
        if command.state == "invalid" and not command.sent_at and command.verdict:
            problem = Problem(command.detail)
            problem.status_code, problem.default_code = HTTPStatus.CONFLICT, command.code
            raise problem
        answer = Response(CommandDetailSerializer(command).data, status=HTTPStatus.ACCEPTED)
        answer["Location"] = reverse("api-command-detail", args=[command.id])
        if queued.is_replay:
            answer["Idempotent-Replayed"] = "true"
        return answer


def _device(zone: Zone, body: dict[str, Any]) -> Device:
    found = devices_that_take(zone, body["name"], body["device"])
    if len(found) == 1:
        return found[0]
    names = ", ".join(device.name for device in found)
    text = f"Several take it: {names}." if found else "No device of the zone takes it."
    code = "several_devices" if found else "no_device"
    raise InvalidRequest(violations=[Violation(code, text, "#/device" if found else "#/name")])
