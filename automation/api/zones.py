"""Zones in the API: who decides in them, what acts, and the recipe that they follow."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Problem, Violation
from accounts.api.write import AccessView
from automation.api.zone_serializers import (
    ControlledZoneDetailSerializer,
    ControlledZonesSerializer,
    ZoneModeBody,
    ZoneRecipeBody,
    ZoneSetupBody,
    describe_detail,
    describe_zone,
)
from automation.models import Recipe
from automation.queries.recipes import find_recipe
from automation.queries.zone_setup import setup_of, version_of
from automation.queries.zones import find_zone, list_zones, phases_of_zone
from automation.services.zone_recipes import go_to_phase, renew_recipe, start_recipe, stop_recipe
from automation.services.zone_refusals import ZoneRefused
from automation.services.zones import configure_zone, set_zone_mode
from devices.api_fleet import IF_MATCH
from devices.models import Zone
from devices.services.commands import MayNotControl

TAGS = ["zones and recipes"]
READ = {"GET": "read:automation", "HEAD": "read:automation"}
_STATUS = {
    "version_moved": HTTPStatus.PRECONDITION_FAILED,
    "not_running": HTTPStatus.CONFLICT,
    "recipe_gone": HTTPStatus.CONFLICT,
    "name_taken": HTTPStatus.CONFLICT,
}


class ZoneView(AccessView):
    """Base: refusals point to the member of the body that is at fault."""

    def handle_exception(self, exc: Exception) -> Any:
        """Turn a refusal into a problem."""
        if isinstance(exc, ZoneRefused):
            exc = _problem(exc)
        elif isinstance(exc, Zone.DoesNotExist | Recipe.DoesNotExist):
            exc = NotFound()
        elif isinstance(exc, MayNotControl):
            exc = PermissionDenied()
        return super().handle_exception(exc)

    @property
    def seen(self) -> str:
        """Return what If-Match says; "" when the caller does not care."""
        text = self.request.headers.get("If-Match", "").strip()
        if text in {"", "*"}:
            return ""
        return text.strip('"') if text.startswith('"') else "-"

    def answer(self, zone_id: uuid.UUID) -> Response:
        """Return a zone with the ETag that If-Match takes: that of its set-up."""
        row = find_zone(zone_id, now=timezone.now())
        found = describe_detail(row, phases_of_zone(row.control))
        etag = f'"{version_of(setup_of(row.control))}"'
        return Response(found, headers={"ETag": etag, "Cache-Control": "no-store"})


class ZoneList(ZoneView):
    """The zones of the organisation."""

    permission = READ

    @extend_schema(
        operation_id="list_controlled_zones", summary="List zones and how they are controlled",
        tags=TAGS, responses=ControlledZonesSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by site and name, with targets, values and what acts."""
        return Response({"results": [describe_zone(row) for row in list_zones(now=self.now)]})


class ZoneDetail(ZoneView):
    """One zone."""

    permission = {**READ, "PUT": "write:automation"}

    @extend_schema(
        operation_id="get_controlled_zone", summary="Read how a zone is controlled", tags=TAGS,
        responses=ControlledZoneDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Return it with its set-up."""
        return self.answer(zone_id)

    @extend_schema(
        operation_id="configure_zone", summary="Set a zone up", tags=TAGS,
        request=ZoneSetupBody, responses=ControlledZoneDetailSerializer, parameters=[IF_MATCH],
    )  # fmt: skip
    def put(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Replace its roles and controllers; needs `control:device` on the devices as well."""
        body = read_body(request, ZoneSetupBody)
        zone = Zone.objects.select_related("site").get(id=zone_id)
        configure_zone(actor=request.user, zone=zone, document=body, seen=self.seen, now=self.now)
        return self.answer(zone_id)


class ZoneMode(ZoneView):
    """Who decides in a zone."""

    permission = {"POST": "control:device"}

    @extend_schema(
        operation_id="set_zone_mode", summary="Set the control mode of a zone", tags=TAGS,
        request=ZoneModeBody, responses=ControlledZoneDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Let rules and controllers act (auto), propose (semi), or nothing act (manual)."""
        body = read_body(request, ZoneModeBody)
        zone = Zone.objects.select_related("site").get(id=zone_id)
        set_zone_mode(actor=request.user, zone=zone, now=self.now, **body)
        return self.answer(zone_id)


class ZoneRecipe(ZoneView):
    """The recipe of a zone."""

    permission = {"POST": "control:device"}

    @extend_schema(
        operation_id="lead_zone_recipe", summary="Start, lead or stop a recipe in a zone",
        tags=TAGS, request=ZoneRecipeBody, responses=ControlledZoneDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Start a recipe, go to a phase, take over its newest revision, or stop it."""
        body = read_body(request, ZoneRecipeBody)
        zone = Zone.objects.select_related("site").get(id=zone_id)
        lead_recipe(request.user, zone, body, self.now)
        return self.answer(zone_id)


def lead_recipe(actor: Any, zone: Zone, body: dict[str, Any], now: Any) -> None:
    """Do what a body asks for. Raises: ZoneRefused. MayNotControl. Recipe.DoesNotExist."""
    match body["do"]:
        case "start":
            if body["recipe"] is None:
                raise InvalidRequest(
                    violations=[Violation("required", "Name a recipe.", "#/recipe")]
                )
            recipe = find_recipe(body["recipe"])
            start_recipe(actor=actor, zone=zone, recipe=recipe, phase=body["phase"] or 0, now=now)
        case "stop":
            stop_recipe(actor=actor, zone=zone, now=now)
        case "renew":
            renew_recipe(actor=actor, zone=zone, now=now)
        case "go":
            go_to_phase(actor=actor, zone=zone, phase=body["phase"] or 0, now=now)
        case _:
            go_to_phase(actor=actor, zone=zone, now=now)


def _problem(refusal: ZoneRefused) -> Problem:
    parts = refusal.field.replace("[", ".").replace("]", "").replace(".", "/")
    problem = InvalidRequest(
        str(refusal),
        violations=[Violation(refusal.code, str(refusal), f"#/{parts}" if parts else "")],
    )
    problem.status_code = _STATUS.get(refusal.code, problem.status_code)
    problem.default_code = refusal.code
    return problem
