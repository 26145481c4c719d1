"""What endpoints of charging have in common."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.problems import Problem, Violation
from accounts.services.refusals import Refusal
from charging.api.throttle import count_call
from charging.models import ChargePoint
from charging.queries.connectors import FRESH
from charging.queries.pages_points import Place, find_point, read_stations
from charging.services.edits import EditRefused
from charging.services.refusals import (
    BadLimit,
    BadTag,
    ChargingRefused,
    MayNotCharge,
    NoSuchConnector,
)
from devices.api_commands import KEY_HEADER
from devices.api_fleet import FleetView
from devices.queries_commands import reason
from devices.serializers_commands import CommandDetailSerializer
from devices.services.command_refusals import BadParams, KeyReused
from devices.services.commands import Queued

TAGS = ["charging"]
OPTIONAL_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description="The same again repeats the answer; without one each request counts.",
)  # fmt: skip
REQUIRED_KEY = KEY_HEADER


class KeyMissing(Problem):
    """A start or stop without a key could be done twice."""

    default_code = "idempotency_key_missing"


class ChargingView(FleetView):
    """Base of endpoints about charging; closed to guests."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer 404, 403, 409 or 400 as the refusal says."""
        if isinstance(exc, NoSuchConnector):
            exc = Http404()
        elif isinstance(exc, ChargingRefused | KeyReused | BadParams):
            exc = _problem(exc)
        elif isinstance(exc, EditRefused):
            exc = _edit_problem(exc)
        return super().handle_exception(exc)

    def point(self, charge_point_id: uuid.UUID) -> ChargePoint:
        """Return a charge point. Raises: Http404."""
        found = find_point(charge_point_id)
        if found is None:
            raise Http404
        return found

    def places(self, point: ChargePoint) -> tuple[Place, ...]:
        """Return the connectors of a charge point by number."""
        [station] = read_stations([point], now=self.now)
        return station.places

    def seen_by(self, places: tuple[Place, ...]) -> dict[str, Any]:
        """Return what the serializer of connectors needs."""
        return {
            "now": self.now, "fresh": FRESH, "rows": [place.connector for place in places],
            "sessions": {place.connector.id: place.session for place in places if place.session},
        }  # fmt: skip

    def order(
        self, request: Request, charge_point_id: uuid.UUID, body: dict[str, Any],
        act: Callable[..., Queued], *, is_counted: bool = False, **params: Any,
    ) -> Response:  # fmt: skip
        """Ask something of a connector and answer with the command.

        Args: is_counted: a start or stop, which needs a key and is limited.
        """
        point = self.point(charge_point_id)
        key = str(request.headers.get("Idempotency-Key", ""))
        if is_counted:
            _check_key(key)
            count_call(request.user)
        places = {place.connector.number: place.connector for place in self.places(point)}
        if body["connector"] not in places:
            problem = Violation("not_found", "There is no such connector.", "#/connector")
            raise Problem(violations=[problem])
        queued = act(
            actor=request.user, connector=places[body["connector"]], now=self.now,
            idempotency_key=key or uuid.uuid4().hex, **params,
        )  # fmt: skip
        return _answer(queued)


def _check_key(key: str) -> None:
    if not key:
        raise KeyMissing("Send an Idempotency-Key; the same again repeats the answer.")


def _answer(queued: Queued) -> Response:
    command = queued.command
    if command.state == "invalid" and not command.sent_at and command.verdict:
        problem = Problem(reason(command), extra={"command": str(command.id)})
        problem.default_code, problem.status_code = command.code, HTTPStatus.CONFLICT
        raise problem
    response = Response(CommandDetailSerializer(command).data, status=HTTPStatus.ACCEPTED)
    response["Location"] = reverse("api-command-detail", args=[command.id])
    if queued.is_replay:
        response["Idempotent-Replayed"] = "true"
    return response


def _problem(refusal: Refusal) -> Problem:
    violations, status = [], HTTPStatus.CONFLICT
    if isinstance(refusal, MayNotCharge):
        status = HTTPStatus.FORBIDDEN
    elif isinstance(refusal, KeyReused):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif isinstance(refusal, BadLimit | BadParams):
        status = HTTPStatus.BAD_REQUEST
        violations = [Violation(refusal.code, str(refusal), "#/amps")]
    elif isinstance(refusal, BadTag):
        violations = [Violation(refusal.code, str(refusal), "#/tag")]
    problem = Problem(str(refusal), violations=violations)
    problem.default_code, problem.status_code = refusal.code, status
    return problem


def _edit_problem(refusal: EditRefused) -> Problem:
    pointer = f"#/{refusal.field}" if refusal.field else ""
    problem = Problem(str(refusal), violations=[Violation(refusal.code, str(refusal), pointer)])
    problem.default_code = refusal.code
    if refusal.code == "in_use":
        problem.status_code = HTTPStatus.CONFLICT
    return problem
