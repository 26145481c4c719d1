"""Fifty channels with a year of readings, filled channel by channel."""

from __future__ import annotations

import datetime as dt
import secrets
import sys
import time
from dataclasses import dataclass

from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import Membership, SystemRole, Tenant, User
from accounts.tenancy import tenant_scope
from bench.fleet import DatabaseInUse
from bench.past import Past, write_past
from devices.models import Channel, Device, DeviceProfile, Kind, Site
from telemetry.models import StorageJob
from telemetry.partitions import WEEK, ensure_partitions, week_of
from telemetry.storage.months import ensure_months, month_of, next_month
from telemetry.storage.zones import follow_zones

CHANNELS = 50
DAYS = 365
ZONE = "Europe/Istanbul"
EMAIL = "viewer@bench.example"
JOB = "bench_query"


@dataclass(frozen=True, slots=True)
class Year:
    """What was filled; `now` is its end."""

    tenant: Tenant
    person: User
    channels: list[Channel]
    now: dt.datetime


def fill_year(*, rows: int, now: dt.datetime) -> Year:
    """Fill a year of `CHANNELS` channels with about `rows` samples and their rollups.

    Goes on where an earlier run with as many rows was ended.

    Raises: DatabaseInUse.
    """
    call_command("migrate", verbosity=0)
    job = StorageJob.objects.filter(name=JOB).first()
    if job is None and Tenant.objects.exists():
        raise DatabaseInUse("The bench needs an empty database.")
    if job is None:
        job = _begin(rows, now)
    if job.state["rows"] != rows:
        raise DatabaseInUse(f"This database holds {job.state['rows']:,} rows of the bench.")
    year = _find(dt.datetime.fromisoformat(job.state["now"]))
    _fill(year, job)
    return year


def _begin(rows: int, now: dt.datetime) -> StorageJob:
    with transaction.atomic():
        _seed(round(CHANNELS * DAYS * 86_400 / rows))
        state = {"rows": rows, "now": now.isoformat(), "done": 0}
        job = StorageJob.objects.create(name=JOB, state=state, updated_at=now)
    start = now - dt.timedelta(days=DAYS)
    ensure_partitions({week_of(now - WEEK), week_of(now), week_of(now - 2 * WEEK)}, now=now)
    months = [month_of(start)]
    while months[-1] < now:
        months.append(next_month(months[-1]))
    ensure_months(months)
    return job


def _seed(interval_seconds: int) -> None:
    tenant = Tenant.objects.create(name="Bench", slug="bench")
    profile = DeviceProfile.objects.create(
        key="bench-meter", name="Bench meter", expected_interval_seconds=max(1, interval_seconds)
    )
    person = User.objects.create_user(EMAIL, secrets.token_urlsafe(16))
    with tenant_scope(tenant.id):
        Membership.objects.create(user=person, tenant=tenant, role=SystemRole.VIEWER)
        site = Site.objects.create(tenant=tenant, name="Site", timezone=ZONE)
        device = Device.objects.create(tenant=tenant, site=site, profile=profile, uid="d", name="M")
        for number in range(CHANNELS):
            rises = number % 2 == 1
            Channel.objects.create(
                tenant=tenant, device=device, source=str(number),
                name=f"{'energy' if rises else 'power'}_{number}",
                unit="kWh" if rises else "kW", kind=Kind.COUNTER if rises else Kind.GAUGE,
            )  # fmt: skip


def _find(now: dt.datetime) -> Year:
    tenant = Tenant.objects.get(slug="bench")
    with tenant_scope(tenant.id):
        channels = list(Channel.objects.order_by("id"))
    return Year(tenant, User.objects.get(email=EMAIL), channels, now)


def _fill(year: Year, job: StorageJob) -> None:
    start = year.now - dt.timedelta(days=DAYS)
    step_us = CHANNELS * DAYS * 86_400_000_000 // job.state["rows"]
    began, stored = time.monotonic(), 0
    for number, channel in enumerate(year.channels[job.state["done"] :], job.state["done"] + 1):
        past = Past(channel.id, start, year.now, step_us, channel.kind == Kind.COUNTER)
        with transaction.atomic():
            stored += write_past(past, now=year.now)
            job.state["done"] = number
            job.save(update_fields=["state"])
        rate = stored / (time.monotonic() - began)
        print(f"channel {number} of {CHANNELS}: {rate:,.0f} rows/s", file=sys.stderr)
    while follow_zones():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
