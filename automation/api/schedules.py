"""Schedules in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from automation.api.execution_rows import ExecutionRow
from automation.api.problems import problem_of
from automation.api.schedule_rows import (
    ScheduleBody,
    ScheduleListParams,
    SchedulePatch,
    SchedulePreviewBody,
    SchedulePreviewSerializer,
    ScheduleRow,
    ScheduleRunBody,
)
from automation.models import Schedule
from automation.queries.schedules import ORDERINGS, coming_runs, find_schedule, find_schedules
from automation.schedule_words import describe_schedule
from automation.services.schedule_refusals import ScheduleRefused
from automation.services.schedules import (
    change_schedule,
    check_times,
    create_schedule,
    remove_schedule,
    run_schedule,
)
from automation.services.timing import place_of_site
from devices.api_fleet import IF_MATCH, FleetView, find_row
from devices.models import Site, Zone

TAGS = ["schedules"]
_CONFLICTS = frozenset({"of_recipe", "nothing_to_do"})


class ScheduleView(FleetView):
    """Base of endpoints about schedules; closed to guests."""

    serializer_class: Any = ScheduleRow
    queryset: Any = Schedule.objects.none()  # tells the schema what is listed
    orderings = dict(ORDERINGS)

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem that points to its place."""
        if isinstance(exc, ScheduleRefused):
            exc = problem_of(exc, conflicts=_CONFLICTS)
        return super().handle_exception(exc)

    def find(self, schedule_id: uuid.UUID) -> Schedule:
        """Return a schedule of the organisation. Raises: Http404."""
        schedule = find_schedule(schedule_id)
        if schedule is None:
            raise Http404
        return schedule


class ScheduleList(ScheduleView):
    """The schedules of the organisation."""

    permission = {"GET": "read:schedule", "HEAD": "read:schedule", "POST": "write:schedule"}
    params_class = ScheduleListParams

    @extend_schema(
        operation_id="list_schedules", summary="List schedules", tags=TAGS,
        parameters=[ScheduleListParams], responses=ScheduleRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them with their next run."""
        given = self.params
        rows = find_schedules(
            site_id=given.get("site"), zone_id=given.get("zone"), is_enabled=given["enabled"],
            text=given["q"].replace("\0", ""),
        )  # fmt: skip
        return self.page(rows, ScheduleRow)

    @extend_schema(
        operation_id="create_schedule", summary="Make a schedule", tags=TAGS,
        request=ScheduleBody, responses={201: ScheduleRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a schedule; who lets it command devices must be allowed to control them."""
        body = _named(read_body(request, ScheduleBody))
        made = create_schedule(
            **{"actions": [], **body}, actor=request.user, now=self.now
        )  # fmt: skip
        return self.created(made, ScheduleRow(made), "api-schedule-detail")


class ScheduleDetail(ScheduleView):
    """One schedule."""

    permission = {
        "GET": "read:schedule", "HEAD": "read:schedule", "PATCH": "write:schedule",
        "DELETE": "delete:schedule",
    }  # fmt: skip

    @extend_schema(
        operation_id="get_schedule", summary="Read a schedule", tags=TAGS, responses=ScheduleRow
    )
    def get(self, request: Request, schedule_id: uuid.UUID) -> Response:
        """Return it."""
        row = self.find(schedule_id)
        return self.answer(row, ScheduleRow(row))

    @extend_schema(
        operation_id="change_schedule", summary="Change a schedule", tags=TAGS,
        request=SchedulePatch, responses=ScheduleRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, schedule_id: uuid.UUID) -> Response:
        """Change, enable or disable it; runs that are due are not made up for."""
        body = _named(read_body(request, SchedulePatch))
        self.find(schedule_id)
        row = change_schedule(
            schedule_id=schedule_id, changes=body, actor=request.user, now=self.now, seen=self.seen
        )
        return self.answer(row, ScheduleRow(row))

    @extend_schema(
        operation_id="remove_schedule", summary="Remove a schedule", tags=TAGS,
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, schedule_id: uuid.UUID) -> Response:
        """Remove it; what it did stays in the log."""
        self.find(schedule_id)
        remove_schedule(schedule_id=schedule_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)


class ScheduleRun(ScheduleView):
    """A schedule at once."""

    permission = {"POST": "control:device"}

    @extend_schema(
        operation_id="run_schedule", summary="Run a schedule now", tags=TAGS,
        request=ScheduleRunBody, responses={202: ExecutionRow},
    )  # fmt: skip
    def post(self, request: Request, schedule_id: uuid.UUID) -> Response:
        """Do now what it does; safety limits hold as always."""
        body = read_body(request, ScheduleRunBody)
        self.find(schedule_id)
        execution = run_schedule(schedule_id=schedule_id, actor=request.user, now=self.now, **body)
        return Response(ExecutionRow(execution).data, status=HTTPStatus.ACCEPTED)


class SchedulePreview(ScheduleView):
    """Times that are tried."""

    permission = {"POST": "read:schedule"}

    @extend_schema(
        operation_id="preview_schedule", summary="See when times would come", tags=TAGS,
        request=SchedulePreviewBody, responses=SchedulePreviewSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return the next runs of times at a site; nothing is kept."""
        body = read_body(request, SchedulePreviewBody)
        site = find_row(Site, body["site"], "site")
        definition = check_times(body["definition"], site)
        zone = place_of_site(site).zone
        runs = [
            {"at": run.at, "local": f"{run.at.astimezone(zone):%Y-%m-%dT%H:%M:%S}",
             "edge": run.edge.value}
            for run in coming_runs(definition, site, self.now)
        ]  # fmt: skip
        answer = {"words": describe_schedule(definition), "runs": runs}
        return Response(SchedulePreviewSerializer(answer).data)


def _named(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with rows in place of ids. Raises: InvalidRequest."""
    if "site" in body:
        body["site"] = find_row(Site, body["site"], "site")
    if body.get("zone") is not None:
        body["zone"] = find_row(Zone, body["zone"], "zone")
    return body
