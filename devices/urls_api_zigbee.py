"""Addresses of Zigbee networks in the API."""

from __future__ import annotations

from django.urls import path

from devices.api_zigbee import (
    PairingTokenDetail,
    PairingTokenList,
    ZigbeeClaimAccept,
    ZigbeeClaimRefuse,
    ZigbeeJoin,
    ZigbeeNetwork,
    ZigbeeNodeDetail,
)

urlpatterns = [
    path("gateways/<uuid:gateway_id>/zigbee", ZigbeeNetwork.as_view(), name="api-zigbee"),
    path(
        "gateways/<uuid:gateway_id>/zigbee/permit-join",
        ZigbeeJoin.as_view(),
        name="api-zigbee-join",
    ),
    path(
        "gateways/<uuid:gateway_id>/zigbee/pairing-tokens",
        PairingTokenList.as_view(),
        name="api-pairing-tokens",
    ),
    path(
        "zigbee/claims/<uuid:zigbee_claim_id>/accept",
        ZigbeeClaimAccept.as_view(),
        name="api-zigbee-accept",
    ),
    path(
        "zigbee/claims/<uuid:zigbee_claim_id>/refuse",
        ZigbeeClaimRefuse.as_view(),
        name="api-zigbee-refuse",
    ),
    path("zigbee/nodes/<uuid:zigbee_node_id>", ZigbeeNodeDetail.as_view(), name="api-zigbee-node"),
    path(
        "zigbee/pairing-tokens/<uuid:pairing_token_id>",
        PairingTokenDetail.as_view(),
        name="api-pairing-token",
    ),
]
