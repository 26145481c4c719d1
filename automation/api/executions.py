"""What automation did, in the API: the log, one execution, and what people say to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.problems import Problem
from automation.api.execution_rows import ExecutionDetailRow, ExecutionListParams, ExecutionRow
from automation.models import Execution
from automation.queries.executions import (
    ORDERINGS,
    ExecutionFilter,
    find_executions,
    read_execution,
)
from automation.services.agreeing import (
    NotProposed,
    NotRunning,
    ProposalOver,
    agree,
    cancel,
    decline,
)
from devices.api_fleet import FleetView
from devices.services.command_refusals import MayNotControl

TAGS = ["automation log"]
_HEADERS = {"Cache-Control": "private, no-store"}


class ExecutionView(FleetView):
    """Base of endpoints about executions; closed to guests."""

    permission: Any = "read:automation"
    serializer_class: Any = ExecutionRow
    queryset: Any = Execution.objects.none()  # tells the schema what is listed
    orderings = dict(ORDERINGS)

    def handle_exception(self, exc: Exception) -> Any:
        """Answer 409 where it is too late, 403 who may not control the devices."""
        if isinstance(exc, NotProposed | ProposalOver | NotRunning | MayNotControl):
            problem = Problem(str(exc))
            problem.default_code = exc.code
            problem.status_code = (
                HTTPStatus.FORBIDDEN if isinstance(exc, MayNotControl) else HTTPStatus.CONFLICT
            )
            exc = problem
        return super().handle_exception(exc)

    def show(self, execution_id: uuid.UUID) -> Response:
        """Return an execution of the organisation. Raises: Http404."""
        detail = read_execution(execution_id)
        if detail is None:
            raise Http404
        row = ExecutionDetailRow(detail.execution, context={"detail": detail})
        return Response(row.data, headers=_HEADERS)


class ExecutionList(ExecutionView):
    """The log of the organisation."""

    params_class = ExecutionListParams

    @extend_schema(
        operation_id="list_executions", summary="List what automation did", tags=TAGS,
        parameters=[ExecutionListParams], responses=ExecutionRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List what rules, schedules, controllers and guards decided, the newest first."""
        given = self.params
        wanted = ExecutionFilter(
            origin=given.get("origin", ""), is_done=given["done"],
            states=[given["state"]] if "state" in given else [],
            reasons=[given["reason"]] if "reason" in given else [],
            rule_id=given.get("rule"), schedule_id=given.get("schedule"),
            origin_id=given.get("origin_id"), zone_id=given.get("zone"),
            site_id=given.get("site"), start=given.get("start"), end=given.get("end"),
            text=given["q"].replace("\0", ""),
        )  # fmt: skip
        return self.page(find_executions(wanted), ExecutionRow)


class ExecutionDetail(ExecutionView):
    """One execution."""

    @extend_schema(
        operation_id="get_execution", summary="See what was done and why", tags=TAGS,
        responses=ExecutionDetailRow,
    )  # fmt: skip
    def get(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Return what set it off, the values seen, each step, and what led here."""
        return self.show(execution_id)


class _Answer(ExecutionView):
    """Base: something that a person says to an execution."""

    permission = {"POST": "control:device"}

    def do(self, request: Request, execution_id: uuid.UUID, act: Callable[..., Any]) -> Response:
        """Do it, and return the execution as it is then."""
        act(execution_id=execution_id, actor=request.user, now=self.now)
        return self.show(execution_id)


class ExecutionAgree(_Answer):
    """Agreement to a proposal."""

    @extend_schema(
        operation_id="agree_to_execution", summary="Agree to a proposal", tags=TAGS, request=None,
        responses=ExecutionDetailRow,
    )  # fmt: skip
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Let it be done; `proposal_over` after a quarter of an hour."""
        return self.do(request, execution_id, agree)


class ExecutionDecline(_Answer):
    """Refusal of a proposal."""

    @extend_schema(
        operation_id="decline_execution", summary="Decline a proposal", tags=TAGS, request=None,
        responses=ExecutionDetailRow,
    )  # fmt: skip
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Let it not be done."""
        return self.do(request, execution_id, decline)


class ExecutionCancel(_Answer):
    """The end of what is being done."""

    @extend_schema(
        operation_id="cancel_execution", summary="Stop what is being done", tags=TAGS, request=None,
        responses=ExecutionDetailRow,
    )  # fmt: skip
    def post(self, request: Request, execution_id: uuid.UUID) -> Response:
        """Do no more of it; commands that have left stay with their devices."""
        return self.do(request, execution_id, cancel)
