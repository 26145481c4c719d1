"""Bodies that are right, about the objects of a world. A new endpoint: add its line here."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from automation.queries.rule_files import export_rules
from devices.firmware.keys import encode, make_private_key, public_key_of
from tests.isolation.boxes import CODE
from tests.isolation.world import World

Body = dict[str, Any]
_PRICES = {"components": [{"kind": "flat", "name": "energy", "price": "0.3"}]}
_RULE = {"definition": {"when": {"kind": "threshold", "above": 5}}}
_UNTIL = "2027-01-01T00:00:00Z"


def _device(world: World) -> str:
    return str(world.objects["device_id"])


def _times(world: World) -> Body:
    return {
        "site": str(world.objects["site_id"]),
        "definition": {"when": {"kind": "times", "at": ["06:00"]}},
    }


def _tells(world: World) -> list[Body]:
    return [{"kind": "notify", "targets": [str(world.objects["target_id"])]}]


def _source(world: World) -> Body:
    return {"device": _device(world), "metric": "active_power_net"}


def _claim(world: World) -> Body:
    return {
        "hardware_id": f"{world.word}-box", "code": CODE, "site": str(world.objects["site_id"]),
        "zone": str(world.objects["zone_id"]), "name": "new", "profile": world.facts["profile"],
    }  # fmt: skip


def _campaign(world: World) -> Body:
    return {
        "name": "new", "release": str(world.objects["release_id"]), "devices": [_device(world)],
        "site": str(world.objects["site_id"]), "zone": str(world.objects["zone_id"]),
    }  # fmt: skip


def _automation(world: World) -> Body:
    source = {"kind": "value", "channel": _source(world), "above": 5}
    action = {"kind": "mode", "zone": str(world.objects["zone_id"]), "mode": "auto"}
    return {"definition": {"when": [{"kind": "samples", "that": source}], "then": [action]}}


def _automation_file(world: World) -> Body:
    with world.scope():
        return json.loads(export_rules())


def _target(_world: World) -> Body:
    return {"name": "new", "kind": "webhook", "address": "https://example.com/hook"}


def _route(world: World) -> Body:
    steps = [{"target": str(world.objects["target_id"]), "after_seconds": 60}]
    return {"name": "new", "site": str(world.objects["site_id"]), "steps": steps}


def _rota(world: World) -> Body:
    return {
        "name": "new", "first_date": "2026-11-02", "people": [str(world.people["viewer"].pk)],
        "stand_ins": [
            {"start": "2026-12-01T00:00:00Z", "end": _UNTIL, "person": None}
        ],
    }  # fmt: skip


def _load(world: World) -> Body:
    return {
        "name": "new", "device": _device(world), "rated_kw": 2,
        "shed_command": "pump_off", "restore_command": "pump_on",
    }  # fmt: skip


def _tag(world: World) -> Body:
    return {
        "uid": "04AABBCC", "site": str(world.objects["site_id"]),
        "user": str(world.people["viewer"].pk), "kwh_quota": "100",
    }  # fmt: skip


def table(world: World) -> str:
    """Return a fleet of one device, at the world's site."""
    row = f"imported-1,{world.facts['profile']},{world.word} site,new"
    return f"hardware_id,profile,site,name\n{row}\n"


