"""Addresses of the fleet in the API, all below /api/v1/."""

from __future__ import annotations

from django.urls import include, path

from devices.api import DeviceDetail, DeviceEvents, DeviceList
from devices.api_batches import BatchCancel, BatchDetail, BatchList, BatchPreview, BatchRetry
from devices.api_bootstrap import BootstrapCredentials, BootstrapHello, BootstrapOnboard
from devices.api_campaigns import (
    CampaignCancel,
    CampaignDetail,
    CampaignList,
    CampaignPause,
    CampaignPreview,
    CampaignResume,
    CampaignTargets,
)
from devices.api_certificates import (
    CertificateList,
    CertificateRenew,
    CertificateRevoke,
    DeviceShutOut,
)
from devices.api_commands import (
    CommandCancel,
    CommandDetail,
    CommandList,
    CommandSecretRenew,
    DeviceCommands,
    DeviceCommandSchema,
    StopList,
    StopRelease,
)
from devices.api_configuration import ConfigurationApi, ConfigurationRevertApi
from devices.api_firmware import (
    FirmwareKeyList,
    FirmwareKeyRevoke,
    PublishedList,
    ReleaseDetail,
    ReleaseList,
    ReleaseWithdraw,
)
from devices.api_fleet import (
    GatewayDetail,
    GatewayList,
    SiteDetail,
    SiteList,
    ZoneDetail,
    ZoneList,
)
from devices.api_live_events import LiveEvents
from devices.api_provisioning import (
    ClaimDetail,
    ClaimList,
    DeviceDecommission,
    DeviceMaintenance,
    DeviceOffer,
    DeviceSwap,
    DeviceToken,
    Fleet,
    NodeList,
    Policy,
    TransferAccept,
    TransferDetail,
)
from devices.api_shares import ShareDetail, ShareList
from devices.api_wires import DeviceWire

