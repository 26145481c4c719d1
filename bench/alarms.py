"""`./run bench alarms`: 10,000 rules on 10,000 channels, at 100,000 samples a second."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psycopg
from django.core.management import call_command

from accounts.models import Tenant
from accounts.tenancy import all_tenants, tenant_scope
from alarms.models import AlarmRule, AlarmRuleVersion
from bench.conditions import describe_conditions
from bench.fleet import seed_fleet
from bench.resources import peak_mib, tree_seconds
from devices.models import Channel
from energy.lib.heartbeat import read_heartbeats
from energy.lib.redis import durable, key
from telemetry.ingest.batch import SAMPLE_DTYPE, StoredBatch
from telemetry.ingest.publish import STREAM, publish

PER_DEVICE = 10
BATCH = 2_000
PROCESS = "reactor_alarms:1"
GROUP = "alarms"
P95_MS = 500.0
MOST_CORES = 1.0
LAG_SECONDS = 2.0
LIMIT, NORMAL, HIGH = 100.0, 50.0, 150.0
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
    parser.add_argument("--alarms", type=int, default=20, help="raised a second")
    options = parser.parse_args(list(arguments))
    call_command("migrate", verbosity=0, interactive=False)
    conditions = describe_conditions(os.environ["DATABASE_URL"], durable())
    seed_fleet(devices=options.channels // PER_DEVICE, points=PER_DEVICE)
    channels = _make_rules()
    process = subprocess.Popen([sys.executable, "manage.py", "run_reactor", "alarms"])
    try:
        started = _wait(lambda: PROCESS in read_heartbeats(), 120)
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
    watcher = _Watcher(time.time())
    used, began = tree_seconds(pid), time.perf_counter()
    raised = _feed(channels, options, watcher)
    fed = time.perf_counter() - began
    lag = _wait(_is_caught_up, 60)
    cores = (tree_seconds(pid) - used) / (fed + lag)
    _wait(lambda: watcher.look() >= raised, 30)
    ages = np.array([watcher.ages[one] for one in watcher.ages])
    storm = _storm(channels, watcher)
    samples = int(fed * options.rate)
    return {
        "samples_per_second": round(samples / fed), "cores": round(cores, 3),
        "lag_seconds": round(lag, 2), "raised": raised, "seen": len(ages),
        "sample_to_raised_p50_ms": _percentile(ages, 50),
        "sample_to_raised_p95_ms": _percentile(ages, 95),
        "sample_to_raised_p99_ms": _percentile(ages, 99),
        "samples_per_core_second": round(samples / max(cores * (fed + lag), 1e-9)),
        "storm_seconds": storm, "peak_mib": round(peak_mib(pid)),
    }  # fmt: skip


class _Watcher:
    """Notes when alarms are first seen, over a connection of its own."""

    def __init__(self, since: float) -> None:
        self._since = since - 1
        self._connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        self.ages: dict[tuple[int, float], float] = {}

    def look(self) -> int:
        """Look once; return how many have been seen."""
        now = time.time()
        for channel, raised in self._connection.execute(_SEEN, [self._since]).fetchall():
            self.ages.setdefault((channel, raised), now - raised)
        return len(self.ages)


def _feed(channels: Sequence[int], options: argparse.Namespace, watcher: _Watcher) -> int:
    """Hand over batches at the rate; some values are too high. Returns: how many alarms follow."""
    own = np.array(channels, dtype="<i4")
    batches = options.seconds * options.rate // BATCH
    step = BATCH / options.rate
    turns = max(1, len(own) // BATCH)
    high: set[int] = set()
    raised, owed, begun = 0, 0.0, time.perf_counter()
    for number in range(batches):
        time.sleep(max(0.0, begun + number * step - time.perf_counter()))
        part = own[(number % turns) * BATCH :][:BATCH]
        rows = np.zeros(len(part), SAMPLE_DTYPE)
        now = time.time()
        rows["channel"], rows["time"] = part, int(now * 1_000_000)
        rows["value"] = NORMAL + number % 7
        owed += options.alarms * step
        for _ in range(int(owed)):
            at = (raised * 37) % len(part)
            if int(part[at]) not in high:
                rows["value"][at] = HIGH
                high.add(int(part[at]))
                raised += 1
        owed -= int(owed)
        high.difference_update(part[rows["value"] < LIMIT].tolist())
        batch = StoredBatch(rows.tobytes(), b"\1" * len(rows), int(now * 1_000_000))
        publish(durable(), [batch], now=now)
        if number % 5 == 0:
            watcher.look()
    return raised


def _storm(channels: Sequence[int], watcher: _Watcher) -> float:
    """Let every rule raise an alarm at once; return after how many seconds all are there."""
    before, now = watcher.look(), time.time()
    rows = np.zeros(len(channels), SAMPLE_DTYPE)
    rows["channel"], rows["time"], rows["value"] = channels, int(now * 1_000_000), HIGH
    for begin in range(0, len(rows), BATCH):
        part = rows[begin : begin + BATCH]
        batch = StoredBatch(part.tobytes(), b"\1" * len(part), int(now * 1_000_000))
        publish(durable(), [batch], now=now)
    return round(_wait(lambda: watcher.look() >= before + 0.99 * len(rows), 120), 2)


def _is_caught_up() -> bool:
    client = durable()
    info: Any = client.xinfo_stream(key(STREAM))
    groups: Any = client.xinfo_groups(key(STREAM))
    own = next(group for group in groups if group["name"].decode() == GROUP)
    return own["last-delivered-id"] == info["last-generated-id"] and not own["pending"]


def _wait(condition: Callable[[], bool], at_most: float) -> float:
    began = time.perf_counter()
    while not condition() and time.perf_counter() - began < at_most:
        time.sleep(0.02)
    return time.perf_counter() - began


def _percentile(ages: np.ndarray[Any, np.dtype[np.float64]], percent: float) -> float:
    return round(float(np.percentile(ages, percent)) * 1000, 1) if len(ages) else float("inf")


def _report(figures: dict[str, Any], options: argparse.Namespace) -> int:
    targets = [
        ("samples a second", figures["samples_per_second"], 0.98 * options.rate, True),
        ("cores of the reactor", figures["cores"], MOST_CORES, False),
        ("behind at the end, s", figures["lag_seconds"], LAG_SECONDS, False),
        ("alarms seen", figures["seen"], figures["raised"], True),
        ("sample to raised, p95 ms", figures["sample_to_raised_p95_ms"], P95_MS, False),
    ]
    is_met = True
    for name, value, limit, is_minimum in targets:
        met = value >= limit if is_minimum else value <= limit
        is_met &= met
        print(f"  {'ok  ' if met else 'MISS'} {name:<28}{value:>12,}  ({limit:,.10g})")
    print(json.dumps(figures))
    return 0 if is_met else 1
