"""Demand guards and their loads: made, changed, removed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from alarms.services.raising import clear_alarm
from automation.models import DemandGuard, SheddableLoad
from automation.queries.guards import find_guard
from automation.services.shedding import alarm_key, lock_load
from devices.command_schema import CommandSpec, Effect, check_params
from devices.models import Channel, Device, Kind
from devices.services.command_wire import specs_of
from devices.services.commanders import Commander
from devices.services.commands import PERMISSION
from metering.models import Commodity, Quantity, Register

MAX_A_TENANT = 200
MAX_LOADS = 50
GUARD_FIELDS = (
    "name", "limit_kw", "margin_kw", "window_minutes", "warn_minutes", "is_enabled",
    "is_shedding", "peak_price",
)  # fmt: skip
LOAD_FIELDS = (
    "name", "number", "device", "shed_command", "shed_params", "restore_command",
    "restore_params", "rated_kw", "min_off_seconds", "max_off_seconds",
)  # fmt: skip


class GuardRefused(DetailedRefusal):
    """What was asked of a guard cannot be; `code` says why and `field` where."""


@transaction.atomic
def create_guard(
    *, fields: Mapping[str, Any], register: Register | None = None,
    channel: Channel | None = None, now: dt.datetime,
) -> DemandGuard:  # fmt: skip
    """Make a guard of an import register, or of a power in kW.

    Raises: GuardRefused.
    """
    if DemandGuard.objects.count() >= MAX_A_TENANT:
        raise GuardRefused("too_many", _("There are too many guards already."))
    guard = DemandGuard(**{name: fields[name] for name in GUARD_FIELDS if name in fields})
    _put_source(guard, register, channel)
    guard.next_at = now if guard.is_enabled else None
    _save(guard)
    _record("demand_guard.created", guard, fields, now)
    return guard


@transaction.atomic
def change_guard(
    *, guard_id: uuid.UUID, changes: Mapping[str, Any], register: Register | None = None,
    channel: Channel | None = None, now: dt.datetime,
) -> DemandGuard:  # fmt: skip
    """Change what is named; a guard that is switched off gives back what it has shed.

    Raises: DemandGuard.DoesNotExist. GuardRefused.
    """
    guard = lock_guard(guard_id)
    for name in GUARD_FIELDS:
        if name in changes:
            setattr(guard, name, changes[name])
    if register is not None or channel is not None:
        _put_source(guard, register, channel)
    guard.next_at = now
    if not guard.is_enabled:
        clear_alarm(guard.tenant_id, alarm_key(guard), at=now, now=now)
    _save(guard)
    _record("demand_guard.changed", guard, changes, now)
    return guard


@transaction.atomic
def remove_guard(*, guard_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete a guard with its loads and windows.

    Raises: DemandGuard.DoesNotExist. GuardRefused: a load is shed; nobody would bring it back.
    """
    guard = lock_guard(guard_id)
    _refuse_shed(SheddableLoad.objects.filter(guard=guard))
    clear_alarm(guard.tenant_id, alarm_key(guard), at=now, now=now)
    _record("demand_guard.removed", guard, {}, now)
    guard.delete()


@transaction.atomic
def add_load(
    *, guard_id: uuid.UUID, fields: Mapping[str, Any], actor: Commander, now: dt.datetime
) -> SheddableLoad:
    """Add something that may be shed.

    Raises: DemandGuard.DoesNotExist. GuardRefused: also if the actor may not control the device.
    """
    guard = lock_guard(guard_id)
    if SheddableLoad.objects.filter(guard=guard).count() >= MAX_LOADS:
        raise GuardRefused("too_many", _("The guard has too many loads already."))
    load = SheddableLoad(guard=guard)
    _put_load(load, fields, actor)
    _record("sheddable_load.added", load, fields, now)
    return load


