"""Meters that are fed by stored samples."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection

from accounts.tenancy import all_tenants
from devices.models import Channel, Device, Kind
from metering.build.due import work_off
from metering.ledger.kinds import Entries
from metering.models import Meter, Register
from metering.services.meters import Hardware, Source, Wanted, create_meter
from metering.storage.entries import read_entries
from telemetry.ingest.batch import SAMPLE_DTYPE, from_microseconds
from telemetry.ingest.store import Change, SampleStore
from telemetry.partitions import ensure_partitions, week_of
from telemetry.storage.dirty import work_off as roll_up
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
_TABLES = (
    "telemetry_sample", "telemetry_rollup_15m", "telemetry_rollup_day", "telemetry_dirty_mark",
    "telemetry_packed_day", "telemetry_rollup_zone", "telemetry_changed_window",
    "metering_interval", "metering_interval_past",
)  # fmt: skip

Rows = Sequence[tuple[int, int, float]]


class Plant:
    """A site with meters, and a store to put samples into."""

    def __init__(self, red: Team, zone: str) -> None:
        self.red = red
        self.site = SiteFactory(tenant=red.tenant, timezone=zone)
        self.device: Device = DeviceFactory(site=self.site)
        self._store = SampleStore()

    def channel(self, kind: str = Kind.COUNTER, unit: str = "kWh", **fields: object) -> Channel:
        found: Channel = ChannelFactory(device=self.device, kind=kind, unit=unit, **fields)
        return found

    def meter(
        self,
        channel: Channel,
        *,
        quantity: str = "import",
        hardware: Hardware | None = None,
        installed_at: dt.datetime | None = None,
        source: Source | None = None,
        now: dt.datetime = NOW,
        **wanted: object,
    ) -> Register:
        """Make a meter of one register and return that."""
        name = str(wanted.pop("name", f"Meter {uuid.uuid4().hex[:6]}"))
        with self.red.scope():
            meter: Meter = create_meter(
                site_id=self.site.id,
                wanted=Wanted(name=name, **wanted),
                sources={quantity: source or Source(channel.uuid)},
                hardware=hardware,
                installed_at=installed_at,
                now=now,
            )
            return meter.registers.get()

    def store(self, channel: Channel, times: Sequence[int], values: Sequence[float]) -> None:
        """Commit samples as the ingest worker does. Args: times: µs."""
        rows = np.zeros(len(times), dtype=SAMPLE_DTYPE)
        rows["channel"], rows["time"], rows["value"] = channel.id, times, values
        rows = rows[np.unique(rows["time"], return_index=True)[1]]
        weeks = {week_of(from_microseconds(int(time))) for time in rows["time"][::50]}
        weeks |= {week_of(from_microseconds(int(time))) for time in rows["time"][-1:]}
        ensure_partitions(weeks, now=NOW)
        self._store.write(Change(rows, rows[:0], [], lambda at: None, NOW))

    def build(self, now: dt.datetime = NOW) -> None:
        """Do what the reactors of rollups and metering do."""
        with all_tenants():
            while roll_up(now=now).marks:
                pass
            while work_off(now=now).is_more:
                pass

    def close(self) -> None:
        self._store.close()


def entries_of(register: Register) -> Entries:
    """Return all quarters of a register."""
    return read_entries([(register.id, 0, 4_000_000)])


def total(register: Register) -> Decimal:
    """Return what a register counted, in its unit."""
    return Decimal(int(entries_of(register)["amount"].sum())).scaleb(-6)


@pytest.fixture
def make_plant(transactional_db: None, red: Team) -> Iterator[Callable[..., Plant]]:
    plants: list[Plant] = []

    def make(zone: str = "Europe/Istanbul") -> Plant:
        plants.append(Plant(red, zone))
        return plants[-1]

    yield make
    for plant in plants:
        plant.close()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(_TABLES)}")


@pytest.fixture
def plant(make_plant: Callable[..., Plant]) -> Plant:
    return make_plant()
