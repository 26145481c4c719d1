"""The triggers that write live events.

What is inserted is told by one trigger for each statement, not for each row: five thousand
gateways that come back are one INSERT, whose transition table is `fresh`. Updates are told
row by row, where the condition says that something moved: most touch one row, and a plan for
one would be kept for many. In the database, because the statuses of a herd and the moves of
commands are written by SQL of their own.
"""

# ruff: noqa: S608 (made of constants of ours, when the module is loaded)

from __future__ import annotations

import pgtrigger

from devices.command_states import PUBLIC, State
from devices.live_types import EventType

# a longer detail is left out: it stands in the object that the event names
DETAIL_BYTES = 1500
TEXT_LENGTH = 300

_INSERT = """
INSERT INTO devices_liveevent
    (tenant_id, event_id, type, severity, site_id, gateway_id, device_id, payload, occurred_at)
"""
# looked up by key for each row: a plan made for many rows would read all devices for one
_DEVICE = """LEFT JOIN LATERAL (
    SELECT found.id, found.site_id, found.gateway_id FROM devices_device AS found
    WHERE found.id = {key} OFFSET 0
) AS device ON true"""
_OF_DEVICE = _DEVICE.format(key="fresh.device_id")
_ROW = "(SELECT NEW.*) AS fresh"
_WARNING = "('warning', 'error', 'critical')"


def _detail(column: str, name: str) -> str:
    return (
        f"CASE WHEN {column} <> '{{}}' AND octet_length({column}::text) <= {DETAIL_BYTES} "
        f"THEN jsonb_build_object('{name}', {column}) ELSE '{{}}' END"
    )


def _text(column: str, name: str) -> str:
    return (
        f"CASE WHEN {column} <> '' THEN jsonb_build_object('{name}', left({column}, {TEXT_LENGTH}))"
        " ELSE '{}' END"
    )


_DEVICE_EVENT = f"""
SELECT fresh.tenant_id, gen_random_uuid(),
    CASE fresh.kind
        WHEN 'presence' THEN '{EventType.DEVICE_STATUS}'
        WHEN 'gateway_presence' THEN '{EventType.GATEWAY_STATUS}'
        WHEN 'actuator' THEN '{EventType.ACTUATOR_ALERT}'
        WHEN 'actuator_alert' THEN '{EventType.ACTUATOR_ALERT}'
        WHEN 'device_error' THEN '{EventType.ESP_HEALTH}'
        WHEN 'alarm' THEN '{EventType.ALARM}'
        ELSE CASE WHEN fresh.severity IN {_WARNING} THEN '{EventType.ALARM}'
            ELSE '{EventType.DEVICE_EVENT}' END
    END,
    fresh.severity, device.site_id, device.gateway_id, fresh.device_id,
    jsonb_build_object('id', fresh.id, 'kind', fresh.kind, 'code', fresh.code)
    || CASE WHEN fresh.kind IN ('presence', 'gateway_presence')
        THEN jsonb_build_object('status', lower(fresh.code)) ELSE '{{}}' END
    || {_text("fresh.message", "message")} || {_detail("fresh.detail", "detail")},
    fresh.at
FROM fresh {_OF_DEVICE}
ORDER BY fresh.at
"""
_PUBLIC_STATE = (
    f"CASE WHEN fresh.state = '{State.ACK}' AND fresh.code = 'received' THEN 'delivered' "
    + "ELSE CASE fresh.state "
    + " ".join(f"WHEN '{state}' THEN '{word}'" for state, word in PUBLIC.items())
    + " END END"
)
_FAILED = "('failed', 'rejected', 'expired')"
_COMMAND = f"""
SELECT fresh.tenant_id, gen_random_uuid(), told.type,
    CASE WHEN {_PUBLIC_STATE} IN {_FAILED} THEN 'warning' ELSE 'info' END,
    device.site_id, device.gateway_id, fresh.device_id,
    jsonb_build_object('command', fresh.id, 'name', fresh.name, 'state', {_PUBLIC_STATE},
        'by', fresh.principal_label)
    || {_text("fresh.code", "code")} || {_text("fresh.actuator", "actuator")}
    || {_text("fresh.detail", "detail")}
    || CASE WHEN told.type = '{EventType.ACTUATOR_RESPONSE}'
        THEN {_detail("fresh.answer", "answer")} ELSE '{{}}' END,
"""
_COMMAND_MADE = f"""
{_COMMAND} fresh.requested_at
FROM fresh CROSS JOIN (VALUES ('{EventType.COMMAND}')) AS told (type) {_OF_DEVICE}
"""
# what the device itself says about an actuator is told twice: also as its answer
_COMMAND_MOVED = f"""
{_COMMAND} fresh.updated_at
FROM {_ROW}
CROSS JOIN (VALUES ('{EventType.COMMAND}'), ('{EventType.ACTUATOR_RESPONSE}')) AS told (type)
{_OF_DEVICE}
WHERE told.type = '{EventType.COMMAND}' OR (
    fresh.actuator <> '' AND fresh.delivered_at IS NOT NULL
    AND fresh.state IN ('ack', 'done', 'no_effect', 'error', 'invalid', 'busy'))
"""
_STOP = f"""
SELECT fresh.tenant_id, gen_random_uuid(), '{EventType.EMERGENCY_STOP}',
    CASE WHEN fresh.released_at IS NULL THEN 'critical' ELSE 'warning' END,
    coalesce(device.site_id, zone.site_id,
        CASE WHEN fresh.scope = 'site' THEN fresh.target_id END),
    device.gateway_id, device.id,
    jsonb_build_object('stop', fresh.id, 'scope', fresh.scope, 'target', fresh.target_id,
        'label', fresh.target_label,
        'state', CASE WHEN fresh.released_at IS NULL THEN 'pressed' ELSE 'released' END,
        'by', CASE WHEN fresh.released_at IS NULL THEN fresh.pressed_by
            ELSE fresh.released_by END)
    || CASE WHEN fresh.released_at IS NULL THEN {_text("fresh.reason", "reason")}
        ELSE {_text("fresh.release_reason", "reason")} END,
    coalesce(fresh.released_at, fresh.pressed_at)
FROM {{rows}}
{_DEVICE.format(key="CASE WHEN fresh.scope = 'device' THEN fresh.target_id END")}
LEFT JOIN devices_zone AS zone ON fresh.scope = 'zone' AND zone.id = fresh.target_id
"""
_CLAIM = f"""
SELECT fresh.tenant_id, gen_random_uuid(), '{EventType.CLAIM}', 'info',
    device.site_id, device.gateway_id, fresh.device_id,
    jsonb_build_object('claim', fresh.id, 'state', fresh.state, 'hardware_id', fresh.hardware_id),
    coalesce(fresh.ended_at, fresh.owned_at, fresh.delivered_at, fresh.ready_at, fresh.claimed_at)
FROM {{rows}} {_OF_DEVICE}
"""
_CONFIGURATION = f"""
SELECT fresh.tenant_id, gen_random_uuid(), '{EventType.CONFIG_RESPONSE}',
    CASE fresh.state WHEN 'refused' THEN 'error' ELSE 'info' END,
    device.site_id, device.gateway_id, fresh.device_id,
    jsonb_build_object('revision', fresh.revision, 'state', fresh.state)
    || {_text("fresh.error_code", "code")} || {_text("fresh.error", "message")},
    coalesce(fresh.answered_at, fresh.updated_at)
FROM {_ROW} {_OF_DEVICE}
"""
_ACTUATOR = f"""
SELECT fresh.tenant_id, gen_random_uuid(), '{EventType.ACTUATOR_STATUS}', 'info',
    device.site_id, device.gateway_id, fresh.device_id,
    jsonb_build_object('actuator', fresh.actuator, 'is_on', fresh.is_on, 'value', fresh.value),
    fresh.reported_at
FROM {{rows}} {_OF_DEVICE}
WHERE fresh.reported_at IS NOT NULL
"""


