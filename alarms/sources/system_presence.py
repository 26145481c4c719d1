"""Gateways and devices that are not heard any more.

What is offline is decided where presence is kept, under a lock of the row: by a deadline
that passed or by a last will. Here it becomes an alarm within a few seconds, under the same
lock, so that a message that comes at this moment comes before or after.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.tenancy import all_tenants, tenant_scope
from alarms.engine.incidents import DEVICE_OFFLINE, GATEWAY_OFFLINE
from alarms.models import Alarm, Ending
from alarms.services.raising import clear_alarm, raise_alarm
from alarms.sources.findings import Finding, sign_of
from alarms.sources.shipped import Check
from devices.models import Device, Gateway, Lifecycle

MAX_ROWS = 1000
_QUIET_LIVES = (Lifecycle.DECOMMISSIONED, Lifecycle.MAINTENANCE)
_SERVED = Q(tenant__is_active=True, tenant__suspended_at=None)


def watch_gateways(check: Check, *, now: dt.datetime) -> None:
    """Raise and end the alarms of gateways; a gateway that is decommissioned has none."""
    own = Device.objects.filter(gateway_id=OuterRef("id"), uid=OuterRef("uid"))
    gone = Gateway.objects.filter(Exists(own.filter(lifecycle=Lifecycle.DECOMMISSIONED)))
    quiet = own.filter(lifecycle__in=_QUIET_LIVES)
    with all_tenants():
        _end_all("gateway", check, gone.values("id"), now)
        if check.is_enabled:
            rows = Gateway.objects.exclude(Exists(quiet))
            _raise_all(rows, "gateway_id", check, _of_gateway, now)


def watch_devices(check: Check, *, now: dt.datetime) -> None:
    """Raise and end the alarms of devices; a gateway's own device is told of as the gateway."""
    gone = Device.objects.filter(lifecycle=Lifecycle.DECOMMISSIONED)
    own = Gateway.objects.filter(id=OuterRef("gateway_id"), uid=OuterRef("uid"))
    with all_tenants():
        _end_all("device", check, gone.values("id"), now)
        if check.is_enabled:
            rows = Device.objects.exclude(lifecycle__in=_QUIET_LIVES).exclude(Exists(own))
            _raise_all(rows, "device_id", check, _of_device, now)


def _raise_all(
    rows: QuerySet[Any], field: str, check: Check, find: Callable[[Any], Finding], now: dt.datetime
) -> None:
    open_ones = Alarm.objects.filter(**{field: OuterRef("id")}, code=check.code, ending="")
    due = rows.filter(_SERVED, offline_since__isnull=False).exclude(Exists(open_ones))
    for id_ in list(due.order_by("offline_since", "id").values_list("id", flat=True)[:MAX_ROWS]):
        _raise_one(rows.model, id_, check, find, now)


@transaction.atomic
def _raise_one(
    model: Any, id_: Any, check: Check, find: Callable[[Any], Finding], now: dt.datetime
) -> None:
    locked = model.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    thing = locked.filter(id=id_, offline_since__isnull=False).first()
    if thing is None:  # it is back, or somebody tells about it at this moment
        return
    with tenant_scope(thing.tenant_id):
        raise_alarm(sign_of(check, find(thing)), at=thing.offline_since, now=now)


def _of_gateway(gateway: Gateway) -> Finding:
    return Finding(
        gateway.tenant_id, str(gateway.id), gateway.name,
        site_id=gateway.site_id, gateway_id=gateway.id,
    )  # fmt: skip


def _of_device(device: Device) -> Finding:
    return Finding(
        device.tenant_id, str(device.id), device.name, site_id=device.site_id,
        gateway_id=device.gateway_id, device_id=device.id,
    )  # fmt: skip


def _end_all(field: str, check: Check, gone: QuerySet[Any], now: dt.datetime) -> None:
    """End alarms of what is heard again, or is no more.

    The locked row would change nothing here: an alarm that is ended too early is raised
    again in the next round with the time at which the thing really went away.
    """
    back = Q(**{f"{field}__offline_since__isnull": True}) | Q(**{f"{field}__in": gone})
    alarms = Alarm.objects.filter(back, code=check.code, ending="").select_related(field)
    for alarm in alarms.order_by("raised_at", "id")[:MAX_ROWS]:
        thing: Any = getattr(alarm, field)
        is_back = thing is not None and thing.offline_since is None
        seen_at = thing.last_seen_at if is_back and thing.last_seen_at else now
        with tenant_scope(alarm.tenant_id):
            clear_alarm(
                alarm.tenant_id, alarm.key, at=min(seen_at, now), now=now,
                ending=Ending.CLEARED if is_back else Ending.GONE,
            )  # fmt: skip


CODES = {GATEWAY_OFFLINE: watch_gateways, DEVICE_OFFLINE: watch_devices}
