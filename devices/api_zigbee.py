"""Zigbee networks in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import Params, read_body
from accounts.api.write import AccessView
from devices.queries_zigbee import find_bridge, find_gateway, list_nodes, list_open_claims
from devices.serializers_zigbee import (
    AcceptedZigbeeSerializer,
    AcceptZigbeeBody,
    JoinBody,
    PairingTokenBody,
    PairingTokenSerializer,
    RenameZigbeeBody,
    ZigbeeNetworkSerializer,
)
from devices.services.zigbee import (
    accept_claim,
    permit_join,
    refuse_claim,
    remove_node,
    rename_node,
)
from devices.services.zigbee_sharing import create_share_token, revoke_share_token

TAGS = ["zigbee"]


class ZigbeeView(AccessView):
    """Base: what is not there is not found."""

    permission: str | dict[str, str] = "provision:device"
    absent = {"zigbee_gone"}


class ZigbeeNetwork(ZigbeeView):
    """A gateway's network."""

    permission = "read:device"

    @extend_schema(
        operation_id="get_zigbee_network", summary="Read a Zigbee network", tags=TAGS,
        responses=ZigbeeNetworkSerializer,
    )  # fmt: skip
    def get(self, request: Request, gateway_id: uuid.UUID) -> Response:
        """Return a gateway's Zigbee2MQTT, what waits to be accepted, and its devices."""
        gateway = find_gateway(gateway_id)
        if gateway is None:
            raise NotFound
        network = {
            "bridge": find_bridge(gateway),
            "waiting": list_open_claims(gateway, now=self.now),
            "devices": list_nodes(gateway),
        }
        return Response(ZigbeeNetworkSerializer(network).data)


class ZigbeeJoin(ZigbeeView):
    """New devices."""

    @extend_schema(
        operation_id="permit_zigbee_join", summary="Let devices join", tags=TAGS,
        request=JoinBody, responses={202: None},
    )  # fmt: skip
    def post(self, request: Request, gateway_id: uuid.UUID) -> Response:
        """Ask a gateway to let devices join for at most 254 seconds; 0 ends it."""
        seconds = read_body(request, JoinBody)["seconds"]
        permit_join(gateway_id=gateway_id, seconds=seconds, now=self.now)
        return Response(status=HTTPStatus.ACCEPTED)


class ZigbeeClaimAccept(ZigbeeView):
    """Takes a new device in."""

    @extend_schema(
        operation_id="accept_zigbee_device", summary="Accept a Zigbee device", tags=TAGS,
        request=AcceptZigbeeBody, responses={201: AcceptedZigbeeSerializer},
    )  # fmt: skip
    def post(self, request: Request, zigbee_claim_id: uuid.UUID) -> Response:
        """Make a device of a radio, with a channel for everything it measures."""
        body = read_body(request, AcceptZigbeeBody)
        device = accept_claim(claim_id=zigbee_claim_id, name=body["name"], now=self.now)
        return Response(AcceptedZigbeeSerializer(device).data, status=HTTPStatus.CREATED)


class ZigbeeClaimRefuse(ZigbeeView):
    """Sends a new device away."""

    @extend_schema(
        operation_id="refuse_zigbee_device", summary="Refuse a Zigbee device", tags=TAGS,
        request=Params, responses={202: None},
    )  # fmt: skip
    def post(self, request: Request, zigbee_claim_id: uuid.UUID) -> Response:
        """Send a radio out of the network."""
        read_body(request, Params)
        refuse_claim(claim_id=zigbee_claim_id, now=self.now)
        return Response(status=HTTPStatus.ACCEPTED)


class ZigbeeNodeDetail(ZigbeeView):
    """One radio."""

    @extend_schema(
        operation_id="rename_zigbee_device", summary="Rename in Zigbee2MQTT", tags=TAGS,
        request=RenameZigbeeBody, responses={202: None},
    )  # fmt: skip
    def patch(self, request: Request, zigbee_node_id: uuid.UUID) -> Response:
        """Ask Zigbee2MQTT to call a radio differently."""
        body = read_body(request, RenameZigbeeBody)
        rename_node(node_id=zigbee_node_id, name=body["friendly_name"], now=self.now)
        return Response(status=HTTPStatus.ACCEPTED)

    @extend_schema(
        operation_id="remove_zigbee_device", summary="Remove from the network", tags=TAGS,
        responses={202: None},
    )  # fmt: skip
    def delete(self, request: Request, zigbee_node_id: uuid.UUID) -> Response:
        """Send a radio out of the network and its device out of service; history stays."""
        remove_node(node_id=zigbee_node_id, now=self.now)
        return Response(status=HTTPStatus.ACCEPTED)


class PairingTokenList(ZigbeeView):
    """Tokens for others who pair."""

    @extend_schema(
        operation_id="create_pairing_token", summary="Let somebody else pair", tags=TAGS,
        request=PairingTokenBody, responses={201: PairingTokenSerializer},
    )  # fmt: skip
    def post(self, request: Request, gateway_id: uuid.UUID) -> Response:
        """Make a one-time token, good for 24 hours."""
        new = create_share_token(
            gateway_id=gateway_id,
            minutes=read_body(request, PairingTokenBody)["minutes"],
            made_by=self.person,
            now=self.now,
        )
        return Response(PairingTokenSerializer(new).data, status=HTTPStatus.CREATED)


class PairingTokenDetail(ZigbeeView):
    """One token."""

    @extend_schema(
        operation_id="revoke_pairing_token", summary="Revoke a pairing token", tags=TAGS,
        responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, pairing_token_id: uuid.UUID) -> Response:
        """End a token and the pairing that came of it."""
        revoke_share_token(token_id=pairing_token_id, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)