def _on_insert(select: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="tell_insert",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="fresh"),
        func=f"{_INSERT} {select}; RETURN NULL;",
    )


def _on_update(select: str, *, moved: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name="tell_update",
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition(f"({moved})"),
        func=f"{_INSERT} {select}; RETURN NULL;",
    )


def _rows(select: str) -> tuple[str, str]:
    """Return the two statements of what is told alike: of a transition table, and of a row."""
    return select.replace("{rows}", "fresh"), select.replace("{rows}", _ROW)


_STOPS, _STOP_ROW = _rows(_STOP)
_CLAIMS, _CLAIM_ROW = _rows(_CLAIM)
_ACTUATORS, _ACTUATOR_ROW = _rows(_ACTUATOR)

OF_DEVICE_EVENTS = [_on_insert(_DEVICE_EVENT)]
OF_COMMANDS = [
    _on_insert(_COMMAND_MADE),
    _on_update(
        _COMMAND_MOVED, moved="(NEW.state, NEW.code) IS DISTINCT FROM (OLD.state, OLD.code)"
    ),
]
OF_STOPS = [
    _on_insert(_STOPS),
    _on_update(_STOP_ROW, moved="(NEW.released_at IS NULL) <> (OLD.released_at IS NULL)"),
]
OF_CLAIMS = [_on_insert(_CLAIMS), _on_update(_CLAIM_ROW, moved="NEW.state <> OLD.state")]
OF_CONFIGURATIONS = [
    _on_update(
        _CONFIGURATION, moved="NEW.state <> OLD.state AND NEW.state IN ('applied', 'refused')"
    )
]
OF_ACTUATORS = [
    _on_insert(_ACTUATORS),
    _on_update(
        _ACTUATOR_ROW, moved="(NEW.is_on, NEW.value) IS DISTINCT FROM (OLD.is_on, OLD.value)"
    ),
]
