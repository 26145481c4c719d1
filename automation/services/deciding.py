"""What becomes of triggers that have come: something is done, or it is kept why not.

Whoever finds triggers calls `decide_triggers`: the reactor for samples, the clock for times, and
the process that acts for events and webhooks.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Count, Q

from accounts.tenancy import tenant_scope
from automation.actions import CommandAction, write_actions
from automation.models import AutomationRule, Execution, Origin, Quarantine, Reason
from automation.queries.modes import zone_modes
from automation.rules.compiled import Sample, Scene, Seen
from automation.rules.definition import Value, channels_of
from automation.services.executions import MAX_CHAIN, Wanted, begin_executions
from automation.services.facts import KnownFacts, latest_values
from automation.services.quarantine import note_failure, stop_rule
from automation.services.ready import Ready, ready, with_newest_version
from automation.services.seen import Labels
from devices.models import Device
from telemetry.ingest.batch import to_microseconds

logger = logging.getLogger(__name__)

HOUR = dt.timedelta(hours=1)
# of a rule, what was not done is written down so often in an hour; more says nothing new
MOST_NOT_DONE = 600
TIME = "time"


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger of a rule that has come.

    key: names it among all triggers of the rule, whoever finds it, again or not; the number of
    the version belongs into it. version: with which it was found; another one is not decided,
    because a changed rule begins anew. trigger: what is shown of it. seen: by conditions on
    samples. chain: origins whose actions led to it. payload: of a webhook.
    """

    rule_id: uuid.UUID
    version: int
    key: str
    at: dt.datetime
    trigger: Mapping[str, Any]
    seen: Sequence[Seen] = ()
    chain: Sequence[str] = ()
    payload: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Batch:
    """What is known of all rules of a batch."""

    now: dt.datetime
    rules: dict[uuid.UUID, Any]
    acted: dict[uuid.UUID, int]
    not_done: dict[uuid.UUID, int]
    latest: dict[int, Sample] = field(default_factory=dict)
    zones: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    modes: dict[uuid.UUID, str] = field(default_factory=dict)
    ready: dict[uuid.UUID, Ready | Exception] = field(default_factory=dict)

    def worth_keeping(self, decision: _Decision) -> list[_Decision]:
        """Return a decision, unless too many like it were not done within the hour."""
        if decision.reason:
            before = self.not_done.get(decision.rule.id, 0)
            self.not_done[decision.rule.id] = before + 1
            if before >= MOST_NOT_DONE:
                return []
        return [decision]


def decide_triggers(fired: Collection[Fired], *, now: dt.datetime) -> list[Execution]:
    """Decide, in one transaction; return the executions that are new, also those not done.

    A trigger that was decided before changes nothing. Rules that are off, stopped or changed
    meanwhile are passed over; what is not done is kept 600 times an hour for each rule. Call it
    under `all_tenants`, or in the scope of their tenant.
    """
    if not fired:
        return []
    with transaction.atomic():
        batch = _load(fired, now)
        known = _decided(fired)
        wanted = []
        for one in sorted(fired, key=lambda one: (one.at, one.key)):
            rule = batch.rules.get(one.rule_id)
            if rule is None or rule.newest != one.version or (one.rule_id, one.key) in known:
                continue
            if not rule.quarantine:
                wanted += batch.worth_keeping(_decide(one, rule, batch))
        labels = Labels()
        labels.load(
            {part.channel for one in wanted for _, part, *_ in one.seen if isinstance(part, Value)}
        )
        begun = begin_executions([one.wanted(labels) for one in wanted], now=now)
        AutomationRule.objects.bulk_update(
            {one.origin_id: batch.rules[one.origin_id] for one in begun if not one.reason}.values(),
            ["acted_at"],
        )
    return begun


@dataclass(frozen=True, slots=True)
class _Decision:
    fired: Fired
    rule: Any
    seen: Sequence[Seen]
    reason: Reason = Reason.NONE
    detail: str = ""
    actions: Sequence[Mapping[str, Any]] = ()
    zone_id: uuid.UUID | None = None
    needs_agreement: bool = False

    def wanted(self, labels: Labels) -> Wanted:
        rule, fired = self.rule, self.fired
        return Wanted(
            tenant_id=rule.tenant_id, origin=Origin.RULE, origin_id=rule.id,
            trigger_key=fired.key, label=rule.name, triggered_at=fired.at, actions=self.actions,
            version=fired.version, trigger=fired.trigger,
            seen=[labels.as_json(one, rule.tenant_id) for one in self.seen], chain=fired.chain,
            rule_id=rule.id, site_id=rule.site_id, zone_id=self.zone_id, reason=self.reason,
            detail=self.detail, needs_agreement=self.needs_agreement,
        )  # fmt: skip


def _load(fired: Collection[Fired], now: dt.datetime) -> _Batch:
    ids = {one.rule_id for one in fired}
    locked = AutomationRule.objects.select_for_update(of=("self",), no_key=True)
    rows = with_newest_version(
        locked.filter(id__in=ids, is_enabled=True, quarantine="").select_related("site")
    ).order_by("id")
    rules = {rule.id: rule for rule in rows}
    lately = Execution.objects.filter(origin_id__in=rules, decided_at__gt=now - HOUR)
    is_done = Q(reason__in=["", Reason.STEP])
    counts = (
        lately.order_by()
        .values("origin_id")
        .annotate(done=Count("id", filter=is_done), not_done=Count("id", filter=~is_done))
    )
    batch = _Batch(now, rules, {}, {})
    for row in counts:
        batch.acted[row["origin_id"]] = row["done"]
        batch.not_done[row["origin_id"]] = row["not_done"]
    for rule in rules.values():
        try:
            batch.ready[rule.id] = ready(rule)
        except Exception as error:  # noqa: BLE001 one bad rule never stops the others
            batch.ready[rule.id] = error
    _load_surroundings(batch)
    return batch


