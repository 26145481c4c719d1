"""Reads what the meter in front of a connector says of a session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from charging.energy import Measured, Span, measure, steps_of
from charging.events import Kind
from charging.models import ChargingEvent, ChargingSession, Connector
from metering.build.feeds import feeds_of_channels
from metering.ledger.kinds import STEP_DTYPE, Limits, Steps
from metering.series import MICRO
from telemetry.ingest.batch import SampleBatch, from_microseconds, to_microseconds
from telemetry.quality import Quality
from telemetry.storage.reads import raw_samples

# how far beyond its edges samples of a session are looked for: first nearby, then afar
MARGINS = (dt.timedelta(hours=1), dt.timedelta(days=2))
USUAL_SILENCE_US = 900_000_000
_US = 1_000_000
_UNUSABLE = (Quality.BAD.value, Quality.MISSING.value)
# a register may rise faster than the cable bears: meters send late, and several at once
_RATE_FACTOR = 3


def span_of(session: ChargingSession, since: Mapping[Any, dt.datetime], now: dt.datetime) -> Span:
    """Return when a session charged, µs: from the look before the one that saw it on."""
    begin = since.get(session.id) or session.charging_at or session.started_at
    end = session.stopped_at or session.ended_at or now
    first = to_microseconds(begin)
    return first, max(first, to_microseconds(end))


def begins_of(sessions: Iterable[ChargingSession]) -> dict[Any, dt.datetime]:
    """Return when sessions were last seen not charging yet, by their id."""
    rows = ChargingEvent.objects.filter(
        session__in=list(sessions), kind=Kind.CHARGE_STARTED.value, detail__has_key="since"
    )
    found: dict[Any, dt.datetime] = {}
    for session_id, detail in rows.order_by("order").values_list("session_id", "detail"):
        found.setdefault(session_id, dt.datetime.fromisoformat(detail["since"]))
    return found


def measure_session(session: ChargingSession, *, now: dt.datetime) -> Measured | None:
    """Return what the register says; None without a meter, or as long as it says nothing."""
    connector = session.connector
    if connector.energy_channel_id is None or session.charging_at is None:
        return None
    found = None
    for margin in MARGINS:
        found = _measure(session, connector.energy_channel_id, margin, now)
        if found is not None and (found.is_complete or session.ended_at is None):
            break
    return found


def _measure(
    session: ChargingSession, channel: int, margin: dt.timedelta, now: dt.datetime
) -> Measured | None:
    connector = session.connector
    since = begins_of([session])
    span = span_of(session, since, now)
    start = from_microseconds(span[0]) - margin
    end = min(from_microseconds(span[1]) + margin, max(now, from_microseconds(span[1])))
    end += dt.timedelta(microseconds=1)
    others = [
        one for one in _others(session, end) if (one.stopped_at or one.ended_at or now) > start
    ]  # fmt: skip
    known = begins_of(others)
    steps = _steps(connector, channel, start, end, session.tenant_id)
    return measure(
        steps, span, [span_of(one, known, now) for one in others],
        silence_us=_silence_us(connector),
    )  # fmt: skip


def _others(session: ChargingSession, end: dt.datetime) -> list[ChargingSession]:
    """Return who else charged before a moment, and who was seen next: it may have begun before."""
    rows = ChargingSession.objects.filter(
        connector=session.connector, charging_at__isnull=False
    ).exclude(id=session.id)
    following = rows.filter(charging_at__gte=end).order_by("charging_at")[:1]
    return [*rows.filter(charging_at__lt=end).order_by("-charging_at")[:200], *following]


def _steps(
    connector: Connector, channel: int, start: dt.datetime, end: dt.datetime, tenant_id: Any
) -> Steps:
    """Return the steps of the register; of each meter that was installed, in its own unit."""
    samples = raw_samples([channel], start, end, tenant_id=tenant_id)
    feeds = [feed for feed in feeds_of_channels([channel]) if feed.is_counter]
    if not feeds:
        good = samples[~np.isin(samples["quality"], _UNUSABLE)]
        values = np.rint(good["value"] * MICRO).astype(np.int64)
        return steps_of(good["time"].astype(np.int64), values, _limits(connector))
    parts = []
    for feed in sorted(feeds, key=lambda one: one.start):
        inside = _inside(samples, feed.start, feed.end)
        times, registers = feed.registers(inside)
        near = (times >= to_microseconds(start)) & (times < to_microseconds(end))
        parts.append(steps_of(times[near], registers[near], feed.limits))
    return np.concatenate([np.empty(0, dtype=STEP_DTYPE), *parts])


def _inside(samples: SampleBatch, start: int, end: int) -> SampleBatch:
    return samples[(samples["time"] >= start) & (samples["time"] < end)]


def _limits(connector: Connector) -> Limits:
    point = connector.charge_point
    kw = point.max_current_a * point.phases * point.voltage_v / 1000
    return Limits(rate=_RATE_FACTOR * kw * MICRO / 3600)


def _silence_us(connector: Connector) -> int:
    channel = connector.energy_channel
    seconds = channel.expected_interval_seconds if channel else None
    return max(USUAL_SILENCE_US, 2 * (seconds or 0) * _US)


def peak_power(session: ChargingSession, *, now: dt.datetime) -> float | None:
    """Return the largest power of a session in kW; None without a power channel or samples."""
    channel = session.connector.power_channel_id
    if channel is None or session.charging_at is None:
        return None
    end = session.stopped_at or now
    rows = raw_samples([channel], session.charging_at, end, tenant_id=session.tenant_id)
    good = rows[~np.isin(rows["quality"], _UNUSABLE)]
    return float(good["value"].max()) if len(good) else None
