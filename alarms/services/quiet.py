"""People say when nobody is to be told: maintenance windows, and keys that are shelved."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from alarms.models import Alarm, AlarmEvent, MaintenanceWindow, Shelving, Suppression
from alarms.services.suppression import review, suppress
from devices.models import Device, Gateway, Site

MAX_LENGTH = dt.timedelta(days=90)
MAX_AHEAD = dt.timedelta(days=366)
MAX_OPEN = 1_000


class QuietGone(Refusal):
    """The tenant has no such window or shelving, or it is over."""

    code = "gone"
    message = _("This is over already.")


class NameMissing(Refusal):
    """A window of which nobody knows what is done."""

    code = "name_missing"
    message = _("Write what is done there.")


class ImpossiblePeriod(Refusal):
    """A quiet time that is over, the wrong way round, or would last for ever."""

    code = "impossible_time"
    message = _("The end must be after the beginning and after now, at most 90 days later.")


class PlacesDiffer(Refusal):
    """Site, gateway and device that do not belong together."""

    code = "places_differ"
    message = _("Choose a gateway of this site, and a device of this gateway.")


class TooManyQuiet(Refusal):
    """A program plans windows in a loop."""

    code = "too_many"
    message = _("There are 1,000 of them. End some first.")


class NoSuchAlarm(Refusal):
    """The tenant has no such alarm."""

    code = "alarm_missing"
    message = _("There is no such alarm.")


@transaction.atomic
def plan_maintenance(
    *, name: str, start: dt.datetime, end: dt.datetime, now: dt.datetime,
    made_by: User | None, site: Site | None = None, gateway: Gateway | None = None,
    device: Device | None = None,
) -> MaintenanceWindow:  # fmt: skip
    """Keep alarms quiet that are raised in [start, end) at a place; with none, everywhere.

    Alarms that are open already stay as they are.

    Raises: NameMissing, ImpossiblePeriod, PlacesDiffer, TooManyQuiet.
    """
    if MaintenanceWindow.objects.filter(end__gt=now)[:MAX_OPEN].count() >= MAX_OPEN:
        raise TooManyQuiet
    window = MaintenanceWindow(
        name=name.strip(), start=start, end=end,
        made_by=made_by, site=site, gateway=gateway, device=device,
    )  # fmt: skip
    _complete_place(window)
    _check(window, now)
    window.save()
    record_event(action="maintenance.planned", now=now, tenant_id=window.tenant_id, obj=window)
    return window


@transaction.atomic
def change_maintenance(
    *, window_id: uuid.UUID, changes: Mapping[str, Any], now: dt.datetime
) -> MaintenanceWindow:
    """Change the name or the times of a window that is not over.

    Raises: QuietGone, NameMissing, ImpossiblePeriod.
    """
    window = _lock_window(window_id, now)
    for name in ("name", "start", "end"):
        if name in changes:
            setattr(window, name, changes[name])
    window.name = window.name.strip()
    _check(window, now, has_new_times=bool({"start", "end"} & changes.keys()))
    window.save()
    record_event(action="maintenance.changed", now=now, tenant_id=window.tenant_id, obj=window)
    review(_quiet(Suppression.MAINTENANCE), now=now)
    return window


@transaction.atomic
def end_maintenance(*, window_id: uuid.UUID, now: dt.datetime) -> MaintenanceWindow:
    """End a window now, and tell of what is still wrong; one that has not begun is deleted.

    Raises: QuietGone.
    """
    window = _lock_window(window_id, now)
    record_event(action="maintenance.ended", now=now, tenant_id=window.tenant_id, obj=window)
    if window.start >= now:
        window.delete()
        return window
    window.end = now
    window.save()
    review(_quiet(Suppression.MAINTENANCE), now=now)
    return window


@transaction.atomic
def shelve(
    *, alarm_id: uuid.UUID, until: dt.datetime, reason: str, made_by: User | None, now: dt.datetime
) -> Shelving:
    """Tell nobody of alarms like this one until a moment: of its key, this and later ones.

    Shelved again: the new time and reason hold.

    Raises: NoSuchAlarm, ImpossiblePeriod, TooManyQuiet.
    """
    alarm = Alarm.objects.select_for_update(of=("self",), no_key=True).filter(id=alarm_id).first()
    if alarm is None:
        raise NoSuchAlarm
    if not now < until <= now + MAX_LENGTH:
        raise ImpossiblePeriod
    if Shelving.objects.filter(until__gt=now)[:MAX_OPEN].count() >= MAX_OPEN:
        raise TooManyQuiet
    shelving = Shelving.objects.select_for_update(of=("self",)).filter(key=alarm.key).first()
    shelving = shelving or Shelving(tenant_id=alarm.tenant_id, key=alarm.key)
    shelving.label, shelving.until = str(alarm)[:300], until
    shelving.reason, shelving.made_by = reason.strip()[:200], made_by
    shelving.save()
    record_event(action="alarm.shelved", now=now, tenant_id=alarm.tenant_id, obj=shelving)
    _quiet_now(alarm, shelving, made_by, now)
    return shelving


@transaction.atomic
def unshelve(*, shelving_id: uuid.UUID, now: dt.datetime) -> Shelving:
    """End a shelving, and tell of its alarm if that is still open.

    Raises: QuietGone.
    """
    shelving = Shelving.objects.select_for_update(of=("self",)).filter(id=shelving_id).first()
    if shelving is None:
        raise QuietGone
    record_event(action="alarm.unshelved", now=now, tenant_id=shelving.tenant_id, obj=shelving)
    key = shelving.key
    shelving.delete()
    review(_quiet(Suppression.SHELVED).filter(key=key), now=now)
    return shelving


def _quiet_now(alarm: Alarm, shelving: Shelving, by: User | None, now: dt.datetime) -> None:
    """Keep the open alarm of the key quiet, which may be a later one than that chosen."""
    open_one = (
        Alarm.objects.select_for_update(of=("self",), no_key=True)
        .filter(key=alarm.key, ending="")
        .first()
    )
    if open_one is None:
        return
    AlarmEvent.objects.create(
        tenant_id=alarm.tenant_id, alarm=open_one, kind=AlarmEvent.Kind.SHELVED, at=now, by=by,
        by_label=str(by)[:150] if by else "", text=shelving.reason,
    )  # fmt: skip
    if not open_one.suppressed_because:
        suppress([open_one], now=now)


def _quiet(because: Suppression) -> Any:
    return Alarm.objects.filter(ending="", suppressed_because=because)


def _lock_window(window_id: uuid.UUID, now: dt.datetime) -> MaintenanceWindow:
    rows = MaintenanceWindow.objects.select_for_update(of=("self",))
    window = rows.filter(id=window_id, end__gt=now).first()
    if window is None:
        raise QuietGone
    return window


def _complete_place(window: MaintenanceWindow) -> None:
    """Set the site of a gateway, and gateway and site of a device."""
    if window.device is not None:
        window.gateway = window.gateway or window.device.gateway
        window.site = window.site or window.device.site
        if window.device.gateway_id != window.gateway_id:
            raise PlacesDiffer
        if window.device.site_id != window.site_id:
            raise PlacesDiffer
    elif window.gateway is not None:
        window.site = window.site or window.gateway.site
        if window.gateway.site_id != window.site_id:
            raise PlacesDiffer


def _check(window: MaintenanceWindow, now: dt.datetime, *, has_new_times: bool = True) -> None:
    if not window.name:
        raise NameMissing
    if not has_new_times:
        return
    is_bounded = window.end - window.start <= MAX_LENGTH and window.start <= now + MAX_AHEAD
    if not window.start < window.end or window.end <= now or not is_bounded:
        raise ImpossiblePeriod
