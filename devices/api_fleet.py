"""Sites, zones and gateways in the API, and what endpoints of the fleet have in common."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Problem, Violation, pointer_to
from accounts.api.views import FormatNegotiation
from accounts.api.write import AccessView
from devices.models import Gateway, Site, Zone
from devices.serializers_fleet import (
    GatewayBody,
    GatewayListParams,
    GatewayPatch,
    GatewayRow,
    NamedListParams,
    SiteBody,
    SiteListParams,
    SitePatch,
    SiteRow,
    ZoneBody,
    ZonePatch,
    ZoneRow,
)
from devices.services.fleet_additions import add_gateway, add_site, add_zone
from devices.services.fleet_edits import (
    VersionMoved,
    change_gateway,
    change_site,
    change_zone,
    delete_site,
    delete_zone,
    remove_gateway,
    version_of,
)

IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag that was read: what has changed since is not overwritten (412).",
)
_NEVER = "-"  # no row has this version


class Moved(Problem):
    """Somebody else was faster."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_code = "version_moved"


class FleetView(AccessView, GenericAPIView):
    """Base of endpoints about parts of the fleet: ETags, and refusals as problems.

    Guests read where `is_open_to_guests` says so, and never write.
    """

    content_negotiation_class = FormatNegotiation
    absent = frozenset({"gone", "device_gone"})  # type: ignore[assignment]
    orderings: dict[str, Any] = {"name": "name", "created_at": "created_at"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks."""
        super().initial(request, *args, **kwargs)
        if self.acting.kind == "guest" and request.method not in SAFE_METHODS:
            raise PermissionDenied

    def handle_exception(self, exc: Exception) -> Any:
        """Answer 412 for an old version, and name the fields that the database refused."""
        if isinstance(exc, VersionMoved):
            exc = Moved(str(exc))
        elif isinstance(exc, ValidationError):
            exc = _invalid(exc)
        return super().handle_exception(exc)

    @property
    def seen(self) -> str:
        """Return the version of If-Match; "" when the caller does not care."""
        text = self.request.headers.get("If-Match", "").strip()
        if text in {"", "*"}:
            return ""
        return text.strip('"') if text.startswith('"') else _NEVER

    def answer(self, row: Any, serializer: Any, *, status: int = 200) -> Response:
        """Return a row with the ETag that If-Match takes.

        It is the version of what people edit; presence changes without it, so it is no
        validator of a cache.
        """
        headers = {"ETag": f'"{version_of(row)}"', "Cache-Control": "no-store"}
        return Response(serializer.data, status=status, headers=headers)

    def created(self, row: Any, serializer: Any, name: str) -> Response:
        """Return a new row with its address."""
        response = self.answer(row, serializer, status=HTTPStatus.CREATED)
        response["Location"] = reverse(name, args=[row.pk])
        return response

    def page(self, rows: QuerySet[Any], serializer: Any) -> Response:
        """Return one page of a list."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(found, many=True).data)


def find_row(model: Any, row_id: uuid.UUID | None, member: str = "") -> Any:
    """Return a row of the organisation: 404, or the member of the body that names no row."""
    row = model.objects.filter(pk=row_id).first() if row_id else None
    if row is None and member:
        problem = Violation("not_found", "There is no such object.", pointer_to(member))
        raise InvalidRequest(violations=[problem])
    if row is None:
        raise Http404
    return row


def _invalid(error: ValidationError) -> InvalidRequest:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return InvalidRequest(
        violations=[
            Violation("invalid", text, pointer_to(name) if name else "")
            for name, texts in by_field.items()
            for text in texts
        ]
    )


class SiteList(FleetView):
    """The places of the organisation."""

    permission = {"GET": "read:site", "HEAD": "read:site", "POST": "write:site"}
    params_class = SiteListParams
    serializer_class = SiteRow
    queryset = Site.objects.none()

    @extend_schema(
        operation_id="list_sites", summary="List sites", tags=["fleet"],
        responses=SiteRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the sites."""
        rows = Site.objects.filter(name__icontains=self.params["q"])
        return self.page(rows, SiteRow)

    @extend_schema(
        operation_id="create_site", summary="Add a site", tags=["fleet"],
        request=SiteBody, responses={201: SiteRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a site."""
        body = read_body(request, SiteBody)
        site = add_site(tenant_id=self.acting.tenant_id, fields=body, now=self.now)
        return self.created(site, SiteRow(site), "api-site-detail")


class SiteDetail(FleetView):
    """One place."""

    permission = {
        "GET": "read:site", "HEAD": "read:site", "PATCH": "write:site", "DELETE": "delete:site",
    }  # fmt: skip
    serializer_class = SiteRow
    queryset = Site.objects.none()

    @extend_schema(
        operation_id="get_site", summary="Read a site", tags=["fleet"], responses=SiteRow
    )
    def get(self, request: Request, site_id: uuid.UUID) -> Response:
        """Return a site."""
        site = find_row(Site, site_id)
        return self.answer(site, SiteRow(site))

    @extend_schema(
        operation_id="change_site", summary="Change a site", tags=["fleet"],
        request=SitePatch, responses=SiteRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, site_id: uuid.UUID) -> Response:
        """Change what the body names."""
        body = read_body(request, SitePatch)
        site = change_site(site_id=site_id, changes=body, now=self.now, seen=self.seen)
        return self.answer(site, SiteRow(site))

    @extend_schema(
        operation_id="delete_site", summary="Delete a site", tags=["fleet"],
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, site_id: uuid.UUID) -> Response:
        """Delete a site without devices; `in_use` otherwise."""
        self.check_sudo(is_open_to_keys=True)
        delete_site(site_id=site_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)


class ZoneList(FleetView):
    """Parts of sites that are controlled as one."""

    permission = {"GET": "read:site", "HEAD": "read:site", "POST": "write:site"}
    params_class = NamedListParams
    serializer_class = ZoneRow
    queryset = Zone.objects.none()

    @extend_schema(
        operation_id="list_zones", summary="List zones", tags=["fleet"],
        responses=ZoneRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the zones, of one site or of all."""
        rows = Zone.objects.filter(name__icontains=self.params["q"])
        site_id = self.params.get("site")
        return self.page(rows.filter(site_id=site_id) if site_id else rows, ZoneRow)

    @extend_schema(
        operation_id="create_zone", summary="Add a zone", tags=["fleet"],
        request=ZoneBody, responses={201: ZoneRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Add a zone to a site."""
        body = read_body(request, ZoneBody)
        site = find_row(Site, body.pop("site"), "site")
        zone = add_zone(site=site, fields=body, now=self.now)
        return self.created(zone, ZoneRow(zone), "api-zone-detail")


class ZoneDetail(FleetView):
    """One zone."""

    permission = SiteDetail.permission
    serializer_class = ZoneRow
    queryset = Zone.objects.none()

    @extend_schema(
        operation_id="get_zone", summary="Read a zone", tags=["fleet"], responses=ZoneRow
    )
    def get(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Return a zone."""
        zone = find_row(Zone, zone_id)
        return self.answer(zone, ZoneRow(zone))

    @extend_schema(
        operation_id="change_zone", summary="Change a zone", tags=["fleet"],
        request=ZonePatch, responses=ZoneRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Change what the body names; a zone stays at its site."""
        body = read_body(request, ZonePatch)
        zone = change_zone(zone_id=zone_id, changes=body, now=self.now, seen=self.seen)
        return self.answer(zone, ZoneRow(zone))

    @extend_schema(
        operation_id="delete_zone", summary="Delete a zone", tags=["fleet"],
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, zone_id: uuid.UUID) -> Response:
        """Delete a zone; its devices stay at the site."""
        self.check_sudo(is_open_to_keys=True)
        delete_zone(zone_id=zone_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)


class GatewayList(FleetView):
    """The boxes that speak for devices."""

    permission = {"GET": "read:gateway", "HEAD": "read:gateway", "POST": "write:gateway"}
    params_class = GatewayListParams
    serializer_class = GatewayRow
    queryset = Gateway.objects.none()

    @extend_schema(
        operation_id="list_gateways", summary="List gateways", tags=["fleet"],
        responses=GatewayRow(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the gateways, of one site or of all."""
        rows = Gateway.objects.filter(name__icontains=self.params["q"])
        site_id = self.params.get("site")
        return self.page(rows.filter(site_id=site_id) if site_id else rows, GatewayRow)

    @extend_schema(
        operation_id="create_gateway", summary="Register a gateway", tags=["fleet"],
        request=GatewayBody, responses={201: GatewayRow},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Register a gateway with the device of its own readings; it has no access yet."""
        body = read_body(request, GatewayBody)
        site = find_row(Site, body["site"], "site")
        gateway = add_gateway(site=site, uid=body["uid"], name=body["name"], now=self.now)
        return self.created(gateway, GatewayRow(gateway), "api-gateway-detail")


class GatewayDetail(FleetView):
    """One gateway."""

    permission = {
        "GET": "read:gateway", "HEAD": "read:gateway", "PATCH": "write:gateway",
        "DELETE": "delete:gateway",
    }  # fmt: skip
    serializer_class = GatewayRow
    queryset = Gateway.objects.none()

    @extend_schema(
        operation_id="get_gateway", summary="Read a gateway", tags=["fleet"], responses=GatewayRow
    )
    def get(self, request: Request, gateway_id: uuid.UUID) -> Response:
        """Return a gateway."""
        gateway = find_row(Gateway, gateway_id)
        return self.answer(gateway, GatewayRow(gateway))

    @extend_schema(
        operation_id="change_gateway", summary="Rename a gateway", tags=["fleet"],
        request=GatewayPatch, responses=GatewayRow, parameters=[IF_MATCH],
    )  # fmt: skip
    def patch(self, request: Request, gateway_id: uuid.UUID) -> Response:
        """Rename a gateway; its identifier and its site stay."""
        body = read_body(request, GatewayPatch)
        gateway = change_gateway(gateway_id=gateway_id, changes=body, now=self.now, seen=self.seen)
        return self.answer(gateway, GatewayRow(gateway))

    @extend_schema(
        operation_id="delete_gateway", summary="Delete a gateway", tags=["fleet"],
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, gateway_id: uuid.UUID) -> Response:
        """Delete a gateway, the devices behind it, and all that they measured."""
        self.check_sudo(is_open_to_keys=True)
        remove_gateway(gateway_id=gateway_id, now=self.now, seen=self.seen)
        return Response(status=HTTPStatus.NO_CONTENT)
