"""Provisioning in the API."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from accounts.api.problems import InvalidRequest, Violation
from accounts.api.write import AccessView
from accounts.limits.policy import network_of
from accounts.services.refusals import Refusal
from devices.api_bootstrap import problem_of
from devices.fleet_csv import UnreadableTable, read_table, write_table
from devices.models import Claim
from devices.queries_claims import find_claim, list_claims, list_nodes, list_ticks, lists_nodes
from devices.serializers_provisioning import (
    AcceptBody,
    ClaimBody,
    ClaimDetailSerializer,
    ClaimListSerializer,
    ClaimSerializer,
    FleetBody,
    FleetSerializer,
    MaintenanceBody,
    NodeBody,
    NodeListSerializer,
    OfferSerializer,
    PolicyBody,
    StateSerializer,
    SwapBody,
    TokenSerializer,
    find_profile,
    find_site,
    find_zone,
)
from devices.services.claims import Placement, cancel_claim, claim_box
from devices.services.fleet_import import export_rows, import_fleet
from devices.services.lifecycle import decommission_device, set_maintenance
from devices.services.nodes import bind_node, set_listing
from devices.services.onboarding import create_token
from devices.services.swap import swap_device
from devices.services.transfer import accept_transfer, offer_transfer, withdraw_transfer
from energy.lib.client_address import client_address

TAGS = ["provisioning"]


class ProvisioningView(AccessView):
    """Base: refusals have the status that fits."""

    permission: str | dict[str, str] = "provision:device"
    absent = {"device_gone", "claim_gone", "transfer_gone"}

    def handle_exception(self, exc: Exception) -> Any:
        """Answer refusals as problems with their code."""
        if isinstance(exc, Refusal) and exc.code not in self.absent:
            exc = problem_of(exc)
        return super().handle_exception(exc)

    @property
    def guesser(self) -> list[str]:
        """Return who tries codes: the person or key, and where from."""
        who = getattr(self.request.user, "key_id", None) or self.request.user.pk
        return [f"person:{who}", f"address:{network_of(client_address(self.request._request))}"]

    def describe(self, claim: Claim) -> dict[str, Any]:
        """Return a claim with its steps."""
        found = find_claim(claim.id) or claim
        ticks = list_ticks(found, now=self.now)
        return dict(ClaimDetailSerializer(found, context={"ticks": ticks}).data)


class ClaimList(ProvisioningView):
    """Claims."""

    @extend_schema(
        operation_id="list_claims", summary="List open claims", tags=TAGS,
        responses=ClaimListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the claims that are under way."""
        return Response({"results": ClaimSerializer(list_claims(), many=True).data})

    @extend_schema(
        operation_id="claim_box", summary="Claim a box", tags=TAGS, request=ClaimBody,
        responses={201: ClaimDetailSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Claim a box by the code that it shows; the same call again returns the same claim."""
        body = read_body(request, ClaimBody)
        claim = claim_box(
            hardware_id=body["hardware_id"],
            code=body["code"],
            placement=_placement(body),
            claimed_by=self.person,
            guesser=self.guesser,
            now=self.now,
        )
        return Response(self.describe(claim), status=201)


class ClaimDetail(ProvisioningView):
    """One claim."""

    @extend_schema(
        operation_id="get_claim", summary="Read a claim", tags=TAGS,
        responses=ClaimDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, claim_id: uuid.UUID) -> Response:
        """Return a claim with the steps to the first reading."""
        claim = find_claim(claim_id)
        if claim is None:
            raise NotFound
        return Response(self.describe(claim))

    @extend_schema(
        operation_id="cancel_claim", summary="Give a claim up", tags=TAGS, responses={204: None}
    )
    def delete(self, request: Request, claim_id: uuid.UUID) -> Response:
        """Give an open claim up; what it made is taken back."""
        cancel_claim(claim_id=claim_id, now=self.now)
        return Response(status=204)


class NodeList(ProvisioningView):
    """Nodes behind the organisation's gateways."""

    @extend_schema(
        operation_id="list_nodes", summary="List unbound nodes", tags=TAGS,
        responses=NodeListSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List nodes that gateways heard, where the organisation lets them be listed."""
        told = {"lists_nodes": lists_nodes(), "results": list_nodes()}
        return Response(NodeListSerializer(told).data)

    @extend_schema(
        operation_id="bind_node", summary="Bind a node", tags=TAGS, request=NodeBody,
        responses={201: ClaimDetailSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Bind a node behind the gateway that heard it; it must report from its place."""
        body = read_body(request, NodeBody)
        claim = bind_node(
            hardware_id=body["hardware_id"],
            zone=_zone(body, None),
            name=body["name"],
            profile=_profile(body),
            claimed_by=self.person,
            now=self.now,
        )
        return Response(self.describe(claim), status=201)


class Policy(ProvisioningView):
    """How new hardware is taken in."""

    @extend_schema(
        operation_id="set_provisioning_policy", summary="List new nodes or not", tags=TAGS,
        request=PolicyBody, responses=PolicyBody,
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Let new nodes be listed by themselves, or not; off by default."""
        body = read_body(request, PolicyBody)
        is_on = body["lists_nodes"]
        set_listing(is_on=is_on, now=self.now, tenant_id=self.acting.tenant_id)
        return Response({"lists_nodes": is_on})


class DeviceToken(ProvisioningView):
    """A device's onboarding token."""

    @extend_schema(
        operation_id="create_onboarding_token", summary="Make an onboarding token", tags=TAGS,
        request=None, responses={201: TokenSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Make a one-time token, good for fifteen minutes; earlier ones end."""
        new = create_token(device_id=device_id, now=self.now)
        return Response(TokenSerializer(new).data, status=201)


class DeviceSwap(ProvisioningView):
    """New hardware for a device."""

    @extend_schema(
        operation_id="swap_device", summary="Swap broken hardware", tags=TAGS, request=SwapBody,
        responses={201: ClaimDetailSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Claim new hardware for a device, which keeps id, channels and history."""
        body = read_body(request, SwapBody)
        claim = swap_device(
            device_id=device_id,
            hardware_id=body["hardware_id"],
            code=body["code"],
            claimed_by=self.person,
            guesser=self.guesser,
            now=self.now,
        )
        return Response(self.describe(claim), status=201)


class DeviceDecommission(ProvisioningView):
    """The end of a device."""

    @extend_schema(
        operation_id="decommission_device", summary="Take a device out of service", tags=TAGS,
        request=None, responses=StateSerializer,
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Revoke all access for good; history stays."""
        device = decommission_device(device_id=device_id, now=self.now)
        return Response(StateSerializer(device).data)


class DeviceMaintenance(ProvisioningView):
    """A device being worked on."""

    permission = "write:device"

    @extend_schema(
        operation_id="set_maintenance", summary="Begin or end maintenance", tags=TAGS,
        request=MaintenanceBody, responses=StateSerializer,
    )  # fmt: skip
    def put(self, request: Request, device_id: uuid.UUID) -> Response:
        """Put a device into maintenance, or back to work."""
        body = read_body(request, MaintenanceBody)
        device = set_maintenance(device_id=device_id, is_on=body["is_on"], now=self.now)
        return Response(StateSerializer(device).data)


class DeviceOffer(ProvisioningView):
    """An offer of a device."""

    @extend_schema(
        operation_id="offer_device", summary="Offer a device to another organisation", tags=TAGS,
        request=None, responses={201: OfferSerializer},
    )  # fmt: skip
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Make a code with which another organisation can take the device, for seven days."""
        offer = offer_transfer(device_id=device_id, offered_by=self.person, now=self.now)
        return Response(OfferSerializer(offer).data, status=201)


class TransferDetail(ProvisioningView):
    """One offer."""

    @extend_schema(
        operation_id="withdraw_transfer", summary="Withdraw an offer", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, transfer_id: uuid.UUID) -> Response:
        """Take an offer back."""
        withdraw_transfer(transfer_id=transfer_id, now=self.now)
        return Response(status=204)


class TransferAccept(ProvisioningView):
    """An offer of another organisation."""

    @extend_schema(
        operation_id="accept_transfer", summary="Accept a device", tags=TAGS, request=AcceptBody,
        responses={201: StateSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Take an offered device; the giver's access ends, and what it measured stays there."""
        body = read_body(request, AcceptBody)
        site = find_site(body["site"])
        if site is None:
            raise _unknown("site")
        device = accept_transfer(
            code=body["code"], site=site, name=body["name"], guesser=self.guesser, now=self.now
        )
        return Response(StateSerializer(device).data, status=201)


class Fleet(ProvisioningView):
    """The fleet as a table."""

    @extend_schema(
        operation_id="export_fleet", summary="Export the fleet", tags=TAGS,
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponse:
        """Return the devices in use as CSV, which is the template of the import."""
        response = HttpResponse(write_table(export_rows()), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="fleet.csv"'
        return response

    @extend_schema(
        operation_id="import_fleet", summary="Import a fleet", tags=TAGS, request=FleetBody,
        responses=FleetSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Register the devices of a table, or only tell what would happen (`dry_run`)."""
        body = read_body(request, FleetBody)
        try:
            rows = read_table(body["table"].encode())
        except UnreadableTable as error:
            violation = Violation(error.code, str(error), "#/table")
            raise InvalidRequest(violations=[violation]) from error
        report = import_fleet(
            rows=rows, tenant_id=self.acting.tenant_id, dry_run=body["dry_run"], now=self.now
        )
        return Response(FleetSerializer(report).data)


def _placement(body: dict[str, Any]) -> Placement:
    site = find_site(body["site"])
    if site is None:
        raise _unknown("site")
    return Placement(site=site, name=body["name"], profile=_profile(body), zone=_zone(body, site))


def _profile(body: dict[str, Any]) -> Any:
    profile = find_profile(body["profile"])
    if profile is None:
        raise _unknown("profile")
    return profile


def _zone(body: dict[str, Any], site: Any) -> Any:
    if body["zone"] is None:
        return None
    zone = find_zone(body["zone"], site)
    if zone is None:
        raise _unknown("zone")
    return zone


def _unknown(name: str) -> InvalidRequest:
    return InvalidRequest(
        violations=[Violation("not_found", f"There is no such {name}.", f"#/{name}")]
    )
