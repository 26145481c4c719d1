"""What feeds a register, from when to when."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection

from devices.models import Kind
from metering.ledger.flows import Integration, Part
from metering.ledger.kinds import Limits
from metering.models.meter import MOST_PER_HOUR
from metering.series import MICRO, QUARTER_US, Ints
from telemetry.ingest.batch import SampleBatch, to_microseconds
from telemetry.quality import Quality
from telemetry.storage.reads import first_sample

_USUAL_SECONDS = 900
_FOREVER = 2**62
_UNUSABLE = (Quality.BAD.value, Quality.MISSING.value)

_FEEDS = """
SELECT feed.id, feed.register_id, feed.tenant_id, feed.channel_id, channel.kind,
    coalesce(channel.expected_interval_seconds, profile.expected_interval_seconds),
    channel.expected_interval_seconds, channel.decimals,
    (installed.ct_ratio * installed.vt_ratio * installed.multiplier)::float8,
    (coalesce(installed.wraps_at, power(10::numeric, installed.digits)))::float8,
    feed.initial::float8, feed.final::float8,
    (extract(epoch FROM installed.installed_at) * 1000000)::int8,
    (extract(epoch FROM installed.removed_at) * 1000000)::int8,
    feed.part, feed.integration, meter.commodity, meter.most_per_hour::float8,
    site.timezone
FROM metering_registerfeed AS feed
JOIN metering_meterinstallation AS installed ON installed.id = feed.installation_id
JOIN metering_meter AS meter ON meter.id = installed.meter_id
JOIN devices_site AS site ON site.id = meter.site_id
JOIN devices_channel AS channel ON channel.id = feed.channel_id
JOIN devices_device AS device ON device.id = channel.device_id
LEFT JOIN devices_deviceprofile AS profile ON profile.id = device.profile_id
WHERE feed.{column} = ANY(%s)
ORDER BY feed.register_id, installed.installed_at, feed.id
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """One channel that feeds one register within [start, end), µs UTC.

    `interval_us`: between two values; `amount_us`: what an amount covers, 0 if that is unknown.
    `factor`: register × factor = the meter's unit. `initial`, `final`: as on the display.
    `most`: what can flow in an hour, in the meter's unit.
    """

    id: int
    register: int
    tenant: uuid.UUID
    channel: int
    kind: str
    interval_us: int
    amount_us: int
    decimals: int
    factor: float
    modulus: float | None
    initial: float | None
    final: float | None
    start: int
    end: int
    part: Part
    integration: Integration
    most: float
    zone: str

    @property
    def is_counter(self) -> bool:
        """Tell whether its channel is a register, not a power or amounts."""
        return self.kind == Kind.COUNTER

    @property
    def limits(self) -> Limits:
        """What its register can do, in millionths of the meter's unit."""
        modulus = None if self.modulus is None else round(self.modulus * self.factor * MICRO)
        return Limits(
            rate=self.most * MICRO / 3600,
            resolution=max(2, round(2 * 10.0**-self.decimals * self.factor * MICRO)),
            modulus=modulus,
            gap_us=max(QUARTER_US, 2 * self.interval_us),
        )

    def registers(self, samples: SampleBatch) -> tuple[Ints, Ints]:
        """Return times and registers (millionths) of usable samples, and of a person's readings.

        A reading at the change of a meter is a sample like others.
        """
        usable = ~np.isin(samples["quality"], _UNUSABLE)
        samples = samples[usable]
        times = samples["time"].astype(np.int64)
        values = np.rint(samples["value"] * (self.factor * MICRO)).astype(np.int64)
        for at, shown in ((self.start, self.initial), (self.end, self.final)):
            if shown is not None and at < _FOREVER:
                keep = times != at
                times, values = times[keep], values[keep]
                place = int(np.searchsorted(times, at))
                times = np.insert(times, place, at)
                values = np.insert(values, place, round(shown * self.factor * MICRO))
        return times, values


def begin_of(feed: Feed) -> int:
    """Return the µs before which a feed has nothing to tell."""
    if feed.initial is not None:
        return feed.start
    first = first_sample([feed.channel])
    return feed.end if first is None else max(feed.start, to_microseconds(first))


def load_feeds(registers: Sequence[int]) -> dict[int, list[Feed]]:
    """Return the feeds of registers, in the order of installation."""
    found: dict[int, list[Feed]] = {register: [] for register in registers}
    for feed in _select("register_id", registers):
        found[feed.register].append(feed)
    return found


def feeds_of_channels(channels: Sequence[int]) -> list[Feed]:
    """Return what channels feed."""
    return _select("channel_id", channels)


def _select(column: str, keys: Sequence[int]) -> list[Feed]:
    with connection.cursor() as cursor:
        cursor.execute(_FEEDS.format(column=column), [list(keys)])
        return [_feed(row) for row in cursor.fetchall()]


def _feed(row: tuple[Any, ...]) -> Feed:
    (
        key, register, tenant, channel, kind, interval, amount, decimals, factor, modulus, initial,
        final, start, end, part, integration, commodity, most, zone,
    ) = row  # fmt: skip
    return Feed(
        id=key,
        register=register,
        tenant=tenant,
        channel=channel,
        kind=kind,
        interval_us=int(interval or _USUAL_SECONDS) * 1_000_000,
        amount_us=int(amount or 0) * 1_000_000,
        decimals=decimals,
        factor=factor,
        modulus=modulus,
        initial=initial,
        final=final,
        start=start,
        end=_FOREVER if end is None else end,
        part=Part(part),
        integration=Integration(integration),
        most=float(most or MOST_PER_HOUR[commodity]),
        zone=zone,
    )
