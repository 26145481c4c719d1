"""A year of counters before the simulator begins, and the counters it goes on from."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accounts.tenancy import tenant_scope
from devices.canonical import lookup
from devices.models import Channel
from devices.simulation.build import SimulatedDevice, build_clients
from devices.simulation.state import Fleet, SimulationState, write_state
from metering.demo.meters import channels_of
from telemetry.ingest.batch import SAMPLE_DTYPE, from_microseconds
from telemetry.ingest.store import Change, SampleStore
from telemetry.partitions import ensure_partitions, week_of

STEP_SECONDS = 900  # what lies further apart is a gap to the ledger
MODEL_SECONDS = 7200  # in between power changes evenly
RECENT = dt.timedelta(days=1)  # this the simulator sends itself
_PORTION = 40_000

Samples = NDArray[np.void]


def seed_history(
    demo: Mapping[str, Any], *, days: int, state_file: Path, seed: int = 1, now: dt.datetime
) -> int:
    """Store what the demo's meters counted in the days before yesterday; return the samples.

    The simulator goes on from these counters. Nothing happens where it has run before: its
    counters are another story.
    """
    if state_file.exists() or days <= 0:
        return 0
    end = (now - RECENT).timestamp() // STEP_SECONDS * STEP_SECONDS
    clients = build_clients(demo, seed=seed)
    fleet = Fleet(clients, at=end)
    counters = fleet.counters()
    rows = [
        part
        for client, entry in zip(clients, demo["gateways"], strict=False)
        for device in client.devices
        for part in _past(device, entry, counters.get(device.id, {}), end=end, days=days)
    ]
    _store(rows, now=now)
    write_state(state_file, SimulationState(end, counters), seed=seed)
    return sum(len(part) for part in rows)


def _past(
    device: SimulatedDevice,
    gateway: Mapping[str, Any],
    counters: Mapping[str, float],
    *,
    end: float,
    days: int,
) -> Iterator[Samples]:
    """Count back from the counters at `end`, by the same models as the simulator."""
    fed = {channel for uid, channel in channels_of(gateway["uid"]) if uid == device.uid}
    found = {metric: lookup(metric) for metric in counters}
    wanted = {metric: to.name for metric, to in found.items() if to and to.name in fed}
    if not wanted:
        return
    coarse = end - MODEL_SECONDS * np.arange(days * 86_400 // MODEL_SECONDS, -1, -1)
    times = end - STEP_SECONDS * np.arange(days * 86_400 // STEP_SECONDS, -1, -1)
    rates = [device.model.rates(float(time)) for time in coarse]
    with tenant_scope(uuid.UUID(str(gateway["tenant"]))):
        channels = dict(Channel.objects.filter(device_id=device.id).values_list("name", "id"))
    for metric, name in wanted.items():
        growth = np.interp(times, coarse, [rate[metric] for rate in rates])
        steps = (growth[1:] + growth[:-1]) / 2 * STEP_SECONDS / 3600
        before = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
        rows = np.zeros(len(times), dtype=SAMPLE_DTYPE)
        rows["channel"], rows["time"] = channels[name], times * 1_000_000
        rows["value"] = np.round(np.maximum(counters[metric] - before, 0.0), 3)
        yield rows


def _store(rows: list[Samples], *, now: dt.datetime) -> None:
    """Write the samples, week after week so that no transaction is large."""
    if not rows:
        return
    every = np.concatenate(rows)
    every = every[np.lexsort((every["channel"], every["time"]))]
    weeks = {week_of(from_microseconds(int(time))) for time in np.unique(every["time"])}
    ensure_partitions(weeks, now=now)
    store = SampleStore()
    try:
        for start in range(0, len(every), _PORTION):
            part = every[start : start + _PORTION]
            part = part[np.lexsort((part["time"], part["channel"]))]
            store.write(Change(part, part[:0], [], lambda _row: None, now))
    finally:
        store.close()
