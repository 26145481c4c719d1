"""Demand guards in the API."""

from __future__ import annotations

import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Problem, Violation, pointer_to
from accounts.services.refusals import Refusal
from automation.api.guard_serializers import (
    GuardBody,
    GuardListParams,
    GuardPatch,
    GuardRow,
    GuardStatus,
    LoadBody,
    LoadPatch,
    LoadRow,
    status_of,
)
from automation.models import DemandGuard, SheddableLoad
from automation.queries.guards import find_guard, find_load, list_guards
from automation.services.guards import (
    GuardRefused,
    add_load,
    change_guard,
    change_load,
    create_guard,
    remove_guard,
    remove_load,
)
from automation.services.shedding import AlreadyAsked, switch_load
from devices.api_fleet import FleetView, find_row
from devices.models import Channel, Device
from metering.models import Quantity, Register

TAGS = ["demand guards"]
_READ = {"GET": "read:automation", "HEAD": "read:automation"}
_CONFLICTS = {"is_shed"}


class GuardView(FleetView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, Refusal) and exc.code in _CONFLICTS:
            exc = _conflict(exc)
        elif isinstance(exc, GuardRefused):
            place = pointer_to(exc.field) if exc.field else ""
            exc = InvalidRequest(violations=[Violation(exc.code, str(exc), place)])
        elif isinstance(exc, DemandGuard.DoesNotExist | SheddableLoad.DoesNotExist):
            exc = NotFound()
        return super().handle_exception(exc)


