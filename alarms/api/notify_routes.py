"""Routes and on-call rotas in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Violation, pointer_to
from accounts.models import User
from alarms.api import notify_serializers as shapes
from alarms.api.notify import ONE, TAGS, NotifyView, told
from alarms.models import NotificationRoute, NotificationTarget, OnCallRota
from alarms.queries import notify as queries
from alarms.services.duty import person_on_call
from alarms.services.notify_routes import (
    StandIn,
    Step,
    remove_rota,
    remove_route,
    save_rota,
    save_route,
)
from alarms.services.people import members
from devices.api_fleet import find_row
from devices.models import Site

_ROUTE = ("name", "position", "is_active", "min_severity", "tag", "slots", "overrides_quiet",
          "tells_end")  # fmt: skip
_ROTA = ("name", "timezone", "first_date", "handover", "turn_days", "hours")


def describe_route(route: NotificationRoute) -> dict[str, Any]:
    """Return a route as the API tells it."""
    steps = [
        {"after_seconds": step.after_seconds, "target": step.target_id, "rota": step.rota_id}
        for step in route.steps.all()
    ]
    found = {name: getattr(route, name) for name in ("id", *_ROUTE)}
    return found | {"site": route.site_id, "steps": steps}


class RouteList(NotifyView):
    """Which alarms are told to whom."""

    pagination_class = None  # a whole list: few rows, by limit
    serializer_class = shapes.RouteRow

    @extend_schema(
        operation_id="list_notification_routes", summary="List routes", tags=TAGS,
        responses=shapes.RouteRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the routes with their steps."""
        rows = [describe_route(route) for route in queries.list_routes()]
        return told(shapes.RouteRow(rows, many=True).data)

    @extend_schema(
        operation_id="create_notification_route", summary="Add a route", tags=TAGS,
        request=shapes.RouteBody, responses={201: shapes.RouteRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a route with its steps."""
        route = _save_route(read_body(request, shapes.RouteBody))
        return told(_route_row(route.id), HTTPStatus.CREATED)


class RouteDetail(NotifyView):
    """One route."""

    permission = ONE
    serializer_class = shapes.RouteRow

    @extend_schema(
        operation_id="get_notification_route", summary="Read a route", tags=TAGS,
        responses=shapes.RouteRow,
    )  # fmt: skip
    def get(self, request: Request, route_id: uuid.UUID) -> Response:
        """Return a route."""
        return told(_route_row(find_row(NotificationRoute, route_id).id))

    @extend_schema(
        operation_id="change_notification_route", summary="Change a route", tags=TAGS,
        request=shapes.RouteBody, responses=shapes.RouteRow,
    )  # fmt: skip
    def put(self, request: Request, route_id: uuid.UUID) -> Response:
        """Change a route and all of its steps."""
        known = find_row(NotificationRoute, route_id)
        return told(_route_row(_save_route(read_body(request, shapes.RouteBody), known).id))

    @extend_schema(
        operation_id="remove_notification_route", summary="Remove a route", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, route_id: uuid.UUID) -> Response:
        """Remove a route."""
        remove_route(find_row(NotificationRoute, route_id).id)
        return Response(status=HTTPStatus.NO_CONTENT)


class RotaView(NotifyView):
    """What the list of rotas and one of them share."""

    serializer_class = shapes.RotaRow

    def save(self, body: dict[str, Any], known: OnCallRota | None = None) -> OnCallRota:
        """Save a rota as the body says."""
        people = {
            person.id: person
            for person in members(self.acting.tenant_id).filter(id__in=_named(body))
        }
        stand_ins = [
            StandIn(one["start"], one["end"], _person(people, one["person"], "stand_ins"))
            for one in body["stand_ins"]
        ]
        turns = [_person(people, found, "people") for found in body["people"]]
        values = {name: shapes.plain(body[name]) for name in _ROTA}
        return save_rota(values, [one for one in turns if one], stand_ins, rota=known)

    def row(self, rota_id: uuid.UUID) -> Any:
        """Return a rota as it is now."""
        return shapes.RotaRow(self.describe(queries.list_rotas().get(id=rota_id))).data

    def describe(self, rota: OnCallRota) -> dict[str, Any]:
        """Return a rota as the API tells it."""
        person = person_on_call(rota, self.now)
        stand_ins = [
            {"start": one.start, "end": one.end, "person": one.person_id}
            for one in rota.stand_ins.all()
        ]
        found = {name: getattr(rota, name) for name in ("id", *_ROTA)}
        people = [member.person_id for member in rota.members.all()]
        return found | {
            "people": people, "stand_ins": stand_ins, "on_call": person.id if person else None,
        }  # fmt: skip


class RotaList(RotaView):
    """Who is on call."""

    pagination_class = None  # a whole list: few rows, by limit

    @extend_schema(
        operation_id="list_on_call_rotas", summary="List on-call rotas", tags=TAGS,
        responses=shapes.RotaRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the rotas with who is on call now."""
        rows = [self.describe(rota) for rota in queries.list_rotas()]
        return told(shapes.RotaRow(rows, many=True).data)

    @extend_schema(
        operation_id="create_on_call_rota", summary="Add an on-call rota", tags=TAGS,
        request=shapes.RotaBody, responses={201: shapes.RotaRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a rota with its people."""
        rota = self.save(read_body(request, shapes.RotaBody))
        return told(self.row(rota.id), HTTPStatus.CREATED)


class RotaDetail(RotaView):
    """One rota."""

    permission = ONE

    @extend_schema(
        operation_id="get_on_call_rota", summary="Read an on-call rota", tags=TAGS,
        responses=shapes.RotaRow,
    )  # fmt: skip
    def get(self, request: Request, rota_id: uuid.UUID) -> Response:
        """Return a rota."""
        return told(self.row(find_row(OnCallRota, rota_id).id))

    @extend_schema(
        operation_id="change_on_call_rota", summary="Change an on-call rota", tags=TAGS,
        request=shapes.RotaBody, responses=shapes.RotaRow,
    )  # fmt: skip
    def put(self, request: Request, rota_id: uuid.UUID) -> Response:
        """Change a rota and all of its people."""
        known = find_row(OnCallRota, rota_id)
        return told(self.row(self.save(read_body(request, shapes.RotaBody), known).id))

    @extend_schema(
        operation_id="remove_on_call_rota", summary="Remove an on-call rota", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, rota_id: uuid.UUID) -> Response:
        """Remove a rota."""
        remove_rota(find_row(OnCallRota, rota_id).id)
        return Response(status=HTTPStatus.NO_CONTENT)


def _save_route(body: dict[str, Any], known: NotificationRoute | None = None) -> NotificationRoute:
    values = {name: shapes.plain(body[name]) for name in _ROUTE}
    values["site"] = find_row(Site, body["site"], "site") if body["site"] else None
    return save_route(values, [_step(step) for step in body["steps"]], route=known)


def _step(body: dict[str, Any]) -> Step:
    if (body["target"] is None) == (body["rota"] is None):
        detail = "Give either target or rota."
        violation = Violation("invalid", detail, pointer_to("steps"))
        raise InvalidRequest(violations=[violation])
    if body["target"]:
        target = find_row(NotificationTarget, body["target"], "steps")
        return Step(body["after_seconds"], target=target)
    return Step(body["after_seconds"], rota=find_row(OnCallRota, body["rota"], "steps"))


def _route_row(route_id: uuid.UUID) -> Any:
    return shapes.RouteRow(describe_route(queries.list_routes().get(id=route_id))).data


def _named(body: dict[str, Any]) -> set[uuid.UUID]:
    return {*body["people"], *(one["person"] for one in body["stand_ins"] if one["person"])}


def _person(people: dict[uuid.UUID, User], person_id: uuid.UUID | None, member: str) -> User | None:
    if person_id is not None and person_id not in people:
        violation = Violation("not_found", "There is no such person.", pointer_to(member))
        raise InvalidRequest(violations=[violation])
    return people[person_id] if person_id else None
