"""Why nobody should be told of an alarm, found for many alarms at once."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from accounts.services.platform_tenant import PLATFORM_TENANT_ID
from accounts.tenancy import all_tenants
from alarms.engine.flapping import locked_until
from alarms.engine.incidents import DEAF, GRACE, SILENCES, explaining_keys
from alarms.models import (
    Alarm,
    AlarmEvent,
    AlarmRuleVersion,
    Ending,
    MaintenanceWindow,
    Shelving,
    Suppression,
)
from devices.models import Device, Lifecycle

# for each alarm, so that one that came back thousands of times a day costs no more
FORMER_ALARMS = 500
_LATEST_END = dt.timedelta(days=1)
_ENDS = (AlarmEvent.Kind.CLEARED, AlarmEvent.Kind.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why nobody is told. `parent`: the alarm of the same tenant that explains it, if any.

    `parent` may be set beside another reason: what is shelved still belongs to its incident.
    """

    because: Suppression
    detail: str = ""
    parent_id: uuid.UUID | None = None


def find_reasons(alarms: Collection[Alarm], *, now: dt.datetime) -> dict[uuid.UUID, Reason]:
    """Return by id why nobody should be told at `now`; alarms without a reason are missing.

    At most seven queries; reads under `all_tenants`, limited to the tenants of the alarms.
    """
    with all_tenants():
        parents = _Parents(alarms, now=now)
        facts = _Facts(
            _windows(alarms), _in_work(alarms), _shelvings(alarms, now=now), _former(alarms)
        )
    found = {}
    for alarm in alarms:
        reason = parents.of(alarm) or _other_reason(alarm, facts, now)
        if reason is not None:
            found[alarm.id] = reason
    return found


def silent_ids(alarms: Iterable[Alarm]) -> set[uuid.UUID]:
    """Return the ids of those alarms that say no more than that nothing is heard."""
    rows = list(alarms)
    versions = {alarm.version_id for alarm in rows if alarm.version_id is not None}
    silent_versions: set[uuid.UUID] = set()
    if versions:
        silent_versions = set(
            AlarmRuleVersion.objects.filter(
                id__in=versions, definition__when__kind="no_data"
            ).values_list("id", flat=True)
        )
    return {
        alarm.id for alarm in rows if alarm.code in SILENCES or alarm.version_id in silent_versions
    }


