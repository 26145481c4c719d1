"""A site with a meter, and files that are imported into it as a person would."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from devices.models import Channel, Device
from telemetry.imports import runner, service
from telemetry.imports.models import ImportJob
from telemetry.imports.plan import Plan, PlanColumn
from telemetry.storage.reads import raw_samples
from tests.conftest import Team
from tests.factories import DeviceFactory, SiteFactory

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass
class Importer:
    """Imports into one device, and looks at what is stored."""

    team: Team
    device: Device

    def upload(self, file: Path | bytes, *, name: str = "", **changes: Any) -> ImportJob:
        """Upload a file and change its settings; columns as `column()` makes them."""
        data = file if isinstance(file, bytes) else file.read_bytes()
        name = name or (file.name if isinstance(file, Path) else "file.csv")
        job = service.upload_whole(
            device_id=self.device.id,
            file_name=name,
            chunks=[data[n : n + 1_000_000] for n in range(0, len(data), 1_000_000)],
            size=len(data),
            actor=self.team.owner,
            now=timezone.now(),
        )
        if "columns" in changes:
            changes["columns"] = [vars_of(column) for column in changes["columns"]]
        return service.change_plan(job_id=job.id, changes=changes) if changes else job

    def run(self, job: ImportJob) -> ImportJob:
        """Start an import and wait for its end."""
        service.start_import(job_id=job.id, now=timezone.now())
        while claimed := runner.claim(now=timezone.now()):
            runner.work(claimed, clock=timezone.now)
        job.refresh_from_db()
        return job

    def import_file(self, file: Path | bytes, **changes: Any) -> ImportJob:
        """Upload and run."""
        return self.run(self.upload(file, **changes))

    def add_stations(self, file: Path, header: str) -> list[Device]:
        """Register a device for each text of a column."""
        with gzip.open(file, "rt") as lines:
            names = sorted({row[header] for row in csv.DictReader(lines)})
        site = self.device.site
        return [DeviceFactory(site=site, gateway=None, uid=name) for name in names]

    def samples(self, name: str, device: Device | None = None) -> Series:
        """Return what is stored in a channel."""
        channel = Channel.objects.get(device=device or self.device, name=name)
        rows = raw_samples([channel.id], LONG_AGO, timezone.now(), tenant_id=self.team.tenant.id)
        return Series(rows["time"].copy(), rows["value"].copy(), rows["quality"].copy())

    def samples_of(self, name: str, devices: list[Device]) -> list[Series]:
        """Return what is stored in the channels of this name, in one read."""
        channels = list(Channel.objects.filter(device__in=devices, name=name))
        rows = raw_samples(
            [c.id for c in channels], LONG_AGO, timezone.now(), tenant_id=self.team.tenant.id
        )
        found = []
        for channel in channels:
            own = rows[rows["channel"] == channel.id]
            found.append(Series(own["time"].copy(), own["value"].copy(), own["quality"].copy()))
        return found


@dataclass
class Series:
    """Samples of one channel: µs UTC, values, qualities."""

    times: np.ndarray
    values: np.ndarray
    qualities: np.ndarray

    def sums(self, zone: str, pattern: str, *, factor: float = 1.0) -> dict[str, float]:
        """Return the sums of local days, months or years, by the pattern of their name."""
        found: dict[str, float] = {}
        for moment, value in zip(self.moments(zone), self.values, strict=True):
            name = moment.strftime(pattern)
            found[name] = found.get(name, 0.0) + float(value) * factor
        return found

    def counts(self, zone: str, pattern: str) -> dict[str, int]:
        """Return how many samples local days have."""
        found: dict[str, int] = {}
        for moment in self.moments(zone):
            name = moment.strftime(pattern)
            found[name] = found.get(name, 0) + 1
        return found

    def moments(self, zone: str) -> list[dt.datetime]:
        """Return the local times."""
        info = ZoneInfo(zone)
        return [dt.datetime.fromtimestamp(int(time) / 1e6, info) for time in self.times]


def vars_of(column: PlanColumn) -> dict[str, Any]:
    """Return a column as JSON."""
    return Plan(columns=(column,)).as_json()["columns"][0]


def column(
    index: int, channel: str, unit: str = "", kind: str = "gauge", **more: Any
) -> PlanColumn:
    """Describe a column."""
    return replace(PlanColumn(index, channel, unit, kind), **more)


@pytest.fixture
def importer(transactional_db, red, redis, tmp_path) -> Iterator[Importer]:
    """A meter without channels in Istanbul; files lie in a folder of the test."""
    storages = dict(settings.STORAGES)
    storages["imports"] = {**storages["imports"], "OPTIONS": {"location": str(tmp_path / "up")}}
    with pytest.MonkeyPatch.context() as patch, red.scope():
        patch.setattr(service, "_wake_worker", lambda: None)
        from django.test import override_settings

        with override_settings(STORAGES=storages):
            site = SiteFactory(tenant=red.tenant)
            yield Importer(red, DeviceFactory(site=site, gateway=None, uid="meter"))
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")
