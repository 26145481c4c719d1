"""Lets the controllers of one zone act, once for what they see."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from dataclasses import replace
from typing import Any

from django.db import transaction

from automation.actions import CommandAction, write_actions
from automation.control.law import Decision, Do, Why, is_ours
from automation.control.pace import CYCLE
from automation.models import ControlMode, Execution, Origin, Reason, ZoneControl, ZoneController
from automation.queries.zone_facts import ZoneFacts, load_zones, mode_at
from automation.services.executions import Wanted, begin_executions
from automation.services.zone_recipes import follow_time
from automation.services.zones import revert_mode
from devices.models import Device
from devices.services.command_wire import specs_of

# a dose that a device gets later than this is not the one that was worked out
EXPIRES_SECONDS = 30


@transaction.atomic
def control_zone(*, control_id: uuid.UUID, now: dt.datetime) -> list[Execution]:
    """Follow the time of mode and recipe in a zone, and begin what its controllers want.

    Another process that works on the zone at this moment does it; then nothing is done here.
    Everything is read again under the lock, so that nothing is decided twice. Call it in the
    scope of the zone's tenant.
    """
    locked = ZoneControl.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    control = locked.select_related("zone__site", "recipe").filter(id=control_id).first()
    if control is None:
        return []
    revert_mode(control, now=now)
    follow_time(control, now=now)
    wanted = [
        one
        for facts in load_zones([control.id], now=now)
        for controller in facts.control.controllers.all()
        for one in _wanted(facts, controller, now)
    ]
    return begin_executions(wanted, now=now)


def is_due(facts: ZoneFacts, now: dt.datetime) -> bool:
    """Tell whether there is something to do in a zone; no query."""
    control = facts.control
    if any(at is not None and at <= now for at in (control.mode_until, control.phase_until)):
        return True
    return any(facts.decide(one, now).do for one in control.controllers.all())


def _wanted(facts: ZoneFacts, one: ZoneController, now: dt.datetime) -> list[Wanted]:
    decision = _whole(facts, one, facts.decide(one, now))
    if not decision.do:
        return []
    control, mode = facts.control, mode_at(facts.control, now)
    # what it has switched on itself it switches off without asking again
    goes_on = decision.do == Do.OFF and is_ours(facts.acts_of(one), decision.side)
    return [
        Wanted(
            tenant_id=control.tenant_id, origin=Origin.CONTROLLER, origin_id=one.id,
            trigger_key=_key(facts, one, decision, now), label=f"{control.zone.name}: {one.name}",
            triggered_at=now, actions=_actions(facts, one, decision),
            trigger={
                "kind": "controller", "do": decision.do.value, "side": decision.side.value,
                "amount": decision.amount, "why": decision.why.value, "metric": one.metric,
                "target": facts.law(one).target,
            },
            seen=_seen(facts, one), site_id=control.zone.site_id, zone_id=control.zone_id,
            reason=Reason.MANUAL_MODE if mode == ControlMode.MANUAL else Reason.NONE,
            needs_agreement=mode == ControlMode.SEMI and not goes_on,
        )
    ]  # fmt: skip


def _whole(facts: ZoneFacts, one: ZoneController, decision: Decision) -> Decision:
    """Round a dose down where the device takes whole numbers only; to nothing if need be."""
    if decision.do != Do.DOSE:
        return decision
    role = facts.role(one, decision.side)
    device = Device.objects.select_related("profile").get(id=role.device_id)
    spec = specs_of(device).get(role.start)
    params = spec.params if spec is not None else ()
    if not any(param.name == role.amount and param.type == "integer" for param in params):
        return decision
    amount = float(math.floor(decision.amount))
    return replace(decision, amount=amount) if amount else Decision(Do.NOTHING, Why.NO_DOSE)


def _key(facts: ZoneFacts, one: ZoneController, decision: Decision, now: dt.datetime) -> str:
    """Return what there is one execution of: the sample that was looked at.

    What depends on no sample is done once in a cycle.
    """
    seen = facts.seen(one)
    if decision.do in {Do.OFF, Do.SET} or seen is None:
        moment = int(now.timestamp() / CYCLE.total_seconds())
    else:
        moment = int(seen.at.timestamp() * 1_000_000)
    mark = "manual:" if mode_at(facts.control, now) == ControlMode.MANUAL else ""
    return f"{mark}{decision.do}:{decision.side}:{moment}"


def _actions(facts: ZoneFacts, one: ZoneController, decision: Decision) -> list[dict[str, Any]]:
    role = facts.role(one, decision.side)
    if decision.do == Do.OFF:
        name, params = role.stop, dict(role.stop_params)
    else:
        name, params = role.start, dict(role.params)
        if decision.do != Do.ON:
            params[role.amount] = decision.amount
    action = CommandAction(
        device=role.device_id, name=name, params=params, expires_in=EXPIRES_SECONDS, wait=True
    )
    return write_actions([action])


def _seen(facts: ZoneFacts, one: ZoneController) -> list[dict[str, Any]]:
    seen = facts.seen(one)
    if seen is None:
        return []
    return [{"what": one.metric, "value": seen.value, "at": seen.at.isoformat(), "holds": True}]
