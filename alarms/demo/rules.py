"""Makes the alarm rules of the demo's tenants."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accounts.tenancy import tenant_scope
from alarms.models import AlarmRule
from alarms.queries.scopes import Scope
from alarms.services.rules import Content, create_rule
from devices.models import Channel

RULES_FILE = Path(__file__).with_name("rules.json")


def seed_rules(gateways: Sequence[Mapping[str, Any]], *, now: dt.datetime) -> int:
    """Make what is missing of the demo's rules, enabled; return how many were made.

    Args: gateways: those of the demo file.
    """
    plan: list[dict[str, Any]] = json.loads(RULES_FILE.read_text())
    made = 0
    for tenant in sorted({str(entry["tenant"]) for entry in gateways}):
        with tenant_scope(uuid.UUID(tenant)):
            made += sum(_make(wanted, now) for wanted in plan)
    return made


def _make(wanted: Mapping[str, Any], now: dt.datetime) -> bool:
    """Make a rule, unless there is one of its name, or nothing that it could watch."""
    if AlarmRule.objects.filter(name=wanted["name"]).exists():
        return False
    if not Channel.objects.filter(name=wanted["metric"]).exists():
        return False
    content = Content(wanted["definition"], wanted["text"], wanted["advice"])
    create_rule(
        name=wanted["name"], scope=Scope(metric=wanted["metric"]), content=content,
        is_enabled=True, now=now,
    )  # fmt: skip
    return True
