"""`./run bench zones`: 1,000 zones with three controllers each, looked at every 15 seconds."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import os
import statistics
import time
from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import all_tenants, tenant_scope
from automation.control.pace import CYCLE
from automation.models import Execution, ZoneControl, ZoneController, ZoneRole
from automation.running.zones import Zones
from bench.fleet import seed_fleet
from bench.resources import tree_seconds
from devices.models import Channel, Device, DeviceProfile, Site, Zone
from telemetry.models import LatestValue

CONTROLLERS = 3
CYCLES = 8
TARGET, OFF = 5.8, 7.0
COMMANDS = [
    {
        "name": "dose", "effect": "on", "actuator": "doser",
        "params": [{"name": "ml", "type": "number", "required": True}],
    }
]  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench zones")
    parser.add_argument("--zones", type=int, default=1_000)
    parser.add_argument("--acting", type=float, default=5.0, help="percent that act in a cycle")
    options = parser.parse_args(list(arguments))
    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0, interactive=False)
    seed_fleet(devices=options.zones, points=CONTROLLERS)
    return 0 if control_fleet(acting=options.acting) else 1


def control_fleet(*, acting: float) -> bool:
    """Control the devices that there are as zones, and print how long a cycle takes.

    Args: acting: percent of the controllers that act in a cycle.

    Returns: whether each cycle ended in its 15 s.
    """
    DeviceProfile.objects.update(commands=COMMANDS)
    for tenant in Tenant.objects.all():
        with tenant_scope(tenant.id):
            _set_up()
    figures = _measure(acting)
    _print(figures)
    return bool(figures["is_met"])


def _set_up() -> None:
    """Make a zone of each device, with a controller for each of its first channels."""
    site, now = Site.objects.get(), timezone.now()
    devices = list(Device.objects.order_by("id"))
    zones = Zone.objects.bulk_create(
        Zone(tenant_id=site.tenant_id, site=site, name=f"Zone {n}") for n in range(len(devices))
    )
    controls = ZoneControl.objects.bulk_create(
        ZoneControl(tenant_id=site.tenant_id, zone=zone) for zone in zones
    )
    by_device = {device.id: control for device, control in zip(devices, controls, strict=True)}
    ZoneRole.objects.bulk_create(
        ZoneRole(
            tenant_id=site.tenant_id, control=by_device[device.id], name="down", device=device,
            start="dose", amount="ml",
        )
        for device in devices
    )  # fmt: skip
    by_device_id = groupby(Channel.objects.order_by("device_id", "id"), lambda c: c.device_id)
    channels = [channel for _, own in by_device_id for channel in islice(own, CONTROLLERS)]
    ZoneController.objects.bulk_create(
        ZoneController(
            tenant_id=site.tenant_id, control=by_device[channel.device_id], name=channel.name,
            metric=channel.name, channel=channel, lowers="down", target=TARGET, deadband=0.1,
            gain=10, least=2, most=10, pause_seconds=10, per_hour=1e6, per_day=1e6,
            is_enabled=True,
        )
        for channel in channels
    )  # fmt: skip
    LatestValue.objects.filter(channel__in=channels).delete()
    LatestValue.objects.bulk_create(
        LatestValue(
            tenant_id=site.tenant_id, channel=channel, time=now, value=TARGET, quality=0,
            received_at=now,
        )
        for channel in channels
    )  # fmt: skip


def _measure(acting: float) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    # as a process has it: threads keep a connection each, a pool would run out of them
    connection.close()
    connection.settings_dict["OPTIONS"].pop("pool", None)
    zones, now = Zones(), timezone.now()
    seconds, cpu, acted = [], [], []
    try:
        for number in range(CYCLES + 1):
            now += CYCLE
            _send(now, number, acting)
            before = _executions()
            clock, used = time.perf_counter(), _cpu()
            while zones.round(now):
                pass
            clock, used = time.perf_counter() - clock, _cpu() - used
            if number:  # the first one opens connections
                seconds.append(clock)
                cpu.append(used)
                acted.append(_executions() - before)
    finally:
        zones.close()
    with all_tenants():
        number_of_zones = ZoneControl.objects.count()
    return {
        "zones": number_of_zones, "controllers": number_of_zones * CONTROLLERS,
        "seconds": round(statistics.median(seconds), 2), "slowest": round(max(seconds), 2),
        "cpu_seconds": round(statistics.median(cpu), 2), "acted": round(statistics.mean(acted)),
        "load_average": round(os.getloadavg()[0], 1),
        "is_met": max(seconds) < CYCLE.total_seconds() and min(acted) > 0,
    }  # fmt: skip


def _send(now: dt.datetime, number: int, acting: float) -> None:
    """Let all channels say something, some of them too much; what was begun is over."""
    step = max(1, round(100 / acting))
    with all_tenants():
        LatestValue._base_manager.update(time=now, value=TARGET)
        own = ZoneController.objects.order_by("channel_id").values_list("channel_id", flat=True)
        LatestValue._base_manager.filter(channel_id__in=list(own)[number % step :: step]).update(
            value=OFF
        )
        Execution._base_manager.filter(state="running").update(
            state="done", next_at=None, finished_at=now - CYCLE / 2
        )


def _executions() -> int:
    with all_tenants():
        return Execution.objects.count()


def _cpu() -> float:
    """Return the CPU of this process in s; that of PostgreSQL stands in the clock."""
    return tree_seconds(os.getpid())


def _print(figures: dict[str, Any]) -> None:
    print(
        f"{figures['zones']} zones, {figures['controllers']} controllers, {figures['acted']} act: "
        f"a cycle takes {figures['seconds']} s (slowest {figures['slowest']} s) of 15 s, "
        f"{figures['cpu_seconds']} s of processor; load {figures['load_average']}"
    )
    print(f"\n{json.dumps(figures)}")
