"""What the server does by itself when a device reports danger; and who holds a zone."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Q

from accounts.services.audit import record_event
from devices.models import ActuatorState, Device, Zone, ZoneLease
from devices.services.command_refusals import ZoneHeld
from devices.services.commanders import Requester
from devices.services.emergency_stop import switch_off

GUARD = Requester("system:safety", "safety")


@transaction.atomic
def make_safe(*, device: Device, actuator: str, code: str, now: dt.datetime) -> int:
    """Switch off what an alert is about, or all of the device; return how many commands.

    A message that comes twice switches off once: nothing is sent for what says it is off.
    """
    rows = ActuatorState.objects.filter(device=device).filter(
        Q(is_on=True) | Q(is_commanded_on=True)
    )
    if actuator:
        rows = rows.filter(actuator=actuator)
    return sum(
        switch_off(device=device, actuator=row.actuator, requester=GUARD, key=code, now=now)
        for row in rows.order_by("id")
    )


@transaction.atomic
def take_lease(
    *, zone: Zone, holder: str, until: dt.datetime, now: dt.datetime, label: str = ""
) -> ZoneLease:
    """Let only `holder`, such as "system:recipe-7", switch things on in a zone for a time.

    Raises: ZoneHeld: somebody else has it.
    """
    lease, _is_new = ZoneLease.objects.get_or_create(
        zone=zone, defaults={"holder": holder, "label": label, "until": until}
    )
    lease = ZoneLease.objects.select_for_update().get(id=lease.id)
    if lease.holder != holder and lease.until > now:
        raise ZoneHeld
    lease.holder, lease.label, lease.until = holder, label, until
    lease.save()
    record_event(
        action="zone_lease.taken", now=now, tenant_id=zone.tenant_id, obj=zone,
        detail={"holder": holder, "until": until.isoformat()},
    )  # fmt: skip
    return lease


def end_lease(*, zone: Zone, holder: str) -> bool:
    """Give a zone back; False when `holder` did not have it."""
    return ZoneLease.objects.filter(zone=zone, holder=holder).delete()[0] > 0
