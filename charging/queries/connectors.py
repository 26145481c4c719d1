"""Connectors as they are now, with what they measure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from charging.models import ChargingSession, Connector
from charging.pricing import cost_of, price_from
from charging.services.settling import idle_seconds
from metering.build.feeds import feeds_of_channels
from telemetry.ingest.batch import to_microseconds
from telemetry.models import LatestValue
from telemetry.quality import Quality

FRESH = dt.timedelta(seconds=10)
_MICRO = Decimal("0.000001")
_UNUSABLE = (Quality.BAD.value, Quality.MISSING.value)


@dataclass(frozen=True, slots=True)
class Live:
    """A connector and its session at this moment.

    `energy_kwh`: since charging began, to the newest register; None while nothing is known.
    `cost`: of it so far, in `session.currency`. `is_fresh`: it was heard within ten seconds.
    """

    connector: Connector
    session: ChargingSession | None
    is_fresh: bool
    energy_kwh: Decimal | None
    power_kw: float | None
    register_kwh: float | None
    cost: Decimal | None


def read_live(connectors: list[Connector], *, now: dt.datetime) -> list[Live]:
    """Return connectors as they are now; three queries however many they are.

    Args: connectors: with their charge points selected.
    """
    rows = ChargingSession.objects.filter(connector__in=connectors, ended_at=None)
    sessions = {row.connector_id: row for row in rows.select_related("id_tag")}
    channels = {
        channel
        for one in connectors
        for channel in (one.energy_channel_id, one.power_channel_id)
        if channel is not None
    }
    found = LatestValue.objects.filter(channel_id__in=channels).exclude(quality__in=_UNUSABLE)
    rows_of = {channel: (value, time) for channel, value, time in
               found.values_list("channel_id", "value", "time")}  # fmt: skip
    latest = {channel: value for channel, (value, _) in rows_of.items()}
    registers = {one.energy_channel_id for one in connectors}
    latest |= _registers({key: row for key, row in rows_of.items() if key in registers})
    return [_live(one, sessions.get(one.id), latest, now) for one in connectors]


def _registers(
    found: Mapping[int, tuple[float | None, dt.datetime | None]],
) -> dict[int, float | None]:
    """Return registers as sessions count them: in the unit of the meter that was installed."""
    feeds = [feed for feed in feeds_of_channels(sorted(found)) if feed.is_counter] if found else []
    factors: dict[int, float | None] = dict.fromkeys((feed.channel for feed in feeds), None)
    for feed in feeds:
        time = found[feed.channel][1]
        if time is not None and feed.start <= to_microseconds(time) < feed.end:
            factors[feed.channel] = feed.factor
    return {
        channel: _times(value, factors.get(channel, 1.0)) for channel, (value, _) in found.items()
    }


def _times(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor


def _live(
    one: Connector,
    session: ChargingSession | None,
    latest: dict[int, float | None],
    now: dt.datetime,
) -> Live:
    register = latest.get(one.energy_channel_id) if one.energy_channel_id else None
    power = latest.get(one.power_channel_id) if one.power_channel_id else None
    energy = _energy(session, register)
    return Live(
        one, session, one.seen_at is not None and now - one.seen_at <= FRESH, energy, power,
        register, _cost(session, energy, now),
    )  # fmt: skip


def _energy(session: ChargingSession | None, register: float | None) -> Decimal | None:
    """Return the newest register less that of the beginning; after a reset what was settled."""
    if session is None or session.charging_at is None:
        return None
    if register is None or session.register_start is None or session.stopped_at is not None:
        return session.energy_kwh
    passed = Decimal(repr(register)).quantize(_MICRO) - session.register_start
    return max(passed, session.energy_kwh or Decimal(0))


def _cost(
    session: ChargingSession | None, energy: Decimal | None, now: dt.datetime
) -> Decimal | None:
    price = price_from(session.price) if session is not None else None
    if session is None or price is None or energy is None:
        return None
    return cost_of(price, energy_kwh=energy, idle_seconds=idle_seconds(session, now)).total
