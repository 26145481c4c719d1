"""How zones are controlled: their mode, who does what in them, and what acts by itself."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from automation.control.setup import BadSetup, ZoneSetup, read_setup, write_setup
from automation.models import ControlMode, ZoneControl, ZoneController, ZoneRole
from automation.queries.zone_setup import in_order, setup_of, version_of
from automation.services.zone_commands import check_devices, check_ranges
from automation.services.zone_refusals import ZoneRefused, refusal_of
from devices.models import Channel, Zone
from devices.services.commanders import Commander, requester_of
from devices.services.commands import MayNotControl

PERMISSION = "control:device"
LONGEST = dt.timedelta(days=30)


def control_of(zone: Zone, *, locked: bool = False) -> ZoneControl:
    """Return how a zone is controlled; makes the row of one that was never touched."""
    rows = ZoneControl.objects.select_related("zone__site")
    if locked:
        rows = rows.select_for_update(of=("self",))
    found = rows.filter(zone=zone).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            ZoneControl.objects.create(zone=zone, tenant_id=zone.tenant_id)
    except IntegrityError:  # somebody else was quicker
        pass
    return rows.get(zone=zone)


@transaction.atomic
def set_zone_mode(
    *,
    actor: Commander,
    zone: Zone,
    mode: str,
    reason: str = "",
    until: dt.datetime | None = None,
    after: str = ControlMode.AUTO,
    now: dt.datetime,
) -> ZoneControl:
    """Say who decides in a zone: auto, semi or manual.

    Args: until: then it becomes `after` by itself; at most 30 days ahead.
    Raises: MayNotControl. ZoneRefused.
    """
    if not actor.has_perm(PERMISSION, zone):
        raise MayNotControl
    _check_mode(mode, after, until, now)
    control = control_of(zone, locked=True)
    before = control.mode
    control.mode, control.mode_until = mode, until
    control.mode_after = after if until else ControlMode.AUTO
    control.mode_by, control.mode_at = requester_of(actor).label[:254], now
    control.mode_reason = reason.strip()[:500]
    control.next_at = now
    control.save()
    record_event(
        action="zone.mode_set", now=now, tenant_id=zone.tenant_id, obj=zone, label=zone.name,
        detail={"from": before, "to": mode, "reason": control.mode_reason,
                "until": until.isoformat() if until else None, "after": control.mode_after},
    )  # fmt: skip
    return control


def revert_mode(control: ZoneControl, *, now: dt.datetime) -> bool:
    """End a mode whose time is over; the row is locked. True: it was."""
    if control.mode_until is None or control.mode_until > now:
        return False
    before = control.mode
    control.mode, control.mode_at = control.mode_after, control.mode_until
    control.mode_until, control.mode_by, control.mode_reason = None, "", ""
    control.save(update_fields=["mode", "mode_at", "mode_until", "mode_by", "mode_reason"])
    record_event(
        action="zone.mode_ended", now=now, tenant_id=control.tenant_id, obj=control.zone,
        label=control.zone.name, detail={"from": before, "to": control.mode},
    )  # fmt: skip
    return True


@transaction.atomic
def configure_zone(
    *,
    actor: Commander,
    zone: Zone,
    document: Mapping[str, Any] | bytes,
    seen: str = "",
    now: dt.datetime,
) -> ZoneControl:
    """Say who does what in a zone and what acts by itself; replaces all of it.

    What keeps its name keeps its past: doses of before count for its caps.

    Args: seen: the version that was read; refused if somebody has changed it since.
    Raises: ZoneRefused.
    """
    try:
        wanted = read_setup(document if isinstance(document, bytes) else dict(document))
    except BadSetup as error:
        raise refusal_of(error) from None
    control = control_of(zone, locked=True)
    before = setup_of(control)
    if seen and seen != version_of(before):
        raise ZoneRefused("version_moved", _("Somebody has changed this meanwhile: look again."))
    if in_order(wanted) == before:
        return control
    devices = check_devices(actor, wanted)
    _check_channels(wanted)
    check_ranges(wanted, devices)
    actuators = _save_roles(control, wanted, devices)
    _save_controllers(control, wanted)
    ZoneControl.objects.filter(id=control.id).update(next_at=now)
    record_event(
        action="zone.configured", now=now, tenant_id=zone.tenant_id, obj=zone, label=zone.name,
        detail={"roles": sorted(actuators), "setup": write_setup(wanted)},
    )  # fmt: skip
    return control


def _check_mode(mode: str, after: str, until: dt.datetime | None, now: dt.datetime) -> None:
    for field, given in (("mode", mode), ("after", after)):
        if given not in ControlMode.values:
            raise ZoneRefused("unknown_mode", _("Choose automatic, half automatic or by hand."),
                              field)  # fmt: skip
    if until is not None and not now < until <= now + LONGEST:
        raise ZoneRefused("bad_time", _("Choose a time within the next 30 days."), "until")


def _check_channels(wanted: ZoneSetup) -> None:
    ids = {one.channel for one in wanted.controllers if one.channel is not None}
    known = set(Channel.objects.filter(id__in=ids).values_list("id", flat=True))
    for number, one in enumerate(wanted.controllers):
        if one.channel is not None and one.channel not in known:
            raise ZoneRefused(
                "unknown_channel", _("There is no such object."), f"controllers[{number}].channel"
            )


def _save_roles(
    control: ZoneControl, wanted: ZoneSetup, devices: Mapping[uuid.UUID, Any]
) -> list[str]:
    stored = {role.name: role for role in control.roles.all()}
    names = []
    for one in wanted.roles:
        role = stored.pop(one.name, None) or ZoneRole(control=control, name=one.name)
        role.tenant_id, role.device = control.tenant_id, devices[one.device].device
        for field in ("start", "params", "amount", "stop", "stop_params"):
            setattr(role, field, getattr(one, field))
        role.actuator = devices[one.device].specs[one.start].actuator_for(one.params)[:64]
        role.save()
        names.append(role.name)
    for role in stored.values():
        role.delete()
    return names


def _save_controllers(control: ZoneControl, wanted: ZoneSetup) -> None:
    stored = {one.name: one for one in control.controllers.all()}
    for one in wanted.controllers:
        row = stored.pop(one.name.strip(), None) or ZoneController(control=control)
        row.tenant_id, row.name = control.tenant_id, one.name.strip()
        row.channel_id = one.channel
        for field in one.__struct_fields__:
            if field not in {"name", "channel"}:
                setattr(row, field, getattr(one, field))
        row.save()
    for row in stored.values():
        row.delete()
