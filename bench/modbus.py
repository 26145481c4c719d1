"""`./run bench modbus`: the real poller, 500 simulated meters, 40 values of each every second."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from django.core.management import call_command
from numpy.typing import NDArray

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from bench.conditions import describe_conditions
from bench.feeding import is_met, percentile, wait
from bench.fleet import DatabaseInUse
from bench.resources import peak_mib, take_snapshot
from devices.builtin_profiles import builtin_profiles
from devices.models import Device, DeviceProfile, ModbusBus, ModbusUnit, Site
from energy.lib.redis import durable, key
from telemetry.ingest.buffer import FIELD, PARTITION
from telemetry.ingest.envelope import unpack
from tools.embedded.ports import Ports

PROFILE = "eastron-sdm630"
EVERY_SECONDS = 1.0
WARM_SECONDS = 8
JITTER_MS = 100.0
MOST_CORES = 0.6
SHARE_READ = 0.99


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench modbus")
    parser.add_argument("--meters", type=int, default=500, help="each on a bus of its own")
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args(list(arguments))
    call_command("migrate", verbosity=0, interactive=False)
    conditions = describe_conditions(os.environ["DATABASE_URL"], durable())
    with _simulator(options.meters) as (simulator, ports):
        _seed(ports)
        with _poller() as (pid, metrics_port):
            wait(lambda: durable().xlen(key(PARTITION)) > 0, 60)
            time.sleep(WARM_SECONDS)
            pids = {"poller": pid, "simulator": simulator}
            figures = _measure(pids, metrics_port, options)
    figures |= {"bench": "modbus", "meters": options.meters, "conditions": conditions}
    return _report(figures, options)


@contextmanager
def _simulator(meters: int) -> Iterator[tuple[int, list[int]]]:
    """Run the meters in a process of their own; yield it and their ports."""
    argv = (
        *(sys.executable, "-m", "devices.simulators", "modbus"),
        *("--profile", PROFILE, "--buses", str(meters)),
    )
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.pid, [int(port) for port in process.stdout.readline().split()[1:]]
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _poller() -> Iterator[tuple[int, int]]:
    """Run the poller as it is deployed; yield its process and the port of its metrics."""
    port = Ports().take(9464)
    argv = (
        *(sys.executable, "manage.py", "run_modbus_poller"),
        *("--metrics-port", str(port)),
    )
    env = {**os.environ, "WIRE_NETWORKS": "127.0.0.0/8", "LOG_LEVEL": "WARNING"}
    process = subprocess.Popen(argv, env=env)
    try:
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(20)


def _seed(ports: Sequence[int]) -> None:
    """Raises: DatabaseInUse."""
    if Tenant.objects.exists():
        raise DatabaseInUse("Give the bench an empty database.")
    profile = DeviceProfile.objects.create(
        key=PROFILE, name=PROFILE, register_map=builtin_profiles()[PROFILE].register_map
    )
    tenant = Tenant.objects.create(name="Bench", slug="bench")
    with tenant_scope(tenant.id):
        site = Site.objects.create(tenant=tenant, name="Bench site", timezone="Europe/Istanbul")
        devices = [
            Device(tenant=tenant, site=site, profile=profile, uid=f"meter-{n:03}",
                   name=f"Meter {n}", lifecycle="active") for n in range(len(ports))
        ]  # fmt: skip
        Device.objects.bulk_create(devices)
        buses = [
            ModbusBus(tenant=tenant, site=site, name=f"Port {port}", host="127.0.0.1", port=port)
            for port in ports
        ]
        ModbusBus.objects.bulk_create(buses)
        ModbusUnit.objects.bulk_create(
            ModbusUnit(tenant=tenant, device=device, bus=bus, unit_id=1,
                       fast_seconds=EVERY_SECONDS, slow_seconds=EVERY_SECONDS)
            for device, bus in zip(devices, buses, strict=True)
        )  # fmt: skip


def _measure(
    pids: Mapping[str, int], metrics_port: int, options: argparse.Namespace
) -> dict[str, Any]:
    began_at, began, earlier = time.time(), time.perf_counter(), take_snapshot(pids)
    before = _scrape(metrics_port)
    time.sleep(options.seconds)
    passed, later = time.perf_counter() - began, take_snapshot(pids)
    counted = {name: value - before[name] for name, value in _scrape(metrics_port).items()}
    used = {name: later.seconds[name] - earlier.seconds[name] for name in pids}
    busy = later.busy - earlier.busy
    readings = _read_stream(began_at, began_at + passed)
    jitter = _jitter(readings)
    values = sum(count for *_, count in readings)
    return {
        "requests_per_second": round(counted["requests"] / passed),
        "values_per_second": round(values / passed),
        "messages_per_second": round(len(readings) / passed),
        "meters_read": len({device for device, *_ in readings}),
        "jitter_p50_ms": percentile(jitter, 50), "jitter_p95_ms": percentile(jitter, 95),
        "jitter_p99_ms": percentile(jitter, 99), "jitter_max_ms": percentile(jitter, 100),
        "late_mean_ms": round(1000 * counted["late_seconds"] / max(1, counted["cycles"]), 1),
        "rtt_mean_ms": round(1000 * counted["rtt_seconds"] / max(1, counted["requests"]), 2),
        "skipped_cycles": round(counted["skipped_cycles"] + counted["withheld_cycles"]),
        "timeouts": round(counted["timeouts"]), "exceptions": round(counted["exceptions"]),
        "cores": round(used["poller"] / passed, 3),
        "cores_of_simulator": round(used["simulator"] / passed, 3),
        "cores_of_others": round((busy - sum(used.values())) / passed, 2),
        "peak_mib": round(peak_mib(pids["poller"])),
        "cpu_us_a_request": round(1e6 * used["poller"] / max(1, counted["requests"])),
    }  # fmt: skip


def _scrape(port: int) -> dict[str, float]:
    """Return the sums over all buses of what the poller counts."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    sums: dict[str, float] = {}
    for line in lines:
        if line.startswith("energy_modbus_") and "_total{" in line:
            name = line.partition("{")[0].removeprefix("energy_modbus_").removesuffix("_total")
            sums[name] = sums.get(name, 0.0) + float(line.rpartition(" ")[2])
    return sums


