"""Stops rules that harm, and says so; people arm them again."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction

from accounts.services.audit import record_event
from alarms.engine.incidents import system_key
from alarms.models import Source
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from alarms.sources.checks import effective_checks, words_in_english
from automation.models import AutomationRule, Quarantine

FAILURES_BEFORE_STOP = 5
CODE = "automation_stopped"


def note_failure(rule: AutomationRule, detail: str, *, now: dt.datetime) -> None:
    """Count a failure that is the rule's own fault; the fifth in a row stops it.

    Call it with the rule locked.
    """
    rule.failures += 1
    rule.save(update_fields=["failures", "updated_at"])
    if rule.failures >= FAILURES_BEFORE_STOP:
        stop_rule(rule, Quarantine.FAILURES, detail, now=now)


@transaction.atomic
def blame_rule(rule_id: uuid.UUID, detail: str, *, now: dt.datetime) -> None:
    """Count a failure of a rule that is not locked yet; nothing if it is gone."""
    rules = AutomationRule.objects.select_for_update(of=("self",), no_key=True)
    rule = rules.filter(id=rule_id).first()
    if rule is not None:
        note_failure(rule, detail, now=now)


def note_success(rule: AutomationRule) -> None:
    """Forget failures. Call it with the rule locked."""
    if rule.failures:
        rule.failures = 0
        rule.save(update_fields=["failures", "updated_at"])


def stop_rule(rule: AutomationRule, reason: Quarantine, detail: str, *, now: dt.datetime) -> None:
    """Stop a rule until somebody arms it again, and raise an alarm. Call it with it locked."""
    if rule.quarantine:
        return
    rule.quarantine, rule.quarantine_detail = reason, detail[:500]
    rule.quarantined_at = now
    rule.save(update_fields=["quarantine", "quarantine_detail", "quarantined_at", "updated_at"])
    record_event(
        action="automation_rule.stopped", now=now, tenant_id=rule.tenant_id, obj=rule,
        label=rule.name, detail={"reason": reason.value, "detail": detail[:500]},
    )  # fmt: skip
    _tell(rule, reason, detail, now)


def _tell(rule: AutomationRule, reason: Quarantine, detail: str, now: dt.datetime) -> None:
    check = effective_checks()[CODE]
    if not check.is_enabled:
        return
    title, text, advice = words_in_english(check, value=None, subject=rule.name)
    raise_alarm(
        Sign(
            tenant_id=rule.tenant_id, key=alarm_key(rule), source=Source.SYSTEM, code=CODE,
            title=title, subject=rule.name, severity=check.severity,
            text=f"{text} ({reason.value}) {detail}"[:300], advice=advice, site_id=rule.site_id,
        ),
        at=now, now=now,
    )  # fmt: skip


def arm_rule(rule: AutomationRule, *, now: dt.datetime) -> None:
    """Let a stopped rule act again, and end its alarm. Call it with the rule locked."""
    if not rule.quarantine:
        return
    before = {"quarantine": rule.quarantine, "detail": rule.quarantine_detail}
    rule.quarantine, rule.quarantine_detail, rule.quarantined_at = "", "", None
    rule.failures = 0
    rule.save(
        update_fields=[
            "quarantine", "quarantine_detail", "quarantined_at", "failures", "updated_at",
        ]
    )  # fmt: skip
    record_event(
        action="automation_rule.armed", now=now, tenant_id=rule.tenant_id, obj=rule,
        label=rule.name, detail=before,
    )  # fmt: skip
    end_alarm(rule, now=now)


def end_alarm(rule: AutomationRule, *, now: dt.datetime) -> None:
    """End the alarm of a stopped rule, also when it is switched off or deleted."""
    clear_alarm(rule.tenant_id, alarm_key(rule), at=now, now=now)


def alarm_key(rule: AutomationRule) -> str:
    """Return the key of the alarm that says that a rule is stopped."""
    return system_key(CODE, str(rule.id))
