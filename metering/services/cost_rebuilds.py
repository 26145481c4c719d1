"""Computes the costs of many meters again, one site and stretch of days after the other."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from devices.models import Site
from metering.models import Meter
from metering.services.costs import Recalculated, lock_site, recalculate_costs
from metering.storage.cost_months import months_of, sum_months
from telemetry.models import StorageJob

DAYS = 100
METERS = 50


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many parts of all are done, and what this one wrote."""

    done: int
    parts: int
    found: Recalculated


def rebuild_costs(
    *,
    start: dt.date,
    end: dt.date,
    site_id: uuid.UUID | None = None,
    now: dt.datetime,
    is_trial: bool = False,
    resumes: bool = False,
) -> Iterator[Rebuilt]:
    """Compute the local days [start, end) of the sites in scope; each part is a transaction.

    Args: resumes: go on where the same call was interrupted.
    """
    parts = list(_parts(start, end, site_id))
    if not parts:
        return
    job_name = f"costs:{(site_id or parts[0][0].tenant_id).hex}:{start}:{end}"
    begin = _reached(job_name) if resumes else 0
    for number, (site, meters, first, after) in enumerate(parts[begin:], start=begin + 1):
        found = recalculate_costs(meters=meters, start=first, end=after, now=now, is_trial=is_trial)
        if not is_trial:
            _sum_again(site, meters, first, after)
            StorageJob.objects.update_or_create(
                name=job_name, defaults={"state": {"done": number}, "updated_at": now}
            )
        yield Rebuilt(number, len(parts), found)
    if not is_trial:
        StorageJob.objects.filter(name=job_name).delete()


def _sum_again(site: Site, meters: Sequence[Meter], first: dt.date, after: dt.date) -> None:
    """Sum up the months of these days whether a line changed or not."""
    with transaction.atomic():
        lock_site(site.id)
        sum_months(months_of((meter.id for meter in meters), first, after))


def _reached(name: str) -> int:
    job = StorageJob.objects.filter(name=name).first()
    return int(job.state.get("done", 0)) if job else 0


def _parts(
    start: dt.date, end: dt.date, site_id: uuid.UUID | None
) -> Iterator[tuple[Site, list[Meter], dt.date, dt.date]]:
    sites = Site.objects.filter(tariffs__isnull=False).distinct().order_by("id")
    if site_id is not None:
        sites = sites.filter(id=site_id)
    for site in sites:
        meters = list(Meter.objects.filter(site=site).order_by("id"))
        for place in range(0, len(meters), METERS):
            first = start
            while first < end:
                after = min(first + dt.timedelta(days=DAYS), end)
                yield site, meters[place : place + METERS], first, after
                first = after
