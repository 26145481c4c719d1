"""Boxes that wait for somebody, with codes that the examples of bodies know."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from accounts.tenancy import tenant_scope
from devices.claim_codes import hash_code
from devices.models import DeviceTransfer, PendingDevice
from tests.factories import DeviceFactory, SiteFactory, TenantFactory

if TYPE_CHECKING:
    from tests.isolation.world import World

CODE = "Q7XKM2PWZ4RTVB9HYD3GNC5FJA"


def add_boxes(world: World, now: dt.datetime) -> None:
    """Save a box with a code, a node that the world's gateway heard, and an offer to the world."""
    for kind, gateway in (("box", ""), ("node", f"{world.word}-gw")):
        PendingDevice.objects.create(
            hardware_id=f"{world.word}-{kind}", spelling=f"{world.word}-{kind}",
            gateway_uid=gateway, code_hash=hash_code(CODE), tries_left=5,
            code_expires_at=now + dt.timedelta(days=1), first_heard_at=now, last_heard_at=now,
        )  # fmt: skip
    giver = TenantFactory(name=f"{world.title} giver")
    device = DeviceFactory(site=SiteFactory(tenant=giver), gateway=None, name=f"{world.title} gift")
    with tenant_scope(giver.id):
        offer = DeviceTransfer.objects.create(
            device=device, code_hash=hash_code(CODE), expires_at=now + dt.timedelta(days=7)
        )
    world.offer = f"{offer.id.hex}.{CODE}"
