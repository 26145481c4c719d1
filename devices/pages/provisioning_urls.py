"""Addresses of provisioning, all below /provisioning/."""

from __future__ import annotations

from django.urls import path

from devices.pages import provisioning, provisioning_devices

urlpatterns = [
    path("", provisioning.overview, name="provisioning"),
    path("claim", provisioning.claim, name="provisioning-claim"),
    path("claim/place", provisioning.claim_place, name="provisioning-claim-place"),
    path("claims/<uuid:claim_id>", provisioning.progress, name="provisioning-claim-progress"),
    path(
        "claims/<uuid:claim_id>/steps",
        provisioning.progress_steps,
        name="provisioning-claim-steps",
    ),
    path(
        "claims/<uuid:claim_id>/cancel",
        provisioning.progress_cancel,
        name="provisioning-claim-cancel",
    ),
    path("node", provisioning.node, name="provisioning-node"),
    path("policy", provisioning.policy, name="provisioning-policy"),
    path("devices/new", provisioning_devices.register, name="provisioning-register"),
    path("devices/<uuid:device_id>/token", provisioning_devices.token, name="provisioning-token"),
    path("devices/<uuid:device_id>/label", provisioning_devices.label, name="provisioning-label"),
    path("devices/<uuid:device_id>/swap", provisioning_devices.swap, name="provisioning-swap"),
    path(
        "devices/<uuid:device_id>/transfer",
        provisioning_devices.transfer,
        name="provisioning-transfer",
    ),
    path(
        "devices/<uuid:device_id>/decommission",
        provisioning_devices.decommission,
        name="provisioning-decommission",
    ),
    path(
        "transfers/<uuid:transfer_id>/withdraw",
        provisioning_devices.transfer_withdraw,
        name="provisioning-transfer-withdraw",
    ),
    path(
        "transfers/accept",
        provisioning_devices.transfer_accept,
        name="provisioning-transfer-accept",
    ),
    path("fleet", provisioning_devices.fleet, name="provisioning-fleet"),
    path("fleet.csv", provisioning_devices.fleet_export, name="provisioning-fleet-export"),
]
