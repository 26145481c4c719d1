"""Who may command the device of a charge point past the services of charging."""

from __future__ import annotations

from accounts.tenancy import tenant_scope
from charging.models import ChargePoint
from charging.services.control import CONTROL, LIMIT, LOCK, START, UNLOCK
from devices.models import Device
from devices.services.commanders import Commander

# to stop is safe, whoever does it
GUARDED = frozenset({START, LIMIT, LOCK, UNLOCK})


def may_command(actor: Commander, device: Device) -> bool:
    """Tell whether somebody may charge with a device; of one without a charge point, yes."""
    with tenant_scope(device.tenant_id):  # a guest's own scope does not see it
        point = ChargePoint.objects.filter(device_id=device.pk).first()
    return point is None or actor.has_perm(CONTROL, point)
