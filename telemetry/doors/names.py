"""From the names in a request to devices that the caller may write to."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from devices.models import Device, Lifecycle
from telemetry.doors.given import DeviceName


@dataclass(frozen=True, slots=True)
class Target:
    """A device, or why there is none: (code, detail)."""

    device_id: uuid.UUID | None = None
    tenant_id: uuid.UUID | None = None
    error: tuple[str, str] | None = None


def find_targets(names: Collection[DeviceName]) -> dict[DeviceName, Target]:
    """Return a target for each name, with one query in the scope of the caller.

    An identifier without a gateway means the device of its own connection; without one, the
    only device of that identifier behind any gateway.
    """
    if not names:
        return {}
    ids = {name.id for name in names if name.id}
    uids = {name.uid for name in names if name.uid}
    rows = Device.objects.filter(Q(id__in=ids) | Q(uid__in=uids)).values_list(
        "id", "tenant_id", "uid", "gateway__uid", "lifecycle"
    )
    by_id: dict[uuid.UUID, Target] = {}
    by_uid: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for device_id, tenant_id, uid, gateway, lifecycle in rows.order_by("id"):
        target = Target(device_id, tenant_id)
        if lifecycle == Lifecycle.DECOMMISSIONED:
            target = Target(error=("device_decommissioned", f"{uid} is decommissioned."))
        by_id[device_id] = target
        by_uid[gateway or "", uid].append(target)
        if gateway:
            by_uid["*", uid].append(target)
    return {name: _choose(name, by_id, by_uid) for name in names}


def _choose(
    name: DeviceName,
    by_id: dict[uuid.UUID, Target],
    by_uid: dict[tuple[str, str], list[Target]],
) -> Target:
    if name.id:
        found = [by_id[name.id]] if name.id in by_id else []
    else:
        found = by_uid.get((name.gateway, name.uid), [])
        if not found and not name.gateway:
            found = by_uid.get(("*", name.uid), [])
    if len(found) == 1:
        return found[0]
    shown = str(name)[:80]
    if found:
        detail = f"Several gateways have a device {shown!r}; name the gateway too."
        return Target(error=("ambiguous_device", detail))
    return Target(error=("unknown_device", f"There is no device {shown!r} that you may write to."))
