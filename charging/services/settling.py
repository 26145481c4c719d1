"""Follows what meters say of sessions until it is final: energy, cost and receipt."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from decimal import Decimal

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q

from accounts.services.audit import record_event
from accounts.tenancy import all_tenants, tenant_scope
from charging.energy import Measured
from charging.models import ChargingSession, SessionState
from charging.pricing import cost_of, price_from
from charging.services.estimating import estimate_session
from charging.services.marks import state_seen_at
from charging.services.metering import begins_of, measure_session, peak_power, span_of
from telemetry.ingest.batch import to_microseconds

logger = logging.getLogger(__name__)

WAITS = dt.timedelta(hours=24)  # for samples that are on their way
OFTEN = dt.timedelta(seconds=15)
ROWS = 50
NO_METER, SILENT, INCOMPLETE, RESET = "no_meter", "meter_silent", "meter_gap", "meter_reset"
_MICRO = Decimal("0.000001")
_US = 1_000_000
_FIELDS = (
    "register_start", "register_end", "energy_kwh", "is_estimated", "estimate_note", "peak_kw",
    "cost", "settled_at",
)  # fmt: skip
_BILLED = ("energy_kwh", "cost", "is_estimated")


def settle_due(*, now: dt.datetime, limit: int = ROWS) -> int:
    """Compute anew what is not final, those not computed for longest first; return how many.

    One that cannot be computed is logged and waits like the others. Any number of processes may
    do this at once.
    """
    with all_tenants():
        rows = ChargingSession.objects.filter(settled_at=None, charging_at__isnull=False)
        is_new = Q(energy_kwh=None, charging_at__gt=now - OFTEN)
        due = rows.filter(Q(updated_at__lt=now - OFTEN) | is_new)
        found = list(due.order_by(F("updated_at"), "id").values_list("id", "tenant_id")[:limit])
    return sum(_settle_one(id_, tenant_id, now) for id_, tenant_id in found)


def _settle_one(id_: uuid.UUID, tenant_id: uuid.UUID, now: dt.datetime) -> bool:
    with tenant_scope(tenant_id):
        try:
            settle_session(session_id=id_, now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("Charging: session %s cannot be computed, going on", id_)
            ChargingSession.objects.filter(id=id_).update(updated_at=now)
            return False
    return True


@transaction.atomic
def settle_session(*, session_id: uuid.UUID, now: dt.datetime) -> ChargingSession | None:
    """Compute a session anew; None if it is final, gone, or somebody else does it just now.

    It becomes final when the register is known before its beginning and after its end, or a day
    after its end. What changes after the end is kept in the audit trail. Who else charged while
    the last reading came about must be known too: of that the next look tells.
    """
    rows = ChargingSession.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
    session = (
        rows.select_related("connector__charge_point__site", "connector__energy_channel")
        .filter(id=session_id, settled_at=None, charging_at__isnull=False)
        .first()
    )
    if session is None:
        return None
    before = {name: getattr(session, name) for name in _BILLED}
    measured = measure_session(session, now=now)
    is_late = session.ended_at is not None and now - session.ended_at >= WAITS
    _take_energy(session, measured, is_late=is_late, now=now)
    _take_cost(session, now)
    session.peak_kw = peak_power(session, now=now)
    has_meter = session.connector.energy_channel_id is not None
    is_known = measured is not None and measured.is_complete and _is_seen(session, measured)
    if session.ended_at is not None and (is_known or is_late or not has_meter):
        session.settled_at = now
    session.save(update_fields=[*_FIELDS, "updated_at"])
    _note_change(session, before, now)
    return session


def _is_seen(session: ChargingSession, measured: Measured) -> bool:
    seen_at = state_seen_at(session.connector)
    return seen_at is not None and to_microseconds(seen_at) >= measured.until


def _take_energy(
    session: ChargingSession, measured: Measured | None, *, is_late: bool, now: dt.datetime
) -> None:
    if measured is None:
        has_meter = session.connector.energy_channel_id is not None
        session.energy_kwh = estimate_session(session, 1.0, now=now)
        session.is_estimated, session.estimate_note = True, SILENT if has_meter else NO_METER
        return
    session.register_start, session.register_end = measured.register_start, measured.register_end
    session.energy_kwh = measured.energy
    session.is_estimated, session.estimate_note = measured.is_guessed, ""
    if measured.is_guessed:
        session.estimate_note = RESET
    if is_late and not measured.is_complete:
        missing = _missing_share(session, measured, now)
        session.energy_kwh += estimate_session(session, missing, now=now)
        session.is_estimated = session.is_estimated or missing > 0
        session.estimate_note = INCOMPLETE if missing > 0 else session.estimate_note


def _missing_share(session: ChargingSession, measured: Measured, now: dt.datetime) -> float:
    """Return the share of a session after the last sample."""
    begin, end = span_of(session, begins_of([session]), now)
    return min(1.0, max(0, end - measured.until) / max(1, end - begin))


def _take_cost(session: ChargingSession, now: dt.datetime) -> None:
    price = price_from(session.price)
    if price is None:
        return
    energy = (session.energy_kwh or Decimal(0)).quantize(_MICRO)
    cost = cost_of(price, energy_kwh=energy, idle_seconds=idle_seconds(session, now))
    session.cost = cost.total


def idle_seconds(session: ChargingSession, now: dt.datetime) -> float:
    """Return for how long a vehicle that had charged stayed connected without charging."""
    if session.charging_at is None:
        return 0.0
    passed = ((session.ended_at or now) - session.charging_at).total_seconds()
    charged = session.energised_seconds
    if session.state == SessionState.CHARGING:
        charged += (now - session.since).total_seconds()
    return max(0.0, passed - charged)


def _note_change(session: ChargingSession, before: dict[str, object], now: dt.datetime) -> None:
    after = {name: getattr(session, name) for name in _BILLED}
    if session.ended_at is None or before == after or before["energy_kwh"] is None:
        return
    record_event(
        action="charging_session.recomputed", now=now, tenant_id=session.tenant_id, obj=session,
        label=f"{session}: {session.receipt_number}",
        detail={
            "before": {name: str(value) for name, value in before.items()},
            "after": {name: str(value) for name, value in after.items()},
        },
    )  # fmt: skip
