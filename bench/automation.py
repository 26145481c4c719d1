"""`./run bench automation`: 10,000 rules at 50,000 samples a second, then 1,000 zones."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import all_tenants, tenant_scope
from automation.models import AutomationRule, AutomationRuleVersion
from bench.conditions import describe_conditions
from bench.feeding import (
    LIMIT,
    NORMAL,
    Watcher,
    feed,
    is_caught_up,
    is_met,
    percentile,
    storm,
    wait,
)
from bench.fleet import seed_fleet
from bench.resources import peak_mib, tree_seconds
from bench.zones import control_fleet
from devices.models import Channel
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import durable
from telemetry.models import LatestValue

PER_DEVICE = 10
ACTING = 5.0  # percent of the controllers of zones, in a cycle
PROCESS = "reactor_automation:1"
GROUP = "automation"
P95_MS = 500.0
MOST_CORES = 1.0
LAG_SECONDS = 2.0
_SEEN = """
SELECT (seen->0->'part'->>'channel')::int, extract(epoch FROM triggered_at)::float8
FROM automation_execution WHERE triggered_at > to_timestamp(%s) AND state <> 'skipped'
"""


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench automation")
    parser.add_argument("--channels", type=int, default=10_000, help="each with a rule")
    parser.add_argument("--rate", type=int, default=50_000, help="samples a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--events", type=int, default=20, help="rules that act a second")
    options = parser.parse_args(list(arguments))
    call_command("migrate", verbosity=0, interactive=False)
    conditions = describe_conditions(os.environ["DATABASE_URL"], durable())
    seed_fleet(devices=options.channels // PER_DEVICE, points=PER_DEVICE)
    channels = _make_rules()
    process = subprocess.Popen([sys.executable, "manage.py", "run_reactor", "automation"])
    try:
        started = wait(lambda: PROCESS in read_heartbeats(), 120)
        figures = _measure(process.pid, channels, options)
    finally:
        process.terminate()
        process.wait(20)
    figures |= {"start_seconds": round(started, 1), "conditions": conditions}
    code = _report(figures, options)
    return code if control_fleet(acting=ACTING) else 1


def _make_rules() -> list[int]:
    """Give each channel a rule of its own, with a condition besides."""
    for tenant in Tenant.objects.all():
        with tenant_scope(tenant.id):
            channels = list(Channel.objects.order_by("id").values_list("id", "device_id"))
            rules = [
                AutomationRule(
                    tenant=tenant, name=f"High {channel}", is_enabled=True, channels=[channel]
                )
                for channel, _device in channels
            ]
            AutomationRule._base_manager.bulk_create(rules, batch_size=1_000)
            AutomationRuleVersion._base_manager.bulk_create(
                (
                    AutomationRuleVersion(
                        tenant=tenant, rule=rule, number=1, definition=_definition(*channel)
                    )
                    for rule, channel in zip(rules, channels, strict=True)
                ),
                batch_size=1_000,
            )
            LatestValue._base_manager.bulk_create(
                LatestValue(tenant=tenant, channel_id=channel, time=timezone.now(), value=NORMAL)
                for channel, _device in channels
            )
    with all_tenants():
        return list(Channel.objects.order_by("id").values_list("id", flat=True))


def _definition(channel: int, device: uuid.UUID) -> dict[str, Any]:
    week = [{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "24:00"}]
    return {
        "when": [
            {
                "kind": "samples",
                "that": {"kind": "value", "channel": channel, "above": LIMIT, "clear": 80.0},
            }
        ],
        "if": {
            "kind": "all",
            "of": [
                {"kind": "week", "slots": week},
                {"kind": "not", "of": {"kind": "value", "channel": channel, "below": -1.0}},
            ],
        },
        "then": [{"kind": "command", "device": str(device), "name": "pump_on"}],
        "most_per_hour": 3600,
    }


def _measure(pid: int, channels: Sequence[int], options: argparse.Namespace) -> dict[str, Any]:
    watcher = Watcher(_SEEN, time.time())
    used, began = tree_seconds(pid), time.perf_counter()
    fired = feed(channels, options, watcher)
    fed = time.perf_counter() - began
    lag = wait(lambda: is_caught_up(GROUP), 60)
    cores = (tree_seconds(pid) - used) / (fed + lag)
    wait(lambda: watcher.look() >= fired, 30)
    ages = np.array([watcher.ages[one] for one in watcher.ages])
    storm_seconds = storm(channels, watcher)
    samples = int(fed * options.rate)
    return {
        "samples_per_second": round(samples / fed), "cores": round(cores, 3),
        "lag_seconds": round(lag, 2), "fired": fired, "seen": len(ages),
        "sample_to_decided_p50_ms": percentile(ages, 50),
        "sample_to_decided_p95_ms": percentile(ages, 95),
        "sample_to_decided_p99_ms": percentile(ages, 99),
        "samples_per_core_second": round(samples / max(cores * (fed + lag), 1e-9)),
        "storm_seconds": storm_seconds, "peak_mib": round(peak_mib(pid)),
    }  # fmt: skip


def _report(figures: dict[str, Any], options: argparse.Namespace) -> int:
    targets = [
        ("samples a second", figures["samples_per_second"], 0.98 * options.rate, True),
        ("cores of the reactor", figures["cores"], MOST_CORES, False),
        ("behind at the end, s", figures["lag_seconds"], LAG_SECONDS, False),
        ("decisions seen", figures["seen"], figures["fired"], True),
        ("sample to decided, p95 ms", figures["sample_to_decided_p95_ms"], P95_MS, False),
    ]
    met = is_met(targets)
    print(json.dumps(figures))
    return 0 if met else 1