EXAMPLES: dict[str, Callable[[World], Body]] = {
    "POST /api/v1/notifications/targets": _target,
    "PUT /api/v1/notifications/targets/{target_id}": _target,
    "POST /api/v1/notifications/targets/{target_id}/test": lambda _world: {},
    "POST /api/v1/notifications/targets/{target_id}/secret": lambda _world: {},
    "POST /api/v1/notifications/routes": _route,
    "PUT /api/v1/notifications/routes/{route_id}": _route,
    "POST /api/v1/notifications/rotas": _rota,
    "PUT /api/v1/notifications/rotas/{rota_id}": _rota,
    "POST /api/v1/notifications/messages/{message_id}/retry": lambda _world: {},
    "PUT /api/v1/notifications/mine": lambda _world: {"kinds": ["email"]},
    "POST /api/v1/notifications/notes/read": lambda _world: {},
    "POST /api/v1/notifications/push": lambda _world: {
        "endpoint": "https://push.example.com/one",
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6"
            "SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    },
    "POST /api/v1/alarms/actions": lambda w: {
        "action": "assign", "alarms": [str(w.objects["alarm_id"])],
        "assignee": str(w.people["viewer"].pk),
    },
    "POST /api/v1/alarms/{alarm_id}/acknowledge": lambda _world: {"text": "new"},
    "POST /api/v1/alarms/{alarm_id}/unacknowledge": lambda _world: {},
    "POST /api/v1/alarms/{alarm_id}/assign": lambda w: {"assignee": str(w.people["viewer"].pk)},
    "POST /api/v1/alarms/{alarm_id}/comment": lambda _world: {"text": "new"},
    "POST /api/v1/alarms/{alarm_id}/snooze": lambda _world: {"until": None},
    "POST /api/v1/alarms/{alarm_id}/clear": lambda _world: {"text": "new"},
    "POST /api/v1/alarms/{alarm_id}/rate": lambda _world: {"rating": "useful"},
    "POST /api/v1/devices/{device_id}/readings": lambda w: {
        "metric": "active_power_net", "value": 4.5, "reason": "new",
        "at": (w.facts["measured_at"] + dt.timedelta(minutes=1)).isoformat(),
    },
    "POST /api/v1/devices/{device_id}/corrections": lambda w: {
        "metric": "active_power_net", "value": 4.5, "reason": "new",
        "at": w.facts["measured_at"].isoformat(),
    },
    "POST /api/v1/sites/{site_id}/annotations": lambda w: {
        "start": w.facts["measured_at"].isoformat(), "text": "new", "device": _device(w),
    },
    "PATCH /api/v1/annotations/{annotation_id}": lambda w: {"text": "new", "device": _device(w)},
    "POST /api/v1/maintenance-windows": lambda w: {
        "name": "new", "end": _UNTIL, "device": _device(w),
    },
    "PATCH /api/v1/maintenance-windows/{window_id}": lambda _world: {"name": "new"},
    "POST /api/v1/shelvings": lambda w: {
        "alarm": str(w.rows["alarms.Alarm"].id), "until": _UNTIL, "reason": "new",
    },
    "POST /api/v1/devices/{device_id}/quality/request": lambda _world: {},
    "PATCH /api/v1/devices/{device_id}": lambda w: {
        "name": "new", "serial_number": "A1", "zone": str(w.objects["zone_id"]),
        "tags": ["new"],
    },
    "PATCH /api/v1/gateways/{gateway_id}": lambda w: {"name": "new"},
    "PATCH /api/v1/sites/{site_id}": lambda w: {"name": "new"},
    "PATCH /api/v1/zones/{zone_id}": lambda w: {"name": "new"},
    "POST /api/v1/devices": lambda w: {
        "site": str(w.objects["site_id"]), "zone": str(w.objects["zone_id"]), "gateway": None,
        "profile": w.facts["profile"], "uid": "made-1", "name": "new",
    },
    "POST /api/v1/gateways": lambda w: {
        "site": str(w.objects["site_id"]), "uid": f"{w.word}-made", "name": "new"
    },
    "POST /api/v1/sites": lambda w: {"name": "new", "timezone": "Europe/Berlin"},
    "POST /api/v1/zones": lambda w: {"site": str(w.objects["site_id"]), "name": "new"},
    "POST /api/v1/batches": lambda w: {
        "name": "restart", "devices": [_device(w)], "site": str(w.objects["site_id"]),
        "zone": str(w.objects["zone_id"]),
    },
    "POST /api/v1/batches/preview": lambda w: {
        "name": "restart", "devices": [_device(w)], "site": str(w.objects["site_id"]),
        "zone": str(w.objects["zone_id"]),
    },
    "POST /api/v1/bootstrap/credentials": lambda w: {
        "hardware_id": w.facts["claimed"].hardware_id
    },
    "POST /api/v1/bootstrap/hello": lambda w: {
        "hardware_id": "02aabbccddee", "code_sha256": "0f" * 32, "model": "meter"
    },
    "POST /api/v1/bootstrap/onboard": lambda w: {"token": w.facts["token"]},
    "POST /api/v1/campaigns": _campaign,
    "POST /api/v1/campaigns/preview": _campaign,
    "POST /api/v1/campaigns/{campaign_id}/cancel": lambda w: {"reason": "tests"},
    "POST /api/v1/campaigns/{campaign_id}/pause": lambda w: {"reason": "tests"},
    "POST /api/v1/campaigns/{campaign_id}/resume": lambda w: {"reason": "tests"},
    "POST /api/v1/devices/{device_id}/certificates": lambda w: {"generate_key": True},
    "POST /api/v1/devices/{device_id}/certificates/{serial}/renew": lambda w: {
        "generate_key": True
    },
    "POST /api/v1/devices/{device_id}/certificates/{serial}/revoke": lambda w: {"note": "lost"},
    "POST /api/v1/devices/{device_id}/commands": lambda w: {"name": "restart"},
    "PUT /api/v1/devices/{device_id}/configuration": lambda w: {
        "config": {"interval_s": 30}, "reason": "tests"
    },
    "POST /api/v1/devices/{device_id}/configuration/revert": lambda w: {
        "revision": 1, "reason": "tests"
    },
    "PUT /api/v1/devices/{device_id}/maintenance": lambda w: {"is_on": True},
    "POST /api/v1/devices/{device_id}/shut-out": lambda w: {"note": "stolen"},
    "POST /api/v1/devices/{device_id}/swap": lambda w: {
        "hardware_id": w.facts["spare"].hardware_id, "code": w.facts["spare"].code
    },
    "POST /api/v1/emergency-stops": lambda w: {"scope": "device", "target": _device(w)},
    "POST /api/v1/emergency-stops/{stop_id}/release": lambda w: {"reason": "all is well"},
    "POST /api/v1/firmware/keys": lambda w: {
        "name": "new", "public_key": encode(public_key_of(make_private_key()))
    },
    "POST /api/v1/firmware/published": lambda w: {"published": str(w.facts["published"])},
    "POST /api/v1/gateways/{gateway_id}/zigbee/pairing-tokens": lambda w: {"minutes": 60},
    "POST /api/v1/gateways/{gateway_id}/zigbee/permit-join": lambda w: {"seconds": 60},
    "POST /api/v1/zigbee/claims/{zigbee_claim_id}/accept": lambda w: {"name": "new"},
    "PATCH /api/v1/zigbee/nodes/{zigbee_node_id}": lambda w: {"friendly_name": "new"},
    "POST /api/v1/invitations": lambda w: {"email": "new@new.example", "role": "viewer"},
    "POST /api/v1/keys": lambda w: {"name": "reader", "permissions": ["read:device"]},
    "POST /api/v1/keys/{key_id}/rotate": lambda w: {"overlap_hours": 1},
    "PATCH /api/v1/members/{member_id}": lambda w: {"role": "viewer"},
    "POST /api/v1/provisioning/claims": _claim,
    "POST /api/v1/provisioning/fleet": lambda w: {"table": table(w), "dry_run": False},
    "POST /api/v1/provisioning/nodes": lambda w: {
        "hardware_id": f"{w.word}-node", "name": "new", "profile": w.facts["profile"],
        "zone": str(w.objects["zone_id"]),
    },
    "PUT /api/v1/provisioning/policy": lambda w: {"lists_nodes": True},
    "POST /api/v1/provisioning/transfers/accept": lambda w: {
        "code": w.offer, "site": str(w.objects["site_id"]), "name": "new"
    },
    "POST /api/v1/roles": lambda w: {"name": "own", "permissions": ["read:device"]},
    "PATCH /api/v1/roles/{role_id}": lambda w: {"name": "own"},
    "POST /api/v1/shares": lambda w: {
        "device": _device(w), "email": "removed@elsewhere.example",
        "permissions": ["read:device"], "expires_at": _UNTIL,
    },
    "PATCH /api/v1/shares/{share_id}": lambda w: {"expires_at": _UNTIL},
    "POST /api/v1/ingest": lambda w: {"device": _device(w), "values": {"active_power_net": 1.5}},
    "POST /api/v1/exports": lambda w: {
        "device": [str(w.device.id)], "metric": ["active_power_net"], "interval": "1h"
    },
    "POST /api/v1/meters": lambda w: {
        "site": str(w.objects["site_id"]), "name": "new", "parent": str(w.objects["meter_id"]),
        "sources": [_source(w)],
    },
    "PUT /api/v1/meters/{meter_id}": lambda w: {"name": "new"},
    "POST /api/v1/meters/{meter_id}/installations": lambda w: {
        "removed_at": (w.facts["measured_at"] - dt.timedelta(minutes=1)).isoformat(),
        "sources": [_source(w)],
    },
    "POST /api/v1/meters/{meter_id}/decisions/{decision_id}/keep": lambda _world: {
        "reason": "new"
    },
    "POST /api/v1/meters/{meter_id}/bookings": lambda w: {
        "start": (w.facts["measured_at"] - dt.timedelta(hours=1)).isoformat(),
        "end": w.facts["measured_at"].isoformat(), "amount": "1.5", "reason": "new",
    },
    "POST /api/v1/reports": lambda w: {
        "template": str(w.objects["report_template_id"])
    },
    "POST /api/v1/reports/templates": lambda w: {
        "name": "new", "site": str(w.objects["site_id"]),
        "recipients": [w.people["viewer"].email],
    },
    "PUT /api/v1/reports/templates/{report_template_id}": lambda w: {
        "name": "new", "site": str(w.objects["site_id"]), "schedule": "daily",
        "recipients": [w.people["viewer"].email],
    },
    "POST /api/v1/virtual-channels": lambda w: {
        "device": _device(w), "metric": "half_power", "unit": "kW", "formula": "p / 2",
        "inputs": [{"name": "p", "device": str(w.device.id), "metric": "active_power_net"}],
    },
    "PUT /api/v1/virtual-channels/{virtual_id}": lambda w: {
        "formula": "p / 2",
        "inputs": [{"name": "p", "device": str(w.device.id), "metric": "active_power_net"}],
    },
    "PUT /api/v1/energy/budget": lambda w: {
        "scope": f"site:{w.objects['site_id']}", "year": 2027, "amounts": ["10"] * 12,
    },
    "POST /api/v1/energy/baseline": lambda w: {
        "scope": f"meter:{w.objects['meter_id']}", "start": "2025-01-01", "end": "2026-01-01",
        "counted_from": "2026-01-01",
    },
    "PUT /api/v1/automation/zones/{zone_id}": lambda _world: {"roles": [], "controllers": []},
    "POST /api/v1/automation/zones/{zone_id}/mode": lambda _world: {"mode": "manual"},
    "POST /api/v1/automation/zones/{zone_id}/recipe": lambda w: {
        "do": "start", "recipe": str(w.objects["recipe_id"])
    },
    "POST /api/v1/automation/recipes": lambda _world: {"name": "new", "phases": [{"name": "a"}]},
    "PUT /api/v1/automation/recipes/{recipe_id}": lambda _world: {
        "name": "changed", "phases": [{"name": "a"}]
    },
    "POST /api/v1/bridge/zones/{zone_id}/commands": lambda w: {
        "device": str(w.objects["device_id"]), "name": "pump_on"
    },
    "POST /api/v1/alarm-rules": lambda w: _RULE | {
        "name": f"{w.word} new", "scope": {"channel": _source(w)}
    },
    "POST /api/v1/alarm-rules/back-test": lambda w: _RULE | {"scope": {"channel": _source(w)}},
    "POST /api/v1/alarm-rules/import": lambda w: {
        "kind": "alarm-rules", "version": 1,
        "rules": [_RULE | {"name": f"{w.word} file", "scope": {"metric": "power_factor"}}],
    },
    "POST /api/v1/alarm-rules/templates": lambda _world: {"code": "frequency"},
    "PATCH /api/v1/alarm-rules/{alarm_rule_id}": lambda _world: _RULE | {"is_enabled": True},
    "POST /api/v1/alarm-rules/{alarm_rule_id}/restore": lambda w: {
        "number": w.rows["alarms.AlarmRuleVersion"].number
    },
    "POST /api/v1/automation/schedules": lambda w: _times(w) | {
        "name": "new", "zone": str(w.objects["zone_id"]), "actions": _tells(w),
    },
    "PATCH /api/v1/automation/schedules/{schedule_id}": lambda w: {
        "name": "new", "actions": _tells(w),
    },
    "POST /api/v1/automation/schedules/preview": lambda w: _times(w),
    "POST /api/v1/automation/schedules/{schedule_id}/run": lambda _world: {"edge": "start"},
    "POST /api/v1/automation/executions/{execution_id}/agree": lambda _world: {},
    "POST /api/v1/automation/executions/{execution_id}/decline": lambda _world: {},
    "POST /api/v1/automation/executions/{execution_id}/cancel": lambda _world: {},
    "PATCH /api/v1/charging/charge-points/{charge_point_id}": lambda w: {
        "name": "new", "price": str(w.objects["charging_price_id"]),
    },
    "POST /api/v1/charging/charge-points/{charge_point_id}/start": lambda _world: {"connector": 1},
    "POST /api/v1/charging/charge-points/{charge_point_id}/stop": lambda _world: {"connector": 1},
    "POST /api/v1/charging/charge-points/{charge_point_id}/max-current": lambda _world: {
        "amps": 10,
    },
    "POST /api/v1/charging/charge-points/{charge_point_id}/lock": lambda _world: {"connector": 1},
    "POST /api/v1/charging/charge-points/{charge_point_id}/unlock": lambda _world: {"connector": 1},
    "POST /api/v1/charging/tags": _tag,
    "PATCH /api/v1/charging/tags/{id_tag_id}": _tag,
    "POST /api/v1/charging/prices": lambda _world: {
        "name": "new", "currency": "EUR", "energy_price": "0.5",
    },
    "PATCH /api/v1/charging/prices/{charging_price_id}": lambda _world: {"session_fee": "1"},
    "POST /api/v1/automation/guards": lambda w: {
        "name": "new", "meter": str(w.objects["meter_id"]), "limit_kw": 100,
    },
    "PATCH /api/v1/automation/guards/{guard_id}": lambda _world: {"name": "new"},
    "POST /api/v1/automation/guards/{guard_id}/loads": _load,
    "PATCH /api/v1/automation/loads/{load_id}": _load,
    "POST /api/v1/automation/loads/{load_id}/shed": lambda _world: {},
    "POST /api/v1/automation/loads/{load_id}/restore": lambda _world: {},
    "POST /api/v1/automation/rules": lambda w: _automation(w) | {
        "name": f"{w.word} new rule", "site": str(w.objects["site_id"]),
    },
    "PATCH /api/v1/automation/rules/{automation_rule_id}": lambda w: _automation(w) | {
        "is_enabled": True, "site": str(w.objects["site_id"]),
    },
    "POST /api/v1/automation/rules/import": _automation_file,
    "POST /api/v1/automation/rules/replay": lambda w: _automation(w) | {
        "site": str(w.objects["site_id"])
    },
    "POST /api/v1/automation/rules/{automation_rule_id}/rollback": lambda w: {
        "number": w.rows["automation.AutomationRuleVersion"].number
    },
    "POST /api/v1/automation/rules/{automation_rule_id}/enable": lambda _world: {},
    "POST /api/v1/automation/rules/{automation_rule_id}/disable": lambda _world: {},
    "POST /api/v1/automation/rules/{automation_rule_id}/dry": lambda _world: {"is_dry": True},
    "POST /api/v1/automation/rules/{automation_rule_id}/arm": lambda _world: {},
    "POST /api/v1/automation/rules/{automation_rule_id}/hook": lambda _world: {},
    "POST /api/v1/tariffs": lambda _world: {"name": "new", "currency": "EUR"},
    "POST /api/v1/tariffs/{tariff_id}/versions": lambda _world: {
        "valid_from": "2026-01-01", "definition": _PRICES
    },
    "POST /api/v1/tariffs/{tariff_id}/preview": lambda _world: {
        "valid_from": "2026-11-01", "definition": _PRICES
    },
    "POST /api/v1/tariff-assignments": lambda w: {
        "site": str(w.objects["site_id"]), "meter": str(w.objects["meter_id"]),
        "tariff": str(w.objects["tariff_id"]), "valid_from": "2027-01-01",
    },
    "POST /api/v1/prices": lambda _world: {
        "series": "spot", "document": "2026-01-01T00:00Z,0.1", "currency": "EUR"
    },
    "POST /api/v1/billing-periods": lambda w: {
        "site": str(w.objects["site_id"]), "start": "2025-01-01", "end": "2025-02-01"
    },
    "POST /api/v1/billing-periods/{period_id}/close": lambda _world: {},
    "POST /api/v1/cost-centres": lambda w: {
        "site": str(w.objects["site_id"]), "name": "new", "meter": str(w.objects["meter_id"]),
    },
    "PUT /api/v1/cost-centres/{centre_id}": lambda w: {"name": "new"},
    "POST /api/v1/allocation-keys": lambda w: {
        "site": str(w.objects["site_id"]), "name": "new", "method": "fixed",
        "meter": str(w.objects["meter_id"]),
        "shares": [{"cost_centre": str(w.objects["centre_id"]), "percent": "100"}],
    },
    "PUT /api/v1/allocation-keys/{allocation_key_id}": lambda w: {
        "name": "new", "method": "fixed",
        "shares": [{"cost_centre": str(w.objects["centre_id"]), "percent": "100"}],
    },
    "POST /api/v1/imports": lambda w: {
        "device": _device(w), "file_name": "meter.csv", "size": 100
    },
    "PATCH /api/v1/imports/{import_id}": lambda w: {"plan": {"zone": "UTC"}},
    "POST /api/v1/latest": lambda w: {"device": [str(w.device.id)]},
    "POST /api/v1/telemetry/query": lambda w: {
        "device": [str(w.device.id)], "metric": ["active_power_net"]
    },
}  # fmt: skip


def code_of(operation: str, world: World) -> str:
    """Return the code with which a box proves itself there; "" where people sign in."""
    return world.facts["claimed"].code if operation.endswith("bootstrap/credentials") else ""
