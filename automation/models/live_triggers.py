"""The triggers that tell viewers what automation does."""

from __future__ import annotations

import pgtrigger

from devices.live_types import EventType

_TELL = f"""
INSERT INTO devices_liveevent
    (tenant_id, event_id, type, severity, site_id, payload, occurred_at)
SELECT fresh.tenant_id, gen_random_uuid(), '{EventType.LOGIC_EXECUTION}',
    CASE WHEN fresh.state IN ('failed', 'refused') THEN 'warning' ELSE 'info' END, fresh.site_id,
    jsonb_build_object(
        'execution', fresh.id, 'origin', fresh.origin, 'origin_id', fresh.origin_id,
        'name', fresh.label, 'state', fresh.state, 'reason', fresh.reason, 'zone', fresh.zone_id),
    coalesce(fresh.finished_at, fresh.decided_at)
FROM {{rows}}
"""  # noqa: S608 (made of constants of ours)

OF_EXECUTIONS = [
    pgtrigger.Trigger(
        name="tell_insert", level=pgtrigger.Statement, when=pgtrigger.After,
        operation=pgtrigger.Insert, referencing=pgtrigger.Referencing(new="fresh"),
        func=f"{_TELL.replace('{rows}', 'fresh')}; RETURN NULL;",
    ),
    pgtrigger.Trigger(
        name="tell_update", when=pgtrigger.After, operation=pgtrigger.Update,
        condition=pgtrigger.Condition("(NEW.state IS DISTINCT FROM OLD.state)"),
        func=f"{_TELL.replace('{rows}', '(SELECT NEW.*) AS fresh')}; RETURN NULL;",
    ),
]  # fmt: skip
