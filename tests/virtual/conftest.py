"""Two meters of a tenant, the reactor, and rows that come in any order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from django.db import connection
from redis import Redis

from devices.models import Channel, Device
from telemetry.ingest.assemble import Columns
from telemetry.ingest.batch import to_microseconds
from telemetry.ingest.direct import DirectStore, Target
from telemetry.models import VirtualChannel
from telemetry.reactors.follower import Follower
from telemetry.services.virtual import Wanted, create_virtual_channel
from telemetry.virtual import reactor
from telemetry.virtual.reactor import VirtualReactor
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

NOON = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
Row = tuple[str, float, float]  # channel, seconds after NOON, value


@dataclass
class Plant:
    """Channels `a` and `b` (kW, gauges), `meter` (kWh, a counter) and what computes from them."""

    team: Team
    redis: Redis
    device: Device
    channels: dict[str, Channel]
    now: dt.datetime = NOON + dt.timedelta(hours=6)
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self.follower = self.make_follower("one")

    def make_follower(self, holder: str) -> Follower:
        """Return a further copy of the reactor."""
        return Follower(VirtualReactor(self.redis), self.redis, consumer=holder, holder=holder)

    def virtual(self, formula: str, *names: str, unit: str = "kW", **fields: Any) -> VirtualChannel:
        """Make a virtual channel; inputs have the names of their channels."""
        how = {key: fields.pop(key) for key in ("alignment", "tolerance_seconds") if key in fields}
        inputs = {name: self.channels[name].id for name in names}
        with self.team.scope():
            made = create_virtual_channel(
                device_id=self.device.id, name=fields.pop("name", "total"), unit=unit,
                wanted=Wanted(formula, inputs, **how), now=self.now, **fields,
            )  # fmt: skip
        self.channels[made.channel.name] = made.channel
        return made

    def store(self, rows: Sequence[Row], *, quality: int = 0) -> None:
        """Store rows as an import does, and tell the reactors."""
        names = sorted({name for name, _second, _value in rows})
        with self.team.scope():
            store = DirectStore(
                [Target(self.channels[name].id, self.channels[name].unit) for name in names],
                client=self.redis,
            )
            columns = Columns()
            for number, (name, second, value) in enumerate(rows):
                time = to_microseconds(NOON) + int(second * 1_000_000)
                columns.add(number, time, [names.index(name)], [value], quality)
            store.store_rows(columns, now=self.now)
            store.close()

    def run(self, rounds: int = 12) -> None:
        """Let the reactor work until nothing waits."""
        for _ in range(rounds):
            self.now += dt.timedelta(seconds=1)
            self.follower.reactor._reload_at = min(self.follower.reactor._reload_at, 0)
            assert self.follower.round(now=self.now.timestamp(), block=False)

    def values(self, name: str = "total") -> dict[int, float]:
        """Return value by second after NOON."""
        return {second: value for second, value, _quality in self.rows(name)}

    def rows(self, name: str = "total") -> list[tuple[int, float, int]]:
        """Return second after NOON, value and quality."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM time - %s)::int, value, quality FROM telemetry_sample"
                " WHERE channel_id = %s ORDER BY time",
                [NOON, self.channels[name].id],
            )
            return cursor.fetchall()


@pytest.fixture
def plant(
    transactional_db: None, red: Team, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plant]:
    """Yield a site with two meters."""
    monkeypatch.setattr(reactor, "BUILD_SECONDS", 10.0)
    with red.scope():
        site = SiteFactory(tenant=red.tenant)
        device = DeviceFactory(tenant=red.tenant, site=site, uid="meter-1")
        made = {}
        for name, unit, kind in (
            ("a", "kW", "gauge"), ("b", "kW", "gauge"), ("meter", "kWh", "total_increasing"),
        ):  # fmt: skip
            made[name] = ChannelFactory(
                tenant=red.tenant, device=device, name=name, source=name, source_unit=unit,
                unit=unit, kind=kind,
            )  # fmt: skip
    yield Plant(red, redis, device, made)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE telemetry_sample")


def random_rows(seed: int, count: int) -> list[Row]:
    """Return rows of a and b at whole seconds of an hour, each key once."""
    chance = np.random.default_rng(seed)
    keys = {(str(chance.choice(["a", "b"])), int(chance.integers(0, 3600))) for _ in range(count)}
    return [(name, second, float(chance.integers(0, 50))) for name, second in sorted(keys)]
