"""Addresses of the pages about Zigbee networks."""

from __future__ import annotations

from django.urls import path

from devices.pages import zigbee, zigbee_pairing

urlpatterns = [
    path("zigbee", zigbee.networks, name="zigbee-networks"),
    path("gateways/<uuid:gateway_id>/zigbee", zigbee.network, name="zigbee"),
    path("gateways/<uuid:gateway_id>/zigbee/state", zigbee.network_state, name="zigbee-state"),
    path("gateways/<uuid:gateway_id>/zigbee/join", zigbee.join, name="zigbee-join"),
    path("gateways/<uuid:gateway_id>/zigbee/share", zigbee.share, name="zigbee-share"),
    path("zigbee/claims/<uuid:zigbee_claim_id>/accept", zigbee.claim_accept, name="zigbee-accept"),
    path("zigbee/claims/<uuid:zigbee_claim_id>/refuse", zigbee.claim_refuse, name="zigbee-refuse"),
    path("zigbee/nodes/<uuid:zigbee_node_id>/rename", zigbee.node_rename, name="zigbee-rename"),
    path("zigbee/nodes/<uuid:zigbee_node_id>/remove", zigbee.node_remove, name="zigbee-remove"),
    path(
        "zigbee/tokens/<uuid:pairing_token_id>/revoke",
        zigbee.share_revoke,
        name="zigbee-share-revoke",
    ),
    path("zigbee/pairing", zigbee_pairing.redeem, name="zigbee-redeem"),
    path("zigbee/pairing/<uuid:grant_id>", zigbee_pairing.pairing, name="zigbee-pairing"),
    path(
        "zigbee/pairing/<uuid:grant_id>/state",
        zigbee_pairing.pairing_state,
        name="zigbee-pairing-state",
    ),
    path(
        "zigbee/pairing/<uuid:grant_id>/join",
        zigbee_pairing.pairing_join,
        name="zigbee-pairing-join",
    ),
    path(
        "zigbee/pairing/<uuid:grant_id>/claims/<uuid:zigbee_claim_id>",
        zigbee_pairing.pairing_decide,
        name="zigbee-pairing-decide",
    ),
]
