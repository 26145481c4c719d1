"""Reads what controllers of zones look at: many zones in few queries."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Prefetch, QuerySet

from automation.control.law import (
    DAY,
    Act,
    Decision,
    Do,
    Law,
    Reading,
    Running,
    Side,
    decide,
)
from automation.control.recipe import Phase, read_phases
from automation.models import (
    OPEN,
    ControlMode,
    Execution,
    Reason,
    RecipeState,
    ZoneControl,
    ZoneController,
    ZoneRole,
)
from devices.command_states import State
from devices.models import ActuatorState
from telemetry.models import LatestValue
from telemetry.quality import Quality

_UNUSABLE = (Quality.BAD, Quality.MISSING)
# what never reached the device, or was refused by it; of all else nobody knows for sure
_NOT_DONE = frozenset(
    {State.INVALID, State.BUSY, State.SEND_FAILED, State.EXPIRED, State.CANCELLED}
)
_BACK = dt.timedelta(seconds=DAY)
# a setpoint that was told is told again after this
_SETPOINT_BACK = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Seen:
    """A value as a controller sees it, with its moment."""

    value: float
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class ZoneFacts:
    """A zone with what its controllers look at."""

    control: ZoneControl
    phase: Phase | None
    roles: Mapping[str, ZoneRole]
    values: Mapping[int, Seen]
    actuators: Mapping[tuple[uuid.UUID, str], bool]
    acts: Mapping[uuid.UUID, tuple[Act, ...]] = field(default_factory=dict)

    def law(self, one: ZoneController) -> Law:
        """Return how a controller acts in the phase that runs."""
        target = self.phase.target(one.metric) if self.phase is not None else None
        deadband = one.deadband
        if target is not None and target.deadband is not None:
            deadband = target.deadband
        return Law(
            one.kind, target.value if target is not None else one.target, deadband, one.gain,
            one.least, one.most, float(one.pause_seconds), one.per_hour, one.per_day,
            float(one.max_age_seconds), one.raises in self.roles, one.lowers in self.roles,
        )  # fmt: skip

    def seen(self, one: ZoneController) -> Seen | None:
        """Return the newest value that a controller looks at."""
        return self.values.get(one.channel_id) if one.channel_id is not None else None

    def acts_of(self, one: ZoneController) -> tuple[Act, ...]:
        """Return what a controller did lately, as far as it was loaded."""
        return self.acts.get(one.id, ())

    def role(self, one: ZoneController, side: Side) -> ZoneRole:
        """Return who acts for a controller."""
        return self.roles[one.raises if side == Side.RAISE else one.lowers]

    def decide(self, one: ZoneController, now: dt.datetime) -> Decision:
        """Return what a controller does now."""
        seen = self.seen(one)
        reading = None if seen is None else Reading(seen.value, (now - seen.at).total_seconds())
        return decide(self.law(one), reading, self.acts_of(one), self._running(one))

    def _running(self, one: ZoneController) -> Running:
        if one.kind != ZoneController.Kind.SWITCH:
            return Running()
        return Running(self._runs(one, one.raises, Side.RAISE), self._runs(one, one.lowers,
                       Side.LOWER))  # fmt: skip

    def _runs(self, one: ZoneController, name: str, side: Side) -> bool:
        """Tell whether a role runs: as its actuator says, else as it was told last."""
        role = self.roles.get(name)
        if role is None:
            return False
        known = self.actuators.get((role.device_id, role.actuator)) if role.actuator else None
        if known is not None:
            return known
        told = [act for act in self.acts_of(one) if act.counts and act.side == side]
        return bool(told) and min(told, key=lambda act: act.ago).do == Do.ON


def mode_at(control: ZoneControl, now: dt.datetime) -> str:
    """Return who decides at a moment; a mode whose time is over counts as what follows it."""
    is_over = control.mode_until is not None and control.mode_until <= now
    return control.mode_after if is_over else control.mode


def load_zones(
    control_ids: Collection[uuid.UUID], *, now: dt.datetime, with_disabled: bool = False
) -> list[ZoneFacts]:
    """Return zones with values, actuators and what their controllers did; at most six queries."""
    rows = list(
        ZoneControl.objects.filter(id__in=control_ids)
        .select_related("zone__site", "recipe")
        .prefetch_related(
            Prefetch("roles", ZoneRole.objects.select_related("device").order_by("name")),
            Prefetch("controllers", _controllers(with_disabled)),
        )
        .order_by("zone__site__name", "zone__name", "id")
    )
    controllers = [one for row in rows for one in row.controllers.all()]
    values = _values({one.channel_id for one in controllers if one.channel_id is not None})
    actuators = _actuators(rows)
    acts = load_acts(controllers, {row.id: mode_at(row, now) for row in rows}, now)
    return [
        ZoneFacts(
            row, _phase(row), {role.name: role for role in row.roles.all()}, values, actuators,
            acts,
        )
        for row in rows
    ]  # fmt: skip


def _controllers(with_disabled: bool) -> QuerySet[ZoneController]:
    rows = ZoneController.objects.order_by("name", "id")
    if with_disabled:
        return rows.select_related("channel__device")
    return rows.filter(is_enabled=True)


def _phase(control: ZoneControl) -> Phase | None:
    if control.recipe_state != RecipeState.RUNNING or control.phase is None:
        return None
    return read_phases(control.plan[control.phase : control.phase + 1])[0]


def _values(channels: Collection[int]) -> dict[int, Seen]:
    rows = LatestValue.objects.filter(channel_id__in=channels).exclude(quality__in=_UNUSABLE)
    found = rows.values_list("channel_id", "value", "time")
    return {
        channel: Seen(value, at)
        for channel, value, at in found
        if value is not None and at is not None
    }


def _actuators(rows: Iterable[ZoneControl]) -> dict[tuple[uuid.UUID, str], bool]:
    devices = {
        role.device_id
        for row in rows
        if any(one.kind == ZoneController.Kind.SWITCH for one in row.controllers.all())
        for role in row.roles.all()
    }
    states = ActuatorState.objects.filter(device_id__in=devices) if devices else ()
    return {(one.device_id, one.actuator): one.may_be_on for one in states}


def load_acts(
    controllers: Iterable[ZoneController], modes: Mapping[uuid.UUID, str], now: dt.datetime
) -> dict[uuid.UUID, tuple[Act, ...]]:
    """Return what controllers did lately, from their executions and what became of commands.

    Args: modes: by control. While a zone is controlled by hand, what was not done counts as
        tried, so that it is written down once in a pause and not in each cycle.
    """
    by_id = {one.id: one for one in controllers}
    spans = ((_SETPOINT_BACK, True), (_BACK, False))
    found: dict[uuid.UUID, list[Act]] = {}
    for span, is_setpoint in spans:
        ids = [
            one.id for one in by_id.values()
            if (one.kind == ZoneController.Kind.SETPOINT) == is_setpoint
        ]  # fmt: skip
        if not ids:
            continue
        rows = Execution.objects.filter(origin_id__in=ids, decided_at__gt=now - span)
        for row in rows.values_list(
            "origin_id", "state", "reason", "trigger", "decided_at", "finished_at",
            "steps__command__state",
        ):  # fmt: skip
            act = _act(*row[1:], mode=modes[by_id[row[0]].control_id], now=now)
            if act is not None:
                found.setdefault(row[0], []).append(act)
    return {key: tuple(acts) for key, acts in found.items()}


def _act(
    state: str,
    reason: str,
    trigger: Mapping[str, object],
    decided_at: dt.datetime,
    finished_at: dt.datetime | None,
    command: str | None,
    *,
    mode: str,
    now: dt.datetime,
) -> Act | None:
    if reason == Reason.MANUAL_MODE and mode != ControlMode.MANUAL:
        return None
    is_open = state in OPEN
    ago = 0.0 if is_open else max(0.0, (now - (finished_at or decided_at)).total_seconds())
    # what has no command was never asked for; a command without an answer may have been done
    counts = is_open or (command is not None and State(command) not in _NOT_DONE)
    amount = trigger.get("amount")
    return Act(
        ago, Do(str(trigger.get("do", ""))), Side(str(trigger.get("side", ""))),
        float(amount) if isinstance(amount, int | float) else 1.0, counts, is_open,
    )  # fmt: skip
