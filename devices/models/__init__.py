"""The fleet: sites, gateways, devices, channels and the profiles that describe them."""

from devices.models import history  # noqa: F401 (adds its tables)
from devices.models.campaign import (
    ACTIVE_STATES,
    OPEN_STATES,
    Campaign,
    CampaignKind,
    CampaignState,
    CampaignTarget,
    TargetState,
)
from devices.models.certificate import (
    BrokerChange,
    CertificateAuthority,
    DeviceCertificate,
    RevocationReason,
    RevokedCertificate,
    ShutOut,
)
from devices.models.channel import Channel, Direction, Kind, Phase
from devices.models.claim import (
    Claim,
    ClaimState,
    DeviceTransfer,
    OnboardingToken,
    PendingDevice,
    ProvisioningPolicy,
    TransferState,
)
from devices.models.command import Command, CommandBatch, CommandBatchItem, CommandSecret
from devices.models.configuration import (
    ConfigurationState,
    DeviceConfiguration,
    ReportedConfiguration,
)
from devices.models.device import Device, Gateway, Lifecycle, ReportedStatus
from devices.models.event import DeviceEvent, Severity
from devices.models.firmware import (
    FirmwareKey,
    FirmwareRelease,
    FirmwareSigner,
    PublishedRelease,
)
from devices.models.live_event import LiveEvent
from devices.models.outbox import OutboundMessage, Wire
from devices.models.profile import ClockPolicy, DeviceProfile, Dialect, ImageFormat, ProfileChannel
from devices.models.safety import ActuatorState, EmergencyStop, Interlock, ZoneLease
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from devices.models.site import Site, Zone
from devices.models.wire import (
    ModbusBus,
    ModbusUnit,
    Parity,
    PortLease,
    SerialLine,
    WireState,
)
from devices.models.zigbee import (
    GatewayShareToken,
    InterviewState,
    PendingZigbeeClaim,
    PowerSource,
    ZigbeeBridge,
    ZigbeeClaimState,
    ZigbeeNode,
)

__all__ = [
    "ACTIVE_STATES",
    "OPEN_STATES",
    "ActuatorState",
    "BrokerChange",
    "Campaign",
    "CampaignKind",
    "CampaignState",
    "CampaignTarget",
    "CertificateAuthority",
    "Channel",
    "Claim",
    "ClaimState",
    "ClockPolicy",
    "Command",
    "CommandBatch",
    "CommandBatchItem",
    "CommandSecret",
    "ConfigurationState",
    "Device",
    "DeviceCertificate",
    "DeviceConfiguration",
    "DeviceEvent",
    "DeviceProfile",
    "DeviceTenantPermission",
    "DeviceTransfer",
    "DeviceUserPermission",
    "Dialect",
    "Direction",
    "EmergencyStop",
    "FirmwareKey",
    "FirmwareRelease",
    "FirmwareSigner",
    "Gateway",
    "ImageFormat",
    "GatewayShareToken",
    "Interlock",
    "InterviewState",
    "Kind",
    "Lifecycle",
    "OnboardingToken",
    "LiveEvent",
    "ModbusBus",
    "ModbusUnit",
    "OutboundMessage",
    "Parity",
    "PendingDevice",
    "PendingZigbeeClaim",
    "Phase",
    "PortLease",
    "PowerSource",
    "ProfileChannel",
    "ProvisioningPolicy",
    "PublishedRelease",
    "ReportedConfiguration",
    "ReportedStatus",
    "RevocationReason",
    "RevokedCertificate",
    "SerialLine",
    "ShutOut",
    "Severity",
    "Site",
    "SiteTenantPermission",
    "SiteUserPermission",
    "TargetState",
    "TransferState",
    "Wire",
    "WireState",
    "ZigbeeBridge",
    "ZigbeeClaimState",
    "ZigbeeNode",
    "Zone",
    "ZoneLease",
]