def _read_stream(first: float, last: float) -> list[tuple[uuid.UUID, str, int, int]]:
    """Return (device, first metric, µs, number of values) of what the pipeline was given."""
    found = []
    entries: Any = durable().xrange(key(PARTITION))
    for _id, fields in entries:
        for envelope in unpack(fields[FIELD]):
            message = msgspec.json.decode(envelope.payload)
            if first <= message["ts"] / 1e6 < last:
                device = uuid.UUID(envelope.topic.rpartition("/")[2])
                values = message["values"]
                found.append((device, next(iter(values)), message["ts"], len(values)))
    return found


def _jitter(readings: Sequence[tuple[uuid.UUID, str, int, int]]) -> NDArray[np.float64]:
    """Return how far the times between two readings of a block are from one second, in s."""
    stamps: dict[tuple[uuid.UUID, str], list[int]] = {}
    for device, metric, microseconds, _count in readings:
        stamps.setdefault((device, metric), []).append(microseconds)
    gaps = [np.abs(np.diff(np.sort(one)) / 1e6 - EVERY_SECONDS) for one in stamps.values()]
    return np.concatenate(gaps) if gaps else np.zeros(0)


def _report(figures: dict[str, Any], options: argparse.Namespace) -> int:
    of_a_meter = len(builtin_profiles()[PROFILE].register_map["registers"])
    wanted = round(SHARE_READ * options.meters * of_a_meter / EVERY_SECONDS)
    met = is_met(
        [
            ("values a second", figures["values_per_second"], wanted, True),
            ("meters that were read", figures["meters_read"], options.meters, True),
            ("jitter of readings, p95 ms", figures["jitter_p95_ms"], JITTER_MS, False),
            ("cores of the poller", figures["cores"], MOST_CORES, False),
        ]
    )
    print(json.dumps(figures))
    return 0 if met else 1