class _Parents:
    """The alarms that explain others: open ones, and those that ended within the grace."""

    def __init__(self, alarms: Collection[Alarm], *, now: dt.datetime) -> None:
        silent = silent_ids(alarms)
        self._keys = {
            alarm.id: explaining_keys(
                key=alarm.key, is_silence=alarm.id in silent, gateway_id=alarm.gateway_id
            )
            for alarm in alarms
        }
        self._known = self._read({alarm.tenant_id for alarm in alarms}, now)

    def of(self, alarm: Alarm) -> Reason | None:
        for key in self._keys[alarm.id]:
            owner = PLATFORM_TENANT_ID if key in DEAF else alarm.tenant_id
            parent = self._known.get((owner, key))
            if parent is not None and parent.id != alarm.id:
                is_ours = parent.tenant_id == alarm.tenant_id
                # its words belong to another tenant where it is not ours
                return Reason(
                    Suppression.PARENT,
                    str(parent) if is_ours else "",
                    parent.id if is_ours else None,
                )
        return None

    def _read(
        self, tenants: set[uuid.UUID], now: dt.datetime
    ) -> Mapping[tuple[uuid.UUID, str], Alarm]:
        keys = {key for own in self._keys.values() for key in own}
        if not keys:
            return {}
        just_ended = AlarmEvent.objects.filter(
            alarm=OuterRef("id"), kind__in=_ENDS, at__gte=now - GRACE
        )
        rows = (
            Alarm.objects.filter(tenant_id__in=tenants | {PLATFORM_TENANT_ID}, key__in=keys)
            .filter(Q(ending="") | (Q(cleared_at__gte=now - _LATEST_END) & Exists(just_ended)))
            .order_by("raised_at", "id")
        )
        known = {(row.tenant_id, row.key): row for row in rows if row.ending}
        return known | {(row.tenant_id, row.key): row for row in rows if not row.ending}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is quiet at the places and keys of some alarms. `in_work`: ids of devices."""

    windows: Mapping[uuid.UUID, list[MaintenanceWindow]]
    in_work: set[uuid.UUID]
    shelved: Mapping[tuple[uuid.UUID, str], Shelving]
    raised: Mapping[tuple[uuid.UUID, str], list[dt.datetime]]


def _other_reason(alarm: Alarm, facts: _Facts, now: dt.datetime) -> Reason | None:
    for window in facts.windows.get(alarm.tenant_id, ()):
        if _covers(window, alarm, now):
            return Reason(Suppression.MAINTENANCE, window.name)
    if alarm.device_id in facts.in_work:
        return Reason(Suppression.MAINTENANCE)
    shelving = facts.shelved.get((alarm.tenant_id, alarm.key))
    if shelving is not None:
        return Reason(Suppression.SHELVED, shelving.reason)
    moments = facts.raised.get((alarm.tenant_id, alarm.key), [])
    until = locked_until([*moments, alarm.raised_at], at=alarm.raised_at)
    if until is not None and now < until:
        return Reason(Suppression.FLAPPING)
    return None


def _covers(window: MaintenanceWindow, alarm: Alarm, now: dt.datetime) -> bool:
    """Tell whether somebody worked there when it was raised, and still does."""
    if not window.start <= alarm.raised_at < window.end or now >= window.end:
        return False
    return window_covers(
        window, site_id=alarm.site_id, gateway_id=alarm.gateway_id, device_id=alarm.device_id
    )


def window_covers(
    window: MaintenanceWindow,
    *,
    site_id: uuid.UUID | None,
    gateway_id: uuid.UUID | None,
    device_id: uuid.UUID | None,
) -> bool:
    """Tell whether a subject is one of those of a window."""
    if window.device_id is not None:
        return window.device_id == device_id
    if window.gateway_id is not None:
        return window.gateway_id == gateway_id
    return window.site_id is None or window.site_id == site_id


def _in_work(alarms: Collection[Alarm]) -> set[uuid.UUID]:
    """Return the devices of which somebody said that they are being worked on."""
    ids = {alarm.device_id for alarm in alarms if alarm.device_id is not None}
    if not ids:
        return set()
    working = Device.objects.filter(id__in=ids, lifecycle=Lifecycle.MAINTENANCE)
    return set(working.values_list("id", flat=True))


def _windows(alarms: Collection[Alarm]) -> Mapping[uuid.UUID, list[MaintenanceWindow]]:
    if not alarms:
        return {}
    moments = [alarm.raised_at for alarm in alarms]
    windows: dict[uuid.UUID, list[MaintenanceWindow]] = defaultdict(list)
    rows = MaintenanceWindow.objects.filter(
        tenant_id__in={alarm.tenant_id for alarm in alarms},
        start__lte=max(moments),
        end__gt=min(moments),
    )
    for row in rows.order_by("start", "id"):
        windows[row.tenant_id].append(row)
    return windows


def _shelvings(
    alarms: Collection[Alarm], *, now: dt.datetime
) -> Mapping[tuple[uuid.UUID, str], Shelving]:
    rows = Shelving.objects.filter(
        tenant_id__in={alarm.tenant_id for alarm in alarms},
        key__in={alarm.key for alarm in alarms},
        until__gt=now,
    )
    return {(row.tenant_id, row.key): row for row in rows}


def _former(alarms: Collection[Alarm]) -> Mapping[tuple[uuid.UUID, str], list[dt.datetime]]:
    """Return when each key was raised; an alarm that was taken back never was."""
    if not alarms:
        return {}
    first = min(alarm.raised_at for alarm in alarms) - _LATEST_END
    rows = (
        Alarm.objects.filter(
            tenant_id__in={alarm.tenant_id for alarm in alarms},
            key__in={alarm.key for alarm in alarms},
            raised_at__gte=first,
        )
        .exclude(ending=Ending.WITHDRAWN)
        .order_by("-raised_at", "id")
        .values_list("tenant_id", "key", "raised_at")
    )
    raised: dict[tuple[uuid.UUID, str], list[dt.datetime]] = defaultdict(list)
    for tenant_id, key, at in rows[: FORMER_ALARMS * len(alarms)]:
        raised[tenant_id, key].append(at)
    return raised
