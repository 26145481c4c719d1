"""Makes a rule, a schedule, a demand guard and a zone with a recipe for the demo."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from automation.models import AutomationRule, DemandGuard, Schedule
from automation.services.guards import add_load, create_guard
from automation.services.recipes import create_recipe
from automation.services.rules import Wish, create_rule
from automation.services.schedules import create_schedule
from automation.services.zone_recipes import start_recipe
from automation.services.zones import configure_zone
from devices.models import Channel, Device, Site, Zone
from devices.services.commanders import Robot
from devices.services.fleet_additions import add_zone
from metering.models import Quantity, Register

PLAN_FILE = Path(__file__).with_name("automation.json")
SEED = Robot("demo", "Demo")
RELAY_SECONDS = 300  # no longer does a board let a relay run

Plan = dict[str, Any]


def seed_automation(*, now: dt.datetime) -> int:
    """Make what is missing; return how many were made."""
    plans: dict[str, Plan] = json.loads(PLAN_FILE.read_text())
    made = 0
    for slug, plan in plans.items():
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            continue
        with tenant_scope(tenant.id):
            site = Site.objects.get(name=plan["site"])
            relays = Device.objects.get(site=site, uid=plan["relays"])
            made += _rule(plan["rule"], site, relays, now)
            made += _schedule(plan["schedule"], site, relays, now)
            made += _guard(plan["guard"], site, relays, now)
            made += _zone(plan["zone"], plan["recipe"], site, relays, now)
    return made


def _rule(wanted: Plan, site: Site, relays: Device, now: dt.datetime) -> bool:
    if AutomationRule.objects.filter(name=wanted["name"]).exists():
        return False
    channel = Channel.objects.get(
        device__site=site, device__uid=wanted["device"], name=wanted["channel"]
    )
    above = {"kind": "value", "channel": channel.id, "above": wanted["above"],
             "clear": wanted["clear"]}  # fmt: skip
    definition = {
        "when": [{"kind": "samples", "that": above}],
        "then": [_on(relays, wanted["relay"], wanted["seconds"])],
        "cooldown": wanted["cooldown"],
    }
    wish = Wish(name=wanted["name"], site=site.id, is_enabled=True, definition=definition)
    create_rule(wish, actor=SEED, now=now)
    return True


def _schedule(wanted: Plan, site: Site, relays: Device, now: dt.datetime) -> bool:
    if Schedule.objects.filter(name=wanted["name"]).exists():
        return False
    create_schedule(
        name=wanted["name"], site=site, definition={"when": {"kind": "times", "at": wanted["at"]}},
        actions=[_on(relays, wanted["relay"], wanted["seconds"])], actor=SEED, now=now,
    )  # fmt: skip
    return True


def _guard(wanted: Plan, site: Site, relays: Device, now: dt.datetime) -> bool:
    """Make a guard that warns; its loads hang on contacts that open when a relay is on."""
    if DemandGuard.objects.filter(name=wanted["name"]).exists():
        return False
    register = Register.objects.select_related("meter__site").get(
        meter__site=site, meter__name=wanted["meter"], quantity=Quantity.IMPORT
    )
    fields = {name: wanted[name] for name in ("name", "limit_kw", "margin_kw", "peak_price")}
    guard = create_guard(fields=fields, register=register, now=now)
    for load in wanted["loads"]:
        relay = {"channel": load["relay"]}
        given = {name: load[name] for name in ("name", "number", "rated_kw")} | {
            "device": relays, "min_off_seconds": 60, "max_off_seconds": RELAY_SECONDS,
            "shed_command": "switch_on", "shed_params": relay | {"runtime_s": RELAY_SECONDS},
            "restore_command": "switch_off", "restore_params": relay,
        }  # fmt: skip
        add_load(guard_id=guard.id, fields=given, actor=SEED, now=now)
    return True


def _zone(wanted: Plan, recipe: Plan, site: Site, relays: Device, now: dt.datetime) -> bool:
    """Make a zone whose plants are watered by a recipe."""
    if Zone.objects.filter(site=site, name=wanted["name"]).exists():
        return False
    zone = add_zone(site=site, fields={"name": wanted["name"]}, now=now)
    relay = {"channel": wanted["relay"]}
    irrigation = {
        "name": "irrigation", "device": str(relays.id), "start": "switch_on", "params": relay,
        "amount": "runtime_s", "stop": "switch_off", "stop_params": relay,
    }  # fmt: skip
    setup = {"roles": [irrigation], "controllers": []}
    configure_zone(actor=SEED, zone=zone, document=setup, now=now)
    made = create_recipe(document=recipe, now=now)
    start_recipe(actor=SEED, zone=zone, recipe=made, now=now)
    return True


def _on(relays: Device, relay: str, seconds: int) -> Plan:
    return {
        "kind": "command", "device": str(relays.id), "name": "switch_on", "wait": True,
        "params": {"channel": relay, "runtime_s": seconds},
    }  # fmt: skip
