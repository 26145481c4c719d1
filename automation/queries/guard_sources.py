"""What demand guards measure, as stretches of power; a handful of queries for any number."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from automation.guard.series import Stretches, of_counter, of_power
from automation.models import DemandGuard
from devices.models import Channel, Kind
from metering.build.feeds import Feed, load_feeds
from metering.ledger.flows import Integration, Part
from telemetry.ingest.batch import SampleBatch, to_microseconds
from telemetry.quality import Quality
from telemetry.storage.reads import samples_since

MICRO = 1_000_000
_UNUSABLE = (Quality.BAD.value, Quality.MISSING.value)
_USUAL_SECONDS = 60.0
_STALE_AT_LEAST, _STALE_AT_MOST = 60.0, 300.0
_GAP_AT_LEAST = 90.0
_MOST_KW = 1e6


@dataclass(frozen=True, slots=True)
class Source:
    """Where a guard's power comes from. `interval`: seconds between two samples.

    sample × `factor` gives kW, or kWh of a counter.
    """

    channel: int
    is_counter: bool
    factor: float
    interval: float
    holds: bool = False
    modulus: float | None = None
    most_kw: float = _MOST_KW

    @property
    def stale_seconds(self) -> float:
        """After so long without a sample nobody knows what flows."""
        return min(_STALE_AT_MOST, max(_STALE_AT_LEAST, 3 * self.interval))

    def stretches(self, samples: SampleBatch) -> Stretches:
        """Return the power between the samples of its channel."""
        usable = samples[~np.isin(samples["quality"], _UNUSABLE)]
        times = usable["time"].astype(np.float64) / MICRO
        values = usable["value"].astype(np.float64) * self.factor
        if self.is_counter:
            return of_counter(times, values, most_kw=self.most_kw, modulus=self.modulus)
        longest = max(_GAP_AT_LEAST, 3 * self.interval)
        return of_power(times, values, longest=longest, holds=self.holds)


def sources_of(guards: Collection[DemandGuard], *, now: dt.datetime) -> dict[uuid.UUID, Source]:
    """Return what guards measure; one without a feed now has none. At most two queries."""
    registers = {guard.register_id for guard in guards if guard.register_id is not None}
    channels = {guard.channel_id for guard in guards if guard.channel_id is not None}
    feeds = load_feeds(sorted(registers)) if registers else {}
    powers = {
        channel.id: channel
        for channel in Channel.objects.filter(id__in=channels).select_related("device__profile")
    } if channels else {}  # fmt: skip
    at = to_microseconds(now)
    found: dict[uuid.UUID, Source] = {}
    for guard in guards:
        if guard.channel_id in powers:
            found[guard.id] = _of_channel(powers[guard.channel_id])
        running = [
            one for one in feeds.get(guard.register_id or 0, ()) if one.start <= at < one.end
        ]
        if running and (source := _of_feed(running[-1])) is not None:
            found[guard.id] = source
    return found


def read_stretches(
    sources: Mapping[uuid.UUID, Source],
    since: Mapping[uuid.UUID, dt.datetime],
    *,
    now: dt.datetime,
) -> dict[uuid.UUID, Stretches]:
    """Return the power of each guard from its moment on; one query. Samples of the future wait."""
    wanted = [(source.channel, to_microseconds(since[id_])) for id_, source in sources.items()]
    if not wanted:
        return {}
    rows = samples_since(wanted, now + dt.timedelta(microseconds=1))
    found = {}
    for id_, source in sources.items():
        begin, end = np.searchsorted(rows["channel"], [source.channel, source.channel + 1])
        part = rows[begin:end]
        found[id_] = source.stretches(part[part["time"] > to_microseconds(since[id_])])
    return found


def _of_channel(channel: Channel) -> Source:
    seconds = channel.expected_interval_seconds or channel.device.profile.expected_interval_seconds
    return Source(channel.id, is_counter=False, factor=1.0, interval=seconds or _USUAL_SECONDS)


def _of_feed(feed: Feed) -> Source | None:
    """Return what feeds a register; amounts of intervals come too late to predict anything."""
    if feed.kind == Kind.INTERVAL:
        return None
    sign = -1.0 if feed.part == Part.NEGATIVE else 1.0
    modulus = None if feed.modulus is None else feed.modulus * feed.factor
    return Source(
        feed.channel, is_counter=feed.is_counter, factor=feed.factor * sign,
        interval=feed.interval_us / MICRO, holds=feed.integration == Integration.HOLD,
        modulus=modulus, most_kw=feed.most,
    )  # fmt: skip
