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

from accounts.tenancy import all_tenants
from alarms.engine.incidents import DEVICE_OFFLINE, GATEWAY_OFFLINE
from alarms.models import Alarm, Ending
from alarms.services.clearing_many import clear_alarms
from alarms.services.raising_many import raise_alarms
from alarms.sources.findings import Finding, sign_of
from alarms.sources.shipped import Check
from devices.models import Device, Gateway, Lifecycle

MAX_ROWS = 500  # of each kind in a round; more follow at once
AT_ONCE = 100  # messages of these wait meanwhile
_QUIET_LIVES = (Lifecycle.DECOMMISSIONED, Lifecycle.MAINTENANCE)
_SERVED = Q(tenant__is_active=True, tenant__suspended_at=None)


def watch_gateways(check: Check, *, now: dt.datetime) -> bool:
    """Raise and end the alarms of gateways; a gateway that is decommissioned has none.

    Returns: whether there may be more to do.
    """
    own = Device.objects.filter(gateway_id=OuterRef("id"), uid=OuterRef("uid"))
    gone = Gateway.objects.filter(Exists(own.filter(lifecycle=Lifecycle.DECOMMISSIONED)))
    quiet = own.filter(lifecycle__in=_QUIET_LIVES)
    with all_tenants():
        more = _end_all("gateway", check, gone.values("id"), now)
        if check.is_enabled:
            rows = Gateway.objects.exclude(Exists(quiet))
            more |= _raise_all(rows, "gateway_id", check, _of_gateway, now)
    return more


def watch_devices(check: Check, *, now: dt.datetime) -> bool:
    """Raise and end the alarms of devices; a gateway's own device is told of as the gateway.

    Returns: whether there may be more to do.
    """
    gone = Device.objects.filter(lifecycle=Lifecycle.DECOMMISSIONED)
    own = Gateway.objects.filter(id=OuterRef("gateway_id"), uid=OuterRef("uid"))
    with all_tenants():
        more = _end_all("device", check, gone.values("id"), now)
        if check.is_enabled:
            rows = Device.objects.exclude(lifecycle__in=_QUIET_LIVES).exclude(Exists(own))
            more |= _raise_all(rows, "device_id", check, _of_device, now)
    return more


def _raise_all(
    rows: QuerySet[Any], field: str, check: Check, find: Callable[[Any], Finding], now: dt.datetime
) -> bool:
    open_ones = Alarm.objects.filter(**{field: OuterRef("id")}, code=check.code, ending="")
    due = rows.filter(_SERVED, offline_since__isnull=False).exclude(Exists(open_ones))
    ids = list(due.order_by("offline_since", "id").values_list("id", flat=True)[:MAX_ROWS])
    for first in range(0, len(ids), AT_ONCE):
        _raise_some(rows.model, ids[first : first + AT_ONCE], check, find, now)
    return len(ids) >= MAX_ROWS


@transaction.atomic
def _raise_some(
    model: Any, ids: list[Any], check: Check, find: Callable[[Any], Finding], now: dt.datetime
) -> None:
    """Raise alarms for those that are still away; rows that somebody holds wait for a round."""
    locked = model.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    things = locked.filter(id__in=ids, offline_since__isnull=False).order_by("id")
    raise_alarms([(sign_of(check, find(thing)), thing.offline_since) for thing in things], now=now)


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


def _end_all(field: str, check: Check, gone: QuerySet[Any], now: dt.datetime) -> bool:
    """End alarms of what is heard again, or is no more.

    The locked row would change nothing here: an alarm that is ended too early is raised
    again in the next round with the time at which the thing really went away.
    """
    back = Q(**{f"{field}__offline_since__isnull": True}) | Q(**{f"{field}__in": gone})
    alarms = Alarm.objects.filter(back, code=check.code, ending="").select_related(field)
    some = list(alarms.order_by("key", "id")[:MAX_ROWS])
    ends: dict[Ending, dict[Any, dt.datetime]] = {Ending.CLEARED: {}, Ending.GONE: {}}
    for alarm in some:
        thing: Any = getattr(alarm, field)
        is_back = thing is not None and thing.offline_since is None
        seen_at = thing.last_seen_at if is_back and thing.last_seen_at else now
        ends[Ending.CLEARED if is_back else Ending.GONE][alarm.id] = min(seen_at, now)
    for ending, moments in ends.items():
        clear_alarms(moments, now=now, ending=ending)
    return len(some) >= MAX_ROWS


CODES = {GATEWAY_OFFLINE: watch_gateways, DEVICE_OFFLINE: watch_devices}
