"""The triggers that tell viewers of alarms."""

from __future__ import annotations

import pgtrigger

from devices.live_types import EventType

_TELL = f"""
INSERT INTO devices_liveevent
    (tenant_id, event_id, type, severity, site_id, gateway_id, device_id, payload, occurred_at)
SELECT fresh.tenant_id, gen_random_uuid(), '{EventType.ALARM}', fresh.severity, fresh.site_id,
    fresh.gateway_id, fresh.device_id,
    jsonb_build_object(
        'alarm', fresh.id, 'state', CASE WHEN fresh.ending = '' THEN 'open' ELSE fresh.ending END,
        'title', fresh.title, 'subject', fresh.subject, 'is_acknowledged',
        fresh.acknowledged_at IS NOT NULL, 'suppressed', fresh.suppressed_because,
        'rule', fresh.rule_id)
    || CASE WHEN fresh.text <> '' THEN jsonb_build_object('message', left(fresh.text, 300))
        ELSE '{{}}' END,
    coalesce(fresh.cleared_at, fresh.raised_at)
FROM {{rows}}
"""  # noqa: S608 (made of constants of ours)
_MOVED = (
    "(NEW.ending, NEW.severity, NEW.suppressed_because, NEW.acknowledged_at, NEW.assignee_id, "
    "NEW.snoozed_until) IS DISTINCT FROM (OLD.ending, OLD.severity, OLD.suppressed_because, "
    "OLD.acknowledged_at, OLD.assignee_id, OLD.snoozed_until)"
)

OF_ALARMS = [
    pgtrigger.Trigger(
        name="tell_insert", level=pgtrigger.Statement, when=pgtrigger.After,
        operation=pgtrigger.Insert, referencing=pgtrigger.Referencing(new="fresh"),
        func=f"{_TELL.replace('{rows}', 'fresh')}; RETURN NULL;",
    ),
    pgtrigger.Trigger(
        name="tell_update", when=pgtrigger.After, operation=pgtrigger.Update,
        condition=pgtrigger.Condition(f"({_MOVED})"),
        func=f"{_TELL.replace('{rows}', '(SELECT NEW.*) AS fresh')}; RETURN NULL;",
    ),
]  # fmt: skip
