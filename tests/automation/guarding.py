"""A site with a meter of power, loads and a demand guard, on a clock of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounts.tenancy import all_tenants, tenant_scope
from automation.models import DemandGuard, DemandWindow, SheddableLoad
from automation.running.executor import _due, _take_up
from automation.running.guards import Guards
from devices.models import Channel, Command
from tests.factories import ChannelFactory, DeviceFactory
from tests.telemetry.samples import store_samples

START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    """Return a moment so many seconds after the window began."""
    return START + dt.timedelta(seconds=seconds)


def make_guard(tenant: Any, profile: Any, **fields: Any) -> DemandGuard:
    """Return a guard of 100 kW that sheds, of a power that comes every ten seconds."""
    meter = DeviceFactory(tenant=tenant, name="Main meter")
    power = ChannelFactory(
        device=meter, name="active_power_import", unit="kW", expected_interval_seconds=10
    )
    values = {
        "name": "Grid connection", "site": meter.site, "channel": power, "limit_kw": 100,
        "margin_kw": 5, "is_shedding": True, "next_at": START,
    }  # fmt: skip
    with tenant_scope(tenant.id):
        return DemandGuard.objects.create(**values | fields)


def make_load(guard: DemandGuard, profile: Any, number: int, **fields: Any) -> SheddableLoad:
    """Return a load of 20 kW with a device of its own."""
    device = DeviceFactory(
        tenant=guard.tenant, gateway=None, site=guard.site, profile=profile, lifecycle="active",
        name=f"Heater {number}",
    )  # fmt: skip
    values = {
        "name": f"Heater {number}", "number": number, "device": device, "rated_kw": 20,
        "shed_command": "heater_off", "restore_command": "heater_on",
        "min_off_seconds": 60, "max_off_seconds": 1800,
    }  # fmt: skip
    with tenant_scope(guard.tenant_id):
        return SheddableLoad.objects.create(guard=guard, **values | fields)


def power(guard: DemandGuard, *steps: tuple[float, float, float]) -> None:
    """Store a power every ten seconds: (from, to, kW) in seconds of the window."""
    assert isinstance(guard.channel, Channel)
    store_samples(
        guard.channel,
        [
            (at(second), kw)
            for begin, end, kw in steps
            for second in range(int(begin), int(end), 10)
        ],
    )


def look(*seconds: float) -> None:
    """Let the process look at all guards at these seconds, and do what follows."""
    for second in seconds:
        Guards().round(at(second))
        # one by one: a round of many goes on by the clock on the wall
        for execution_id, tenant_id in _due(at(second)):
            _take_up(execution_id, tenant_id, at(second))


def answer(state: str, second: float, **which: Any) -> int:
    """Let devices answer the commands that are open."""
    with all_tenants():
        rows = Command.objects.filter(state="queued", **which)
        return rows.update(state=state, finished_at=at(second))


def ordered() -> list[tuple[str, str]]:
    """Return what was ordered: (device, command), the first one first."""
    with all_tenants():
        rows = Command.objects.order_by("requested_at", "device__name")
        return [(one.device.name, one.name) for one in rows.select_related("device")]


def shed(guard: DemandGuard) -> list[str]:
    """Return the loads that are shed."""
    with all_tenants():
        rows = SheddableLoad.objects.filter(guard=guard, is_shed=True).order_by("number")
        return [load.name for load in rows]


def window(guard: DemandGuard, second: float = 0) -> DemandWindow | None:
    """Return what is kept of the window that began then."""
    with all_tenants():
        return DemandWindow.objects.filter(guard=guard, start=at(second)).first()
