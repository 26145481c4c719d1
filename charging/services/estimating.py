"""What a session drew at most, where no meter says it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from charging.energy import estimate_kwh
from charging.events import Kind
from charging.models import ChargingEvent, ChargingSession, SessionState
from charging.services.metering import begins_of, span_of
from telemetry.ingest.batch import from_microseconds


def estimate_session(session: ChargingSession, share: float, *, now: dt.datetime) -> Decimal:
    """Return what flowed at most, in kWh, in a share of the time for which it may have charged.

    That time begins with the last look at which nothing charged yet.
    """
    begin_us, end_us = span_of(session, begins_of([session]), now)
    begin, end = from_microseconds(begin_us), from_microseconds(end_us)
    seconds = session.energised_seconds
    if session.state == SessionState.CHARGING:
        seconds += max(0.0, (now - session.since).total_seconds())
    if session.charging_at is not None:
        seconds += max(0.0, (session.charging_at - begin).total_seconds())
    point = session.connector.charge_point
    return estimate_kwh(
        amps=largest_limit(session, begin, end), phases=point.phases, volts=point.voltage_v,
        seconds=seconds * share,
    )  # fmt: skip


def largest_limit(session: ChargingSession, begin: dt.datetime, end: dt.datetime) -> float:
    """Return the largest limit (A) that was in force in a span, at most that of the place."""
    connector = session.connector
    most = connector.charge_point.max_current_a
    rows = ChargingEvent.objects.filter(
        connector=connector, kind=Kind.CURRENT_LIMIT_CHANGED.value, at__gt=begin
    ).order_by("at", "order")
    within = list(rows.filter(at__lte=end).values_list("detail", flat=True))
    later = rows.filter(at__gt=end).values_list("detail", flat=True).first()
    known = [detail[name] for detail in within for name in ("before", "limit_a")]
    if not known:
        known = [connector.current_limit_a if later is None else later["before"]]
    return min(most, max(most if one is None else one for one in known))
