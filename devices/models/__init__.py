"""The fleet: sites, gateways, devices, channels and the profiles that describe them."""

from devices.models.channel import Channel, Direction, Kind, Phase
from devices.models.device import Device, Gateway, ReportedStatus
from devices.models.profile import DeviceProfile, ProfileChannel
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from devices.models.site import Site

__all__ = [
    "Channel",
    "Device",
    "DeviceProfile",
    "DeviceTenantPermission",
    "DeviceUserPermission",
    "Direction",
    "Gateway",
    "Kind",
    "Phase",
    "ProfileChannel",
    "ReportedStatus",
    "Site",
    "SiteTenantPermission",
    "SiteUserPermission",
]
