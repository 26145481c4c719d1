"""Sets a rule off because another program called its address."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.tenancy import all_tenants, tenant_scope
from automation.models import AutomationRule, Execution, ExecutionState, Reason
from automation.rules.definition import OnWebhook, read_rule
from automation.services.deciding import Fired, decide_triggers
from automation.services.ready import with_newest_version
from automation.services.rule_hooks import hash_of


class RuleUnknown(Exception):
    """No rule that may be called has this address."""


@dataclass(frozen=True, slots=True)
class Called:
    """What became of a call: the state of its execution, and why it was not done."""

    state: str
    reason: str


def call_rule(token: str, *, payload: Mapping[str, Any], key: str, now: dt.datetime) -> Called:
    """Set the rule of an address off, once for each key; a blank key is another one each time.

    Raises: RuleUnknown: also of a rule that is off, or that waits for no call any more.
    """
    with all_tenants():
        rules = AutomationRule.objects.filter(
            hook_hash=hash_of(token), is_enabled=True, tenant__suspended_at=None
        )
        rule = with_newest_version(rules).first()
    if rule is None or rule.definition is None:
        raise RuleUnknown
    number = _number(rule)
    name = f"{rule.newest}:{number}:hook:{key or uuid.uuid4().hex}"
    with tenant_scope(rule.tenant_id):
        if rule.quarantine:
            return Called(ExecutionState.SKIPPED.value, Reason.STOPPED.value)
        fired = Fired(
            rule_id=rule.id, version=rule.newest, key=name, at=now,
            trigger={"number": number, "kind": "webhook", "said": dict(payload)},
            payload=payload,
        )  # fmt: skip
        decide_triggers([fired], now=now)
        execution = Execution.objects.filter(origin_id=rule.id, trigger_key=name).first()
    if execution is None:  # it was changed at this moment, or is called too often to be kept
        return Called(ExecutionState.SKIPPED.value, "")
    return Called(execution.state, execution.reason)


def _number(rule: Any) -> int:
    for number, trigger in enumerate(read_rule(rule.definition).when):
        if isinstance(trigger, OnWebhook):
            return number
    raise RuleUnknown