def _load_surroundings(batch: _Batch) -> None:
    usable = [one for one in batch.ready.values() if isinstance(one, Ready)]
    channels = {
        channel for one in usable if one.only_if for channel in channels_of(one.only_if.condition)
    }
    batch.latest = latest_values(channels) if channels else {}
    devices = {
        action.device for one in usable for action in one.definition.then
        if isinstance(action, CommandAction)
    }  # fmt: skip
    zones = Device.objects.filter(id__in=devices, zone__isnull=False)
    batch.zones = {device: zone for device, zone in zones.values_list("id", "zone_id") if zone}
    batch.modes = zone_modes(set(batch.zones.values())) if batch.zones else {}


def _decided(fired: Collection[Fired]) -> set[tuple[uuid.UUID, str]]:
    rows = Execution.objects.filter(
        origin_id__in={one.rule_id for one in fired}, trigger_key__in={one.key for one in fired}
    )
    return set(rows.values_list("origin_id", "trigger_key"))


def _decide(one: Fired, rule: Any, batch: _Batch) -> _Decision:
    found = batch.ready[rule.id]
    try:
        if isinstance(found, Exception):
            raise found
        with tenant_scope(rule.tenant_id):
            return _judge(one, rule, found, batch)
    except DatabaseError:  # the transaction is lost with it
        raise
    except Exception as error:  # noqa: BLE001 one bad rule never stops the others
        logger.warning("The rule %s cannot be decided: %r", rule.id, error)
        detail = f"{type(error).__name__}: {error}"[:300]
        note_failure(rule, detail, now=batch.now)
        return _Decision(one, rule, one.seen, Reason.ERROR, detail)


def _judge(one: Fired, rule: Any, found: Ready, batch: _Batch) -> _Decision:
    rules = found.definition
    # of times the policy of their schedule has decided already
    if one.trigger.get("kind") != TIME and batch.now - one.at > dt.timedelta(seconds=rules.late):
        late = int((batch.now - one.at).total_seconds())
        return _Decision(one, rule, one.seen, Reason.TOO_LATE, f"{late} s")
    if rule.acted_at and one.at < rule.acted_at + dt.timedelta(seconds=rules.cooldown):
        return _Decision(one, rule, one.seen, Reason.COOLDOWN)
    loop = _find_loop(one, rule)
    if loop:
        stop_rule(rule, Quarantine.LOOP, loop, now=batch.now)
        return _Decision(one, rule, one.seen, Reason.LOOP, loop)
    seen, holds = [*one.seen], True
    if found.only_if is not None:
        scene = _scene(one, rule, found, batch)
        holds = found.only_if.holds(scene) is True
        seen += found.only_if.explain(scene)
    if not holds:
        return _Decision(one, rule, seen, Reason.CONDITIONS)
    return _act(one, rule, found, batch, seen)


def _scene(one: Fired, rule: Any, found: Ready, batch: _Batch) -> Scene:
    facts = KnownFacts(now=batch.now, tenant_id=rule.tenant_id, site=rule.site, payload=one.payload)
    scene = Scene(facts=facts)
    scene.now = to_microseconds(batch.now)
    for channel in found.only_if.channels if found.only_if else ():
        if channel in batch.latest:
            scene.inputs[channel] = batch.latest[channel]
    return scene


def _act(
    one: Fired, rule: Any, found: Ready, batch: _Batch, seen: Sequence[Seen]
) -> _Decision:  # fmt: skip
    if rule.is_dry:
        return _Decision(one, rule, seen, Reason.DRY)
    acted = batch.acted.get(rule.id, 0)
    if acted >= found.definition.most_per_hour:
        detail = f"{rule.name}: {acted} in an hour"
        stop_rule(rule, Quarantine.TOO_OFTEN, detail, now=batch.now)
        return _Decision(one, rule, seen, Reason.STOPPED, detail)
    zones = [
        batch.zones[action.device] for action in found.definition.then
        if isinstance(action, CommandAction) and action.device in batch.zones
    ]  # fmt: skip
    modes = {batch.modes.get(zone, "auto") for zone in zones}
    zone_id = zones[0] if zones else None
    if "manual" in modes:
        return _Decision(one, rule, seen, Reason.MANUAL_MODE, zone_id=zone_id)
    rule.acted_at = one.at if rule.acted_at is None else max(one.at, rule.acted_at)
    batch.acted[rule.id] = acted + 1
    return _Decision(
        one, rule, seen, actions=write_actions(found.definition.then), zone_id=zone_id,
        needs_agreement="semi" in modes,
    )  # fmt: skip


def _find_loop(one: Fired, rule: Any) -> str:
    """Return the way on which a rule has set itself off; blank: it has not."""
    if str(rule.id) not in one.chain and len(one.chain) < MAX_CHAIN:
        return ""
    names = dict(
        AutomationRule.objects.filter(
            tenant_id=rule.tenant_id, id__in=[uuid.UUID(origin) for origin in one.chain]
        ).values_list("id", "name")
    )
    way = [names.get(uuid.UUID(origin), "…") for origin in one.chain]
    return " → ".join([*way, rule.name])
