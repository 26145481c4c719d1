"""Whose changes are kept; what boxes report about themselves is no change by people."""

from __future__ import annotations

from accounts.models.history import keep_history
from devices.models.channel import Channel
from devices.models.claim import ProvisioningPolicy
from devices.models.device import Device, Gateway, PresenceFields
from devices.models.profile import DeviceProfile, ProfileChannel
from devices.models.safety import Interlock
from devices.models.share import (
    DeviceTenantPermission,
    DeviceUserPermission,
    SiteTenantPermission,
    SiteUserPermission,
)
from devices.models.site import Site, Zone
from devices.models.wire import ModbusBus, ModbusUnit, SeenOnWire, SerialLine

_REPORTED = (*(field.name for field in PresenceFields._meta.local_fields), "firmware_version")
_SEEN = tuple(field.name for field in SeenOnWire._meta.local_fields)

for _model in (
    Site,
    Zone,
    Channel,
    DeviceProfile,
    ProfileChannel,
    ProvisioningPolicy,
    Interlock,
    DeviceUserPermission,
    DeviceTenantPermission,
    SiteUserPermission,
    SiteTenantPermission,
):
    keep_history(_model)
keep_history(Gateway, ignore=_REPORTED)
keep_history(Device, ignore=_REPORTED)
keep_history(ModbusBus, ignore=_SEEN)
keep_history(ModbusUnit, ignore=(*_SEEN, "identity"))
keep_history(SerialLine, ignore=(*_SEEN, "firmware"))
