"""`./run bench alarms`: 10,000 rules on 10,000 channels, at 100,000 samples a second."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.core.management import call_command

from accounts.models import Tenant
from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import AlarmRule, AlarmRuleVersion
from bench.conditions import describe_conditions
from bench.feeding import LIMIT, Watcher, feed, is_caught_up, is_met, percentile, storm, wait
from bench.fleet import seed_fleet
from bench.resources import peak_mib, tree_seconds
from devices.models import Channel
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import durable

PER_DEVICE = 10
PROCESS = "reactor_alarms:1"
GROUP = "alarms"
P95_MS = 500.0
MOST_CORES = 1.0
LAG_SECONDS = 2.0
_SEEN = """
SELECT channel_id, extract(epoch FROM raised_at)::float8 FROM alarms_alarm
WHERE raised_at > to_timestamp(%s)
"""


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench alarms")
    parser.add_argument("--channels", type=int, default=10_000, help="each with a rule")
    parser.add_argument("--rate", type=int, default=100_000, help="samples a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--alarms", type=int, default=20, dest="events", help="raised a second")
    options = parser.parse_args(list(arguments))
    call_command("migrate", verbosity=0, interactive=False)
    conditions = describe_conditions(os.environ["DATABASE_URL"], durable())
    seed_fleet(devices=options.channels // PER_DEVICE, points=PER_DEVICE)
    channels = _make_rules()
    process = subprocess.Popen([sys.executable, "manage.py", "run_reactor", "alarms"])
    try:
        started = wait(lambda: PROCESS in read_heartbeats(), 120)
        figures = _measure(process.pid, channels, options)
    finally:
        process.terminate()
        process.wait(20)
    figures |= {"start_seconds": round(started, 1), "conditions": conditions}
    return _report(figures, options)


def _make_rules() -> list[int]:
    """Give each channel a rule of its own."""
    for tenant in Tenant.objects.all():
        with tenant_scope(tenant.id):
            rules = [
                AlarmRule(tenant=tenant, name=f"High {c.id}", channel=c, is_enabled=True)
                for c in Channel.objects.order_by("id")
            ]
            AlarmRule._base_manager.bulk_create(rules, batch_size=1_000)
            definition = {"when": {"kind": "threshold", "above": LIMIT, "clear_above": 80.0}}
            AlarmRuleVersion._base_manager.bulk_create(
                (
                    AlarmRuleVersion(tenant=tenant, rule=rule, number=1, definition=definition)
                    for rule in rules
                ),
                batch_size=1_000,
            )
    with all_tenants():
        return list(Channel.objects.order_by("id").values_list("id", flat=True))


def _measure(pid: int, channels: Sequence[int], options: argparse.Namespace) -> dict[str, Any]:
    watcher = Watcher(_SEEN, time.time())
    used, began = tree_seconds(pid), time.perf_counter()
    raised = feed(channels, options, watcher)
    fed = time.perf_counter() - began
    lag = wait(lambda: is_caught_up(GROUP), 60)
    cores = (tree_seconds(pid) - used) / (fed + lag)
    wait(lambda: watcher.look() >= raised, 30)
    ages = np.array([watcher.ages[one] for one in watcher.ages])
    storm_seconds = storm(channels, watcher)
    samples = int(fed * options.rate)
    return {
        "samples_per_second": round(samples / fed), "cores": round(cores, 3),
        "lag_seconds": round(lag, 2), "raised": raised, "seen": len(ages),
        "sample_to_raised_p50_ms": percentile(ages, 50),
        "sample_to_raised_p95_ms": percentile(ages, 95),
        "sample_to_raised_p99_ms": percentile(ages, 99),
        "samples_per_core_second": round(samples / max(cores * (fed + lag), 1e-9)),
        "storm_seconds": storm_seconds, "peak_mib": round(peak_mib(pid)),
    }  # fmt: skip


def _report(figures: dict[str, Any], options: argparse.Namespace) -> int:
    targets = [
        ("samples a second", figures["samples_per_second"], 0.98 * options.rate, True),
        ("cores of the reactor", figures["cores"], MOST_CORES, False),
        ("behind at the end, s", figures["lag_seconds"], LAG_SECONDS, False),
        ("alarms seen", figures["seen"], figures["raised"], True),
        ("sample to raised, p95 ms", figures["sample_to_raised_p95_ms"], P95_MS, False),
    ]
    met = is_met(targets)
    print(json.dumps(figures))
    return 0 if met else 1