class GuardList(GuardView):
    """The demand guards of the organisation."""

    permission = {**_READ, "POST": "write:automation"}
    params_class = GuardListParams
    serializer_class = GuardRow
    queryset = DemandGuard.objects.none()
    orderings = {"name": "name"}

    @extend_schema(
        operation_id="list_demand_guards", summary="List demand guards", tags=TAGS,
        parameters=[GuardListParams], responses=GuardRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them with their loads."""
        rows = list_guards().order_by().prefetch_related("loads")
        return self.page(rows, GuardRow)

    @extend_schema(
        operation_id="create_demand_guard", summary="Make a demand guard", tags=TAGS,
        request=GuardBody, responses={201: GuardRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Watch the import of a meter, or a power in kW."""
        body = read_body(request, GuardBody)
        made = create_guard(**_source(body), fields=body, now=self.now)
        return Response(GuardRow(find_guard(made.id)).data, status=HTTPStatus.CREATED)


class GuardDetail(GuardView):
    """One demand guard."""

    permission = {**_READ, "PATCH": "write:automation", "DELETE": "delete:automation"}
    serializer_class = GuardRow
    queryset = DemandGuard.objects.none()

    @extend_schema(
        operation_id="get_demand_guard", summary="Read a demand guard", tags=TAGS,
        responses=GuardRow,
    )  # fmt: skip
    def get(self, request: Request, guard_id: uuid.UUID) -> Response:
        """Return it with its loads."""
        return Response(GuardRow(find_guard(guard_id)).data)

    @extend_schema(
        operation_id="change_demand_guard", summary="Change a demand guard", tags=TAGS,
        request=GuardPatch, responses=GuardRow,
    )  # fmt: skip
    def patch(self, request: Request, guard_id: uuid.UUID) -> Response:
        """Change what the body names; switched off it gives back what it has shed."""
        find_guard(guard_id)
        body = read_body(request, GuardPatch)
        change_guard(guard_id=guard_id, **_source(body), changes=body, now=self.now)
        return Response(GuardRow(find_guard(guard_id)).data)

    @extend_schema(
        operation_id="remove_demand_guard", summary="Delete a demand guard", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, guard_id: uuid.UUID) -> Response:
        """Delete it with its loads and windows; 409 while a load is shed."""
        find_guard(guard_id)
        remove_guard(guard_id=guard_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class GuardStatusView(GuardView):
    """How things stand with a demand guard."""

    permission = "read:automation"
    serializer_class = GuardStatus
    queryset = DemandGuard.objects.none()

    @extend_schema(
        operation_id="get_demand_guard_status", summary="Read what is expected now", tags=TAGS,
        responses=GuardStatus,
    )  # fmt: skip
    def get(self, request: Request, guard_id: uuid.UUID) -> Response:
        """Return the window that runs, the loads, and the highest windows of the month."""
        return Response(GuardStatus(status_of(find_guard(guard_id), now=self.now)).data)


class GuardLoads(GuardView):
    """The loads of a demand guard."""

    permission = {"POST": "write:automation"}
    serializer_class = LoadRow
    queryset = SheddableLoad.objects.none()

    @extend_schema(
        operation_id="add_sheddable_load", summary="Add a load", tags=TAGS,
        request=LoadBody, responses={201: LoadRow},
    )  # fmt: skip
    def post(self, request: Request, guard_id: uuid.UUID) -> Response:
        """Add something that may be shed; you must be allowed to control its device."""
        find_guard(guard_id)
        body = read_body(request, LoadBody)
        body["device"] = find_row(Device, body["device"], "device")
        load = add_load(guard_id=guard_id, fields=body, actor=request.user, now=self.now)
        return Response(LoadRow(load).data, status=HTTPStatus.CREATED)


class LoadDetail(GuardView):
    """One load."""

    permission = {**_READ, "PATCH": "write:automation", "DELETE": "write:automation"}
    serializer_class = LoadRow
    queryset = SheddableLoad.objects.none()

    @extend_schema(
        operation_id="get_sheddable_load", summary="Read a load", tags=TAGS, responses=LoadRow
    )
    def get(self, request: Request, load_id: uuid.UUID) -> Response:
        """Return a load."""
        return Response(LoadRow(find_load(load_id)).data)

    @extend_schema(
        operation_id="change_sheddable_load", summary="Change a load", tags=TAGS,
        request=LoadPatch, responses=LoadRow,
    )  # fmt: skip
    def patch(self, request: Request, load_id: uuid.UUID) -> Response:
        """Change what the body names."""
        find_load(load_id)
        body = read_body(request, LoadPatch)
        if "device" in body:
            body["device"] = find_row(Device, body["device"], "device")
        change_load(load_id=load_id, changes=body, actor=request.user, now=self.now)
        return Response(LoadRow(find_load(load_id)).data)

    @extend_schema(
        operation_id="remove_sheddable_load", summary="Remove a load", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, load_id: uuid.UUID) -> Response:
        """Take it from its guard; 409 while it is shed."""
        find_load(load_id)
        remove_load(load_id=load_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)


class LoadShed(GuardView):
    """Shed by hand."""

    permission = "control:device"
    serializer_class = LoadRow
    queryset = SheddableLoad.objects.none()
    shed = True

    @extend_schema(
        operation_id="shed_load", summary="Shed a load", tags=TAGS, request=None,
        responses=LoadRow,
    )  # fmt: skip
    def post(self, request: Request, load_id: uuid.UUID) -> Response:
        """Switch it off now; it comes back in time. Nothing changes if it is shed already."""
        return self.switch(request, load_id)

    def switch(self, request: Request, load_id: uuid.UUID) -> Response:
        """Do it, and return the load."""
        find_load(load_id)
        with suppress(AlreadyAsked):
            switch_load(load_id=load_id, shed=self.shed, actor=request.user, now=self.now)
        return Response(LoadRow(find_load(load_id)).data)


class LoadRestore(LoadShed):
    """Let come back by hand."""

    shed = False

    @extend_schema(
        operation_id="restore_load", summary="Let a load come back", tags=TAGS, request=None,
        responses=LoadRow,
    )  # fmt: skip
    def post(self, request: Request, load_id: uuid.UUID) -> Response:
        """Switch it on again now. Nothing changes if it runs."""
        return self.switch(request, load_id)


def _conflict(refusal: Refusal) -> Problem:
    problem = Problem(str(refusal))
    problem.status_code, problem.default_code = HTTPStatus.CONFLICT, refusal.code
    return problem


def _source(body: dict[str, Any]) -> dict[str, Any]:
    """Take what is measured out of a body, as rows."""
    meter, channel = body.pop("meter", None), body.pop("channel", None)
    found: dict[str, Any] = {}
    if meter is not None:
        rows = Register.objects.select_related("meter__site")
        found["register"] = rows.filter(meter_id=meter, quantity=Quantity.IMPORT).first()
        if found["register"] is None:
            raise _missing("meter")
    if channel is not None:
        channels = Channel.objects.select_related("device__site")
        found["channel"] = channels.filter(uuid=channel).first()
        if found["channel"] is None:
            raise _missing("channel")
    return found


def _missing(member: str) -> InvalidRequest:
    problem = Violation("not_found", "There is no such object.", pointer_to(member))
    return InvalidRequest(violations=[problem])
