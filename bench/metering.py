"""`./run bench metering`: the ledger of live meters, the rebuild of a year, pages and reports."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import all_tenants, tenant_scope
from bench.energy_pages import measure_pages, print_pages
from bench.fleet import seed_fleet
from bench.past import COPY_SAMPLES
from bench.resources import tree_seconds
from devices.models import Channel, Kind, Site
from metering.build.due import work_off
from metering.build.engine import build_windows
from metering.models import Meter, MeterInstallation, Register, RegisterFeed
from metering.series import QUARTER_US
from telemetry.ingest.batch import SAMPLE_DTYPE, SampleBatch, to_microseconds
from telemetry.ingest.store import Change, SampleStore, copy_buffer
from telemetry.partitions import WEEK, ensure_partitions, week_of
from telemetry.storage.dirty import work_off as roll_up
from telemetry.storage.watch import watch_channels

YEAR = dt.timedelta(days=365)
ROUND_SECONDS = 20
STEP_SECONDS = 10
ROUNDS = 12
BEFORE_SECONDS = 3_600  # meters have been live for an hour
LIMIT_REBUILD = 60.0
_KWH_A_SECOND = 1.2 / 3600


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="bench metering")
    parser.add_argument("--meters", type=int, default=5_000, help="that are live")
    parser.add_argument("--rebuilt", type=int, default=100, help="whose year is built")
    parser.add_argument("--step", type=int, default=300, help="s between samples of the year")
    parser.add_argument("--rounds", type=int, default=50, help="of each page")
    options = parser.parse_args(list(arguments))
    logging.disable(logging.INFO)  # a line for each request is not what is measured
    call_command("migrate", verbosity=0, interactive=False)
    fleet = seed_fleet(devices=options.meters, points=1)
    channels = _counters(options.meters)
    now = timezone.now().replace(microsecond=0)
    registers = _make_meters(channels, now)
    rebuilt = _rebuild(channels, registers, options, now)
    pages = measure_pages(registers, email=fleet.viewer_email, rounds=options.rounds, now=now)
    figures = {"live": _live(channels, now), "rebuild": rebuilt, "pages": pages}
    _print(figures, options)
    print_pages(pages)
    print(f"\n{json.dumps(figures)}")
    return 0 if all(part["is_met"] for part in figures.values()) else 1


def _counters(count: int) -> list[int]:
    Channel._base_manager.update(kind=Kind.COUNTER, unit="kWh", expected_interval_seconds=60)
    with all_tenants():
        return list(Channel.objects.order_by("id").values_list("id", flat=True)[:count])


def _make_meters(channels: Sequence[int], now: dt.datetime) -> list[int]:
    """Register a meter for each channel."""
    since = now - 2 * YEAR
    for tenant in Tenant.objects.all():
        with tenant_scope(tenant.id):
            site = Site.objects.first()
            own = list(Channel.objects.filter(id__in=channels).order_by("id"))
            meters = Meter.objects.bulk_create(
                Meter(tenant=tenant, site=site, name=f"Meter {channel.id}") for channel in own
            )
            found = MeterInstallation.objects.bulk_create(
                MeterInstallation(tenant=tenant, meter=meter, installed_at=since)
                for meter in meters
            )
            registers = Register.objects.bulk_create(
                Register(tenant=tenant, meter=meter) for meter in meters
            )
            RegisterFeed.objects.bulk_create(
                RegisterFeed(tenant=tenant, installation=one, register=register, channel=channel)
                for one, register, channel in zip(found, registers, own, strict=True)
            )
    watch_channels(channels)
    with all_tenants():
        feeds = dict(RegisterFeed.objects.values_list("channel_id", "register_id"))
    return [feeds[channel] for channel in channels]


def _rebuild(
    channels: Sequence[int], registers: Sequence[int], options: argparse.Namespace, now: dt.datetime
) -> dict[str, Any]:
    """Fill a year of some meters, and build it from nothing."""
    start = now - YEAR
    weeks = {week_of(start + n * WEEK) for n in range(54)}
    ensure_partitions(weeks, now=now)
    for channel in channels[: options.rebuilt]:
        _fill(channel, start, now, options.step)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE telemetry_sample")
    window = (to_microseconds(start), to_microseconds(now))
    load = _load()
    clock, used = time.perf_counter(), _cpu()
    with all_tenants():
        written = build_windows(
            {register: [window] for register in registers[: options.rebuilt]}, now=now
        )
    clock, used = time.perf_counter() - clock, _cpu() - used
    samples = options.rebuilt * (365 * 86_400 // options.step)
    return {
        "meters": options.rebuilt, "samples": samples, "quarters": written.added,
        "seconds": round(clock, 1), "cpu_seconds": round(used, 1),
        "quarters_per_second": round(written.added / clock), "load_average_before": load,
        "is_met": clock <= LIMIT_REBUILD,
    }  # fmt: skip


def _fill(channel: int, start: dt.datetime, end: dt.datetime, step: int) -> None:
    times = np.arange(to_microseconds(start), to_microseconds(end), step * 1_000_000)
    rows = np.zeros(len(times), dtype=SAMPLE_DTYPE)
    rows["channel"], rows["time"] = channel, times
    rises = np.random.default_rng(channel).random(len(times)) * 2 * _KWH_A_SECOND * step
    rows["value"] = np.round(1000 + np.cumsum(rises), 3)
    with transaction.atomic(), connection.cursor() as cursor, cursor.copy(COPY_SAMPLES) as copy:
        copy.write(copy_buffer(rows))


def _live(channels: Sequence[int], now: dt.datetime) -> dict[str, Any]:
    """Store what meters send in 20 s, again and again; measure what the ledger takes for it."""
    store, load = SampleStore(), _load()
    start = to_microseconds(now) // QUARTER_US * QUARTER_US + 8 * 60 * 1_000_000
    ensure_partitions({week_of(now), week_of(now + WEEK)}, now=now)
    seconds, cpu = [], []
    for number in range(-1, ROUNDS):
        count = ROUND_SECONDS // STEP_SECONDS if number >= 0 else BEFORE_SECONDS // STEP_SECONDS
        at = start + (number * ROUND_SECONDS if number >= 0 else -BEFORE_SECONDS) * 1_000_000
        moment = dt.datetime.fromtimestamp(start / 1e6 + number * ROUND_SECONDS, dt.UTC)
        rows = _batch(channels, at, count)
        store.write(Change(rows, rows[:0], [], lambda row: None, moment))
        _drain(lambda moment=moment: roll_up(now=moment).marks)  # type: ignore[misc]
        clock, used = time.perf_counter(), _cpu()
        with all_tenants():
            _drain(lambda moment=moment: work_off(now=moment).is_more)  # type: ignore[misc]
        seconds.append(time.perf_counter() - clock)
        cpu.append(_cpu() - used)
    store.close()
    warm = slice(1, None)  # the first look builds each register from its beginning
    middle = statistics.median(seconds[warm])
    return {
        "meters": len(channels), "samples_per_second": len(channels) // STEP_SECONDS,
        "first_look_seconds": round(seconds[0], 2), "look_seconds": round(middle, 2),
        "look_cpu_seconds": round(statistics.median(cpu[warm]), 2),
        "longest_look_seconds": round(max(seconds[warm]), 2),
        "share_of_a_core": round(middle / ROUND_SECONDS, 3), "load_average_before": load,
        "is_met": max(seconds[warm]) < ROUND_SECONDS,
    }  # fmt: skip


def _drain(what: Callable[[], object]) -> None:
    while what():
        pass


def _batch(channels: Sequence[int], at: int, count: int) -> SampleBatch:
    rows = np.zeros(len(channels) * count, dtype=SAMPLE_DTYPE)
    rows["channel"] = np.repeat(np.sort(channels), count)
    rows["time"] = np.tile(at + np.arange(count) * STEP_SECONDS * 1_000_000, len(channels))
    rows["value"] = np.round(50_000 + (rows["time"] % 10**13) / 1e6 * _KWH_A_SECOND, 3)
    return rows


def _cpu() -> float:
    """Return what this process and its backend of PostgreSQL have used."""
    return time.process_time() + tree_seconds(connection.connection.info.backend_pid)


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def _print(figures: dict[str, Any], options: argparse.Namespace) -> None:
    live, year = figures["live"], figures["rebuild"]
    print(f"{live['meters']:,} meters live, a sample each {STEP_SECONDS} s: a look for "
          f"{ROUND_SECONDS} s of them takes {live['look_seconds']} s "
          f"({live['look_cpu_seconds']} s CPU, longest {live['longest_look_seconds']} s), "
          f"{live['share_of_a_core']:.1%} of a core; "
          f"load before: {live['load_average_before']}")  # fmt: skip
    print(f"rebuild of a year of {year['meters']} meters, a sample each {options.step} s: "
          f"{year['seconds']} s ({year['cpu_seconds']} s CPU), {year['samples']:,} samples, "
          f"{year['quarters']:,} quarters; {year['seconds'] / LIMIT_REBUILD:.0%} of at most "
          f"{LIMIT_REBUILD:.0f} s; load before: {year['load_average_before']}")  # fmt: skip
