"""What runs without a request: jobs of Celery, management commands. Who it may touch.

A job or a command that stands nowhere fails `test_background.py`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands

from tests.isolation.world import World

# Jobs for the whole platform, and why they need no tenant. Their name -> the reason.
SYSTEM_TASKS = {
    "devices.tasks.end_live_configurations": "enters each tenant's scope in turn, by time",
    "devices.tasks.push_configurations": "enters each tenant's scope in turn, by time",
    "devices.tasks_claims.expire_claims": "ends claims of all tenants by their age",
    "devices.tasks_zigbee.expire_zigbee_claims": "ends claims of all tenants by their age",
    "devices.tasks_claims.forget_boxes": "drops boxes that nobody owns by their age",
    "devices.tasks_live.delete_old_events": "deletes live events of all tenants by their age",
    "devices.tasks_commands.end_commands": "ends commands of all tenants when time is over",
    "devices.tasks_firmware.step_campaigns": "enters each tenant's scope in turn, by time",
    "devices.tasks_firmware.delete_orphans": "deletes images that belong to no release",
    "devices.tasks_pki.finish_broker_changes": "does pending work for the broker",
    "devices.tasks_pki.look_after_certificates": "renews the list and warns of ends, by time",
    "devices.tasks_pki.sync_broker_accounts": "compares all accounts with the database",
    "telemetry.tasks.maintain_partitions": "makes and drops tables of all tenants by their age",
    "telemetry.tasks.delete_expired_samples": "deletes by the retention of each tenant's plan",
    "telemetry.truth.tasks.compute_days": "judges the days of all tenants that have news",
    "telemetry.truth.tasks.request_backfills": "asks devices of all tenants for what is missing",
    "telemetry.imports.tasks.run_imports": "enters the scope of each import's tenant in turn",
    "telemetry.imports.tasks.delete_import_files": "deletes uploaded files by their age",
    "telemetry.exports.tasks.run_exports": "enters the scope of each export's tenant in turn",
    "telemetry.exports.tasks.delete_old_exports": "deletes exported files by their age",
    "reports.tasks.send_due_reports": "enters the scope of each template's tenant in turn",
    "reports.tasks.run_reports": "enters the scope of each report's tenant in turn",
    "reports.tasks.deliver_reports": "enters the scope of each mail's tenant in turn",
    "reports.tasks.delete_old_reports": "deletes reports by their age",
    "telemetry.tasks.pack_old_days": "packs the old samples of all channels alike",
    "telemetry.tasks.remove_deleted_channels": "removes what channels left that are no more",
    "telemetry.tasks.replay_group": "rejected messages have a tenant or none; it names which",
    "telemetry.tasks.prune_rejected": "drops rejected messages by their age",
}
# Jobs for one tenant (base=TenantTask): name -> the arguments for a tenant.
TENANT_TASKS: dict[str, Callable[[World], dict[str, Any]]] = {}

# Commands for the whole platform, and why they need no tenant.
SYSTEM_COMMANDS = {
    "broker_sync": "compares all accounts of the broker with the database",
    "pki_crl": "signs the one public list",
    "pki_init": "makes the platform's own authority",
    "pki_issue": "for platform staff, by the name of a box",
    "pki_renew": "for platform staff, by a serial number",
    "pki_revoke": "for platform staff, by a serial number or box",
    "claim_list": "for platform staff: claims of all tenants",
    "firmware_upload": "for platform staff: uploads for the tenant it names, or for all",
    "migrate": "changes tables, not rows of tenants",
    "run_reactor": "serves all tenants; rooms and figures are by tenant",
    "run_ingest_worker": "stores what all gateways send; the topic names the tenant",
    "run_modbus_poller": "reads units of all tenants; each reading names the device's own tenant",
    "run_serial_bridge": "owns one port; the line tells the tenant, whose scope it enters",
    "run_zones": "controls the zones of all tenants; writes in the scope of each in turn",
    "run_notifier": "tells the people of all tenants; enters the scope of each in turn",
    "run_automation": "does what is due for all tenants, each in its own scope",
    "run_mqtt_listener": "only copies messages into the stream",
    "storage_tier": "tells where the samples of all tenants lie",
    "simulate_fleet": "plays devices from outside, with their own accounts",
    "seed_demo": "makes the two tenants of the demo",
    "secrets_rotate": "seals every stored secret with the newest key and prints none",
    "rbac_sync": "writes the permissions that are the same for everybody",
    "rejected_replay": "for platform staff, by the id of a message",
    "rbac_explain": "for platform staff: says why somebody may do something",
}


def _table_of(world: World) -> str:
    """Return the name of a file with a fleet of one device."""
    assert world.device is not None
    path = Path(tempfile.mkdtemp()) / "fleet.csv"
    row = f"imported-1,{world.device.profile.key},{world.word} site,new"
    path.write_text(f"hardware_id,profile,site,name\n{row}\n")
    return str(path)


def _series_of(world: World) -> str:
    """Return the name of a file with one value."""
    path = Path(tempfile.mkdtemp()) / "meter.csv"
    path.write_text(f"time,kWh\n2026-01-01 00:00:00Z,{world.number}\n")
    return str(path)


def _prices_of(world: World) -> str:
    """Return the name of a file with one price."""
    path = Path(tempfile.mkdtemp()) / "prices.csv"
    path.write_text("2026-01-01T00:00Z,0.25\n")
    return str(path)


# Commands that name a tenant: name -> arguments. They run for A; nothing of B may change.
TENANT_COMMANDS: dict[str, Callable[[World], list[str]]] = {
    "tenant_suspend": lambda world: [world.tenant.slug, "--reason", "test"],
    "tenant_resume": lambda world: [world.tenant.slug],
    "tenant_delete": lambda world: [
        world.tenant.slug,
        "--confirm",
        world.tenant.name,
        "--without-broker",
    ],
    "audit_verify": lambda world: ["--tenant", world.tenant.slug],
    "rollup_rebuild": lambda world: ["--tenant", world.tenant.slug],
    "ledger_rebuild": lambda world: ["--tenant", world.tenant.slug],
    "rejected_list": lambda world: ["--tenant", world.tenant.slug],
    "campaign_status": lambda world: ["--tenant", world.tenant.slug, "--json"],
    "telemetry_import": lambda world: [
        _series_of(world),
        *("--tenant", world.tenant.slug, "--device", str(world.objects["device_id"]), "--dry-run"),
    ],
    "tariff_import": lambda world: [
        _prices_of(world), "--tenant", world.tenant.slug, "--series", "spot", "--currency", "EUR",
    ],
    "cost_recalculate": lambda world: ["--tenant", world.tenant.slug],
    "fleet_import": lambda world: [_table_of(world), "--tenant", world.tenant.slug],
    "command_send": lambda world: [str(world.objects["device_id"]), "--tenant", world.tenant.slug],
    "emergency_stop": lambda world: [
        "press", "--tenant", world.tenant.slug, "--by", world.people["admin"].email
    ],
}  # fmt: skip


def own_commands() -> set[str]:
    """Return the commands of the apps in this repository."""
    own = {c.name for c in apps.get_app_configs() if Path(c.path).parent == settings.BASE_DIR}
    return {name for name, app in get_commands().items() if app in own}


def own_tasks() -> dict[str, Any]:
    """Return the jobs that workers take, without Celery's own and those of tests."""
    from energy.celery import app

    app.loader.import_default_modules()
    return {
        name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "probe."))
    }
