"""Sheds loads and brings them back, and warns: what demand guards decided, and people."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.services.audit import record_event
from accounts.services.refusals import Refusal
from alarms.engine.incidents import system_key
from alarms.models import Alarm, Source
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from alarms.sources.checks import effective_checks, words_in_english
from automation.actions import CommandAction, write_actions
from automation.guard.prediction import demand_of
from automation.guard.shedding import Mood
from automation.models import (
    DemandGuard,
    DemandWindow,
    ExecutionState,
    Origin,
    Reason,
    SheddableLoad,
)
from automation.queries.guards import Picture, find_load, month_of, peak_cost, start_of
from automation.services.executions import Wanted, begin_executions
from devices.services.command_refusals import MayNotControl
from devices.services.commanders import Commander, requester_of
from devices.services.commands import PERMISSION

CHECK = "demand_peak"
COMMAND_SECONDS = 60
KEEP_WINDOWS = dt.timedelta(days=400)
# late samples of a window may come until then
CLOSE_AFTER = dt.timedelta(seconds=45)
MANUAL, SEMI = "manual", "semi"
Asked = SheddableLoad.Asked
_NOT_DONE = (ExecutionState.REFUSED, ExecutionState.SKIPPED, ExecutionState.CANCELLED)
_NAMED_LOADS = 8


class AlreadyAsked(Refusal):
    """The load is being switched, or is what it shall become."""

    code = "already_so"
    message = _("It is so already, or just being switched.")


def alarm_key(guard: DemandGuard) -> str:
    """Return the key of the alarm of a guard."""
    return system_key(CHECK, guard.id)


@dataclass(frozen=True, slots=True)
class _Switch:
    """Why a load is switched. `by`: who did it by hand; "" for the guard itself."""

    asked: str
    key: str
    now: dt.datetime
    by: str = ""
    mode: str = ""
    seen: Sequence[Mapping[str, object]] = ()


def settle(load: SheddableLoad, *, now: dt.datetime) -> bool:
    """Note what became of what was asked of a load; tell whether that changed something.

    A load of which nobody knows whether it was shed counts as shed: it has to come back.
    """
    if not load.asked:
        return False
    execution = load.execution
    if execution is not None and execution.finished_at is None:
        return False
    at = now if execution is None or execution.finished_at is None else execution.finished_at
    state = ExecutionState.CANCELLED if execution is None else execution.state
    never = state in _NOT_DONE
    if load.asked == Asked.SHED and never:
        load.is_shed, load.since = False, None
    elif load.asked == Asked.SHED and not load.is_shed:
        load.is_shed, load.since = True, at  # somebody agreed
    elif load.asked == Asked.RESTORE and state == ExecutionState.DONE:
        load.is_shed, load.since = False, at
    load.asked = Asked.NOTHING
    return True


def act(picture: Picture, modes: Mapping[uuid.UUID, str], *, now: dt.datetime) -> None:
    """Do what was decided of a guard; its row and its loads are locked."""
    guard, by_id = picture.guard, {load.id: load for load in picture.loads}
    _pass_on(picture, now)
    if picture.decision.mood == Mood.WARN and guard.is_enabled:
        _warn(picture, now)
    shed = 0
    for id_ in picture.decision.shed:
        key = f"shed:{id_}:{picture.start:%Y%m%dT%H%M}"
        shed += _switch(by_id[id_], _why(picture, by_id[id_], Asked.SHED, key, modes, now))
    for id_ in picture.decision.restore:
        load = by_id[id_]
        # tried again each minute, until the device does it
        key = f"restore:{id_}:{load.since:%Y%m%dT%H%M%S}:{now:%H%M}"
        _switch(load, _why(picture, load, Asked.RESTORE, key, modes, now))
    if shed:
        _window(guard, picture.start).update(shed=F("shed") + shed)


@transaction.atomic
def switch_load(
    *, load_id: uuid.UUID, shed: bool, actor: Commander, now: dt.datetime
) -> SheddableLoad:
    """Shed a load or bring it back because somebody wants it; the mode of its zone is no matter.

    Raises: SheddableLoad.DoesNotExist. MayNotControl. AlreadyAsked.
    """
    load = lock_load(load_id)
    if not actor.has_perm(PERMISSION, load.device):
        raise MayNotControl
    settle(load, now=now)
    if load.asked or load.is_shed == shed:
        raise AlreadyAsked
    asked = Asked.SHED if shed else Asked.RESTORE
    key = f"hand:{load.id}:{now.isoformat()}"
    _switch(load, _Switch(asked, key, now, by=requester_of(actor).label))
    DemandGuard.objects.filter(id=load.guard_id).update(next_at=now)
    record_event(
        action="sheddable_load.shed" if shed else "sheddable_load.restored", now=now,
        tenant_id=load.tenant_id, obj=load,
    )  # fmt: skip
    return load


def lock_load(load_id: uuid.UUID) -> SheddableLoad:
    """Return a load, locked after its guard. Raises: SheddableLoad.DoesNotExist."""
    guard_id = SheddableLoad.objects.values_list("guard_id", flat=True).get(id=load_id)
    DemandGuard.objects.select_for_update(of=("self",)).get(id=guard_id)
    list(SheddableLoad.objects.select_for_update(of=("self",)).filter(id=load_id))
    return find_load(load_id)


def _why(
    picture: Picture, load: SheddableLoad, asked: str, key: str,
    modes: Mapping[uuid.UUID, str], now: dt.datetime,
) -> _Switch:  # fmt: skip
    mode = modes.get(load.device.zone_id, "") if load.device.zone_id else ""
    seen: list[Mapping[str, object]] = []
    if picture.prediction is not None:
        at = dt.datetime.fromtimestamp(picture.prediction.until, dt.UTC).isoformat()
        seen = [
            {"what": what, "value": round(value, 3), "unit": "kW", "at": at, "holds": holds}
            for what, value, holds in (
                ("expected", picture.prediction.expected_kw, picture.decision.mood != Mood.QUIET),
                ("power", picture.prediction.power_kw, None),
                ("limit", float(picture.guard.limit_kw), None),
            )
        ]
    return _Switch(asked, key, now, mode=mode, seen=seen)


def _switch(load: SheddableLoad, why: _Switch) -> bool:
    """Ask for it once; tell whether it is being done. In manual mode only that is kept."""
    guard, is_shed = load.guard, why.asked == Asked.SHED
    is_manual = why.mode == MANUAL and not why.by
    # who agreed that it goes has agreed that it comes back
    is_proposed = is_shed and why.mode == SEMI and not why.by
    key = f"{why.key.rpartition(':')[0]}:manual" if is_manual and not is_shed else why.key
    name = load.shed_command if is_shed else load.restore_command
    params = load.shed_params if is_shed else load.restore_params
    action = CommandAction(
        device=load.device_id, name=name, params=params, expires_in=COMMAND_SECONDS, wait=True
    )
    begun = begin_executions(
        [
            Wanted(
                tenant_id=load.tenant_id, origin=Origin.GUARD, origin_id=guard.id,
                trigger_key=key, label=f"{guard.name}: {load.name}", triggered_at=why.now,
                actions=write_actions([action]), seen=why.seen,
                trigger={"kind": "hand" if why.by else "demand", "do": why.asked}
                | ({"by": why.by} if why.by else {}),
                site_id=guard.site_id, zone_id=load.device.zone_id,
                reason=Reason.MANUAL_MODE if is_manual else Reason.NONE,
                needs_agreement=is_proposed,
            )
        ],
        now=why.now,
    )  # fmt: skip
    if is_shed:
        load.tried_at = start_of(guard, why.now)
    if begun and not is_manual:
        load.asked, load.execution = why.asked, begun[0]
        if is_shed and not is_proposed:
            load.is_shed, load.since = True, why.now
    load.save(update_fields=["is_shed", "since", "asked", "execution", "tried_at", "updated_at"])
    return bool(begun) and not is_manual


def _warn(picture: Picture, now: dt.datetime) -> None:
    """Raise the alarm of the window, once."""
    guard, prediction = picture.guard, picture.prediction
    if prediction is None:
        return
    fresh = _window(guard, picture.start).filter(warned_at=None)
    if not fresh.update(warned_at=now, expected_kw=prediction.expected_kw):
        return
    check = replace(effective_checks()[CHECK], limit=float(guard.limit_kw))
    if not check.is_enabled:
        return
    value = round(prediction.expected_kw, 1)
    title, text, advice = words_in_english(check, value=value, subject=guard.name)
    raise_alarm(
        Sign(
            tenant_id=guard.tenant_id, key=alarm_key(guard), source=Source.SYSTEM, code=CHECK,
            title=title, subject=guard.name, severity=check.severity,
            text=f"{text} {_details(picture, prediction.expected_kw, now)}".strip()[:1000],
            advice=advice, value=value, limit=check.limit, unit="kW",
            site_id=guard.site_id, channel_id=guard.channel_id,
        ),
        at=now, now=now,
    )  # fmt: skip


def _details(picture: Picture, expected_kw: float, now: dt.datetime) -> str:
    """Name the loads that run, and what the peak costs: names and numbers, of no language."""
    guard = picture.guard
    running = [load for load in picture.loads if not load.is_shed]
    parts = [f"{load.name} {float(load.rated_kw):g} kW" for load in running[:_NAMED_LOADS]]
    if len(running) > _NAMED_LOADS:
        parts.append(f"+{len(running) - _NAMED_LOADS}")
    cost = peak_cost(guard, expected_kw, month_of(guard, now=now))
    if cost:
        parts.append(f"+{cost} {guard.site.currency}")
    return " · ".join(parts)


def _pass_on(picture: Picture, now: dt.datetime) -> None:
    """Go to the window that runs: end the alarm of the one before, and keep its demand."""
    guard = picture.guard
    before = guard.window_at
    if before is not None and before < picture.start:
        old = Alarm.objects.filter(
            tenant_id=guard.tenant_id, key=alarm_key(guard), ending="", raised_at__lt=picture.start
        )
        if old.exists():
            clear_alarm(guard.tenant_id, alarm_key(guard), at=picture.start, now=now)
        if now < picture.start + CLOSE_AFTER:
            return
        _close_window(picture, now)
    guard.window_at = picture.start


def _close_window(picture: Picture, now: dt.datetime) -> None:
    guard, seconds = picture.guard, picture.guard.window_minutes * 60
    start = picture.start - dt.timedelta(seconds=seconds)
    demand = None
    if picture.series is not None:
        demand = demand_of(picture.series, start=start.timestamp(), seconds=seconds)
    _window(guard, start).update(demand_kw=demand)
    DemandWindow.objects.filter(guard=guard, start__lt=now - KEEP_WINDOWS).delete()


def _window(guard: DemandGuard, start: dt.datetime) -> QuerySet[DemandWindow]:
    """Return the row of a window, made if need be."""
    row, _is_new = DemandWindow.objects.get_or_create(
        guard=guard, start=start, tenant_id=guard.tenant_id, defaults={"limit_kw": guard.limit_kw}
    )
    return DemandWindow.objects.filter(id=row.id)