urlpatterns = [
    path("shares", ShareList.as_view(), name="api-share-list"),
    path("shares/<uuid:share_id>", ShareDetail.as_view(), name="api-share-detail"),
    path("devices", DeviceList.as_view(), name="api-device-list"),
    path("devices/<uuid:device_id>", DeviceDetail.as_view(), name="api-device-detail"),
    path("devices/<uuid:device_id>/events", DeviceEvents.as_view(), name="api-device-events"),
    path("devices/<uuid:device_id>/wire", DeviceWire.as_view(), name="api-device-wire"),
    path("events", LiveEvents.as_view(), name="api-event-list"),
    path("sites", SiteList.as_view(), name="api-site-list"),
    path("sites/<uuid:site_id>", SiteDetail.as_view(), name="api-site-detail"),
    path("zones", ZoneList.as_view(), name="api-zone-list"),
    path("zones/<uuid:zone_id>", ZoneDetail.as_view(), name="api-zone-detail"),
    path("gateways", GatewayList.as_view(), name="api-gateway-list"),
    path("gateways/<uuid:gateway_id>", GatewayDetail.as_view(), name="api-gateway-detail"),
    path(
        "devices/<uuid:device_id>/certificates",
        CertificateList.as_view(),
        name="api-certificate-list",
    ),
    path(
        "devices/<uuid:device_id>/certificates/<str:serial>/renew",
        CertificateRenew.as_view(),
        name="api-certificate-renew",
    ),
    path(
        "devices/<uuid:device_id>/certificates/<str:serial>/revoke",
        CertificateRevoke.as_view(),
        name="api-certificate-revoke",
    ),
    path(
        "devices/<uuid:device_id>/shut-out",
        DeviceShutOut.as_view(),
        name="api-device-shut-out",
    ),
    path(
        "devices/<uuid:device_id>/configuration",
        ConfigurationApi.as_view(),
        name="api-device-configuration",
    ),
    path(
        "devices/<uuid:device_id>/configuration/revert",
        ConfigurationRevertApi.as_view(),
        name="api-device-configuration-revert",
    ),
    path("bootstrap/hello", BootstrapHello.as_view(), name="api-bootstrap-hello"),
    path("bootstrap/credentials", BootstrapCredentials.as_view(), name="api-bootstrap-credentials"),
    path("bootstrap/onboard", BootstrapOnboard.as_view(), name="api-bootstrap-onboard"),
    path("provisioning/claims", ClaimList.as_view(), name="api-claim-list"),
    path("provisioning/claims/<uuid:claim_id>", ClaimDetail.as_view(), name="api-claim-detail"),
    path("provisioning/nodes", NodeList.as_view(), name="api-node-list"),
    path("provisioning/policy", Policy.as_view(), name="api-provisioning-policy"),
    path("provisioning/fleet", Fleet.as_view(), name="api-fleet"),
    path("provisioning/transfers/accept", TransferAccept.as_view(), name="api-transfer-accept"),
    path(
        "provisioning/transfers/<uuid:transfer_id>",
        TransferDetail.as_view(),
        name="api-transfer-detail",
    ),
    path(
        "devices/<uuid:device_id>/onboarding-token", DeviceToken.as_view(), name="api-device-token"
    ),
    path("devices/<uuid:device_id>/swap", DeviceSwap.as_view(), name="api-device-swap"),
    path(
        "devices/<uuid:device_id>/decommission",
        DeviceDecommission.as_view(),
        name="api-device-decommission",
    ),
    path(
        "devices/<uuid:device_id>/maintenance",
        DeviceMaintenance.as_view(),
        name="api-device-maintenance",
    ),
    path("devices/<uuid:device_id>/transfer", DeviceOffer.as_view(), name="api-device-transfer"),
    path("devices/<uuid:device_id>/commands", DeviceCommands.as_view(), name="api-device-commands"),
    path(
        "devices/<uuid:device_id>/commands/offered",
        DeviceCommandSchema.as_view(),
        name="api-device-offered-commands",
    ),
    path(
        "devices/<uuid:device_id>/command-secret",
        CommandSecretRenew.as_view(),
        name="api-command-secret",
    ),
    path("commands", CommandList.as_view(), name="api-command-list"),
    path("commands/<uuid:command_id>", CommandDetail.as_view(), name="api-command-detail"),
    path("commands/<uuid:command_id>/cancel", CommandCancel.as_view(), name="api-command-cancel"),
    path("batches", BatchList.as_view(), name="api-batch-list"),
    path("batches/preview", BatchPreview.as_view(), name="api-batch-preview"),
    path("batches/<uuid:batch_id>", BatchDetail.as_view(), name="api-batch-detail"),
    path("batches/<uuid:batch_id>/cancel", BatchCancel.as_view(), name="api-batch-cancel"),
    path("batches/<uuid:batch_id>/retry", BatchRetry.as_view(), name="api-batch-retry"),
    path("emergency-stops", StopList.as_view(), name="api-stop-list"),
    path("emergency-stops/<uuid:stop_id>/release", StopRelease.as_view(), name="api-stop-release"),
    path("firmware/releases", ReleaseList.as_view(), name="api-firmware-list"),
    path(
        "firmware/releases/<uuid:release_id>", ReleaseDetail.as_view(), name="api-firmware-detail"
    ),
    path(
        "firmware/releases/<uuid:release_id>/withdraw",
        ReleaseWithdraw.as_view(),
        name="api-firmware-withdraw",
    ),
    path("firmware/published", PublishedList.as_view(), name="api-firmware-published"),
    path("firmware/keys", FirmwareKeyList.as_view(), name="api-firmware-key-list"),
    path(
        "firmware/keys/<uuid:vendor_key_id>/revoke",
        FirmwareKeyRevoke.as_view(),
        name="api-firmware-key-revoke",
    ),
    path("campaigns", CampaignList.as_view(), name="api-campaign-list"),
    path("campaigns/preview", CampaignPreview.as_view(), name="api-campaign-preview"),
    path("campaigns/<uuid:campaign_id>", CampaignDetail.as_view(), name="api-campaign-detail"),
    path(
        "campaigns/<uuid:campaign_id>/targets",
        CampaignTargets.as_view(),
        name="api-campaign-targets",
    ),
    path("campaigns/<uuid:campaign_id>/pause", CampaignPause.as_view(), name="api-campaign-pause"),
    path(
        "campaigns/<uuid:campaign_id>/resume", CampaignResume.as_view(), name="api-campaign-resume"
    ),
    path(
        "campaigns/<uuid:campaign_id>/cancel", CampaignCancel.as_view(), name="api-campaign-cancel"
    ),
    path("", include("devices.urls_api_zigbee")),
]
