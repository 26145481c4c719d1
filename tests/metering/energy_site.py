"""A site with a connection, a roof and circuits, whose counters grow evenly."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db import connection

from devices.models import Kind
from metering.models import Meter, Register
from metering.queries.frames import Frame, Step, Unit, make_frame
from metering.services.meters import Source, Wanted, create_meter
from telemetry.timespec import local_midnight
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory
from tests.metering.conftest import NOW, Plant

QUARTER_US = 900_000_000
Rate = Callable[[dt.datetime], float]


def even(kwh: float) -> Rate:
    """Return the same amount for every quarter."""
    return lambda at: kwh


@dataclass
class EnergySite:
    """Meters of one site, each fed by stored samples of its counter."""

    plant: Plant
    first: dt.date
    last: dt.date
    meters: dict[str, Meter] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """Return the site's time zone."""
        return ZoneInfo(self.plant.site.timezone)

    def add(self, name: str, rates: dict[str, Rate], **wanted: object) -> Meter:
        """Make a meter whose registers grew every quarter of [first, last)."""
        channels = {
            quantity: self.plant.channel(name=f"{name}_{quantity}".lower().replace(" ", "_"))
            for quantity in rates
        }
        parent = wanted.pop("parent", None)
        with self.plant.red.scope():
            made = create_meter(
                site_id=self.plant.site.id,
                wanted=Wanted(
                    name=name,
                    parent=self.meters[str(parent)].id if parent else None,
                    **wanted,  # type: ignore[arg-type]
                ),
                sources={quantity: Source(c.uuid) for quantity, c in channels.items()},
                now=NOW,
            )
        for quantity, rate in rates.items():
            self.plant.store(channels[quantity], *self._counter(rate))
        self.meters[name] = made
        return made

    def frame(self, unit: Unit, day: dt.date, step: Step | None = None) -> Frame:
        """Return a period of the site's calendar."""
        return make_frame(unit, day, zone=self.zone, step=step)

    def _counter(self, rate: Rate) -> tuple[list[int], list[float]]:
        at, end = (local_midnight(day, self.zone) for day in (self.first, self.last))
        times, values, value = [int(at.timestamp() * 1_000_000)], [1000.0], 1000.0
        while at < end:
            value += rate(at.astimezone(self.zone))
            at += dt.timedelta(minutes=15)
            times.append(int(at.timestamp() * 1_000_000))
            values.append(round(value, 6))
        return times, values


_DAYS = """
INSERT INTO metering_day (register_id, day, amount, quarters, estimated, estimated_quarters,
    peak, peak_at, changed_at)
SELECT register, day::date, 96000000, 96, 0, 0, 1500000 + extract(doy FROM day)::int,
    day + interval '12 hours', now()
FROM unnest(%(registers)s::int[]) AS register,
    generate_series(%(start)s::date, %(end)s::date - 1, interval '1 day') AS day
"""


def make_day_meters(
    team: Team, site_id: uuid.UUID, count: int, *, start: dt.date, end: dt.date
) -> list[Register]:
    """Make a connection and submeters that have 96 kWh on each day, without any quarters."""
    device = DeviceFactory(site_id=site_id, tenant=team.tenant)
    registers: list[Register] = []
    parent: uuid.UUID | None = None
    with team.scope():
        for number in range(count):
            channel = ChannelFactory(
                device=device, name=f"e{number}", kind=Kind.COUNTER, unit="kWh"
            )
            meter = create_meter(
                site_id=site_id,
                wanted=Wanted(
                    name=f"Meter {number:03}", parent=parent,
                    role="load" if parent else "grid",
                ),
                sources={"import": Source(channel.uuid)},
                now=NOW,
            )  # fmt: skip
            parent = parent or meter.id
            registers.append(meter.registers.get())
        write_days(registers, start=start, end=end)
    return registers


def write_days(registers: Sequence[Register], *, start: dt.date, end: dt.date) -> None:
    """Write 96 kWh for each day of [start, end)."""
    with connection.cursor() as cursor:
        cursor.execute(
            _DAYS, {"registers": [row.id for row in registers], "start": start, "end": end}
        )