@transaction.atomic
def change_load(
    *, load_id: uuid.UUID, changes: Mapping[str, Any], actor: Commander, now: dt.datetime
) -> SheddableLoad:
    """Change a load that is running.

    Raises: SheddableLoad.DoesNotExist. GuardRefused.
    """
    load = lock_load(load_id)
    if {"device", "restore_command", "restore_params"} & changes.keys():
        _refuse_shed([load])
    _put_load(load, changes, actor)
    _record("sheddable_load.changed", load, changes, now)
    return load


@transaction.atomic
def remove_load(*, load_id: uuid.UUID, now: dt.datetime) -> None:
    """Take a load from its guard.

    Raises: SheddableLoad.DoesNotExist. GuardRefused: it is shed.
    """
    load = lock_load(load_id)
    _refuse_shed([load])
    _record("sheddable_load.removed", load, {}, now)
    load.delete()


def lock_guard(guard_id: uuid.UUID) -> DemandGuard:
    """Return a guard, locked. Raises: DemandGuard.DoesNotExist."""
    DemandGuard.objects.select_for_update(of=("self",)).get(id=guard_id)
    return find_guard(guard_id)


def _put_source(guard: DemandGuard, register: Register | None, channel: Channel | None) -> None:
    if (register is None) == (channel is None):
        raise GuardRefused("one_source", _("Choose what is measured."), "source")
    guard.register, guard.channel = register, channel
    if register is not None:
        guard.site = register.meter.site
        is_import = register.quantity == Quantity.IMPORT
        if not is_import or register.meter.commodity != Commodity.ELECTRICITY:
            raise GuardRefused("no_import", _("Choose the import of electricity."), "source")
    elif channel is not None:
        guard.site = channel.device.site
        if channel.unit != "kW" or channel.kind != Kind.GAUGE:
            raise GuardRefused("no_power", _("Choose a power in kW."), "source")


def _put_load(load: SheddableLoad, fields: Mapping[str, Any], actor: Commander) -> None:
    for name in LOAD_FIELDS:
        if name in fields:
            setattr(load, name, fields[name])
    device: Device = load.device
    if device.site_id != load.guard.site_id:
        raise GuardRefused("other_site", _("Choose a device of the guard's site."), "device")
    if not actor.has_perm(PERMISSION, device):
        raise GuardRefused("may_not_control", _("You may not control this device."), "device")
    specs = specs_of(device)
    _check_command(specs, load, "shed")
    _check_command(specs, load, "restore")
    _save(load)


def _check_command(specs: Mapping[str, CommandSpec], load: SheddableLoad, which: str) -> None:
    """Refuse a command that the device does not take; keep its parameters with defaults."""
    name = getattr(load, f"{which}_command")
    spec = specs.get(name)
    if spec is None:
        raise GuardRefused(
            "unknown_command", _("The device does not take this command."), f"{which}_command"
        )
    if spec.effect in {Effect.READ, Effect.NONE}:
        raise GuardRefused(
            "switches_nothing", _("This command switches nothing."), f"{which}_command"
        )
    values, problems = check_params(spec, getattr(load, f"{which}_params"))
    if problems:
        first = problems[0]
        raise GuardRefused(first.code, f"{first.name}: {first.detail}", f"{which}_params")
    setattr(load, f"{which}_params", values)


def _refuse_shed(loads: Any) -> None:
    if any(load.is_shed or load.asked for load in loads):
        raise GuardRefused("is_shed", _("A load is shed. Let it come back first."))


def _save(row: DemandGuard | SheddableLoad) -> None:
    row.name = row.name.strip()
    try:
        row.full_clean()
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise GuardRefused("invalid", str(texts[0]), "" if field == "__all__" else field) from error
    except IntegrityError as error:
        raise GuardRefused("name_taken", _("This name is taken."), "name") from error


def _record(
    action: str, row: DemandGuard | SheddableLoad, fields: Mapping[str, Any], now: dt.datetime
) -> None:
    detail = {
        name: value if isinstance(value, bool | int | str | dict) or value is None else str(value)
        for name, value in fields.items()
    }
    record_event(action=action, now=now, tenant_id=row.tenant_id, obj=row, detail=detail)
