"""What people book at a meter, and what they decide about jumps that were withheld."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from metering.build.due import mark_due
from metering.ledger.kinds import Judgement
from metering.models import LedgerBooking, LedgerDecision, Meter, Register
from metering.series import QUARTER_US, to_micro
from metering.services.meters import MeterRefused
from telemetry.ingest.batch import to_microseconds


@transaction.atomic
def book_amount(
    *,
    register: Register,
    start: dt.datetime,
    end: dt.datetime,
    amount: Decimal,
    reason: str,
    now: dt.datetime,
) -> LedgerBooking:
    """Book an amount for [start, end) that the meter could not tell; negative takes away.

    Raises: MeterRefused.
    """
    if not start < end <= now:
        raise MeterRefused("out_of_order", _("The end has to be after the start."), "end")
    if amount == 0 or not reason.strip():
        raise MeterRefused("invalid", _("Give an amount and a reason."), "amount")
    booking = LedgerBooking.objects.create(
        register=register, start=start, end=end, amount=to_micro(amount), reason=reason.strip()
    )
    window = (register.id, to_microseconds(start), to_microseconds(end) - 1)
    mark_due([window], now=now)
    detail = {"amount": str(amount), "start": str(start), "end": str(end), "reason": reason}
    _record("meter.booked", register.meter, detail, now)
    return booking


@transaction.atomic
def book_withheld(*, decision_id: int, reason: str, now: dt.datetime) -> LedgerBooking:
    """Book what a quarantined jump withheld, in the quarter where it showed.

    Raises: LedgerDecision.DoesNotExist. MeterRefused: nothing is withheld, or not any more, or
        the register is in another unit.
    """
    decision = LedgerDecision.objects.select_related("register__meter").get(id=decision_id)
    if decision.superseded_at or decision.withheld <= 0:
        raise MeterRefused("nothing_withheld", _("Nothing is withheld here."))
    if decision.kind == Judgement.SCALE:
        raise MeterRefused(
            "other_unit",
            _("It is in another unit: note a change of the meter instead."),
        )
    if is_booked(decision):
        raise MeterRefused("booked_already", _("It has been booked already."))
    if decision.kept_at is not None:
        decision.kept_at, decision.kept_reason = None, ""
        decision.save(update_fields=["kept_at", "kept_reason"])
    start = _quarter_of(decision)
    return book_amount(
        register=decision.register,
        start=start,
        end=min(now, start + dt.timedelta(minutes=15)),
        amount=Decimal(decision.withheld).scaleb(-6),
        reason=reason,
        now=now,
    )


@transaction.atomic
def keep_withheld(*, decision_id: int, reason: str, now: dt.datetime) -> LedgerDecision:
    """Note that what a jump withheld was never used: it stays out of the ledger.

    Raises: LedgerDecision.DoesNotExist. MeterRefused: nothing is withheld, or it is booked.
    """
    rows = LedgerDecision.objects.select_for_update(of=("self",)).select_related("register__meter")
    decision = rows.get(id=decision_id)
    if decision.superseded_at or decision.withheld <= 0:
        raise MeterRefused("nothing_withheld", _("Nothing is withheld here."))
    if not reason.strip():
        raise MeterRefused("invalid", _("Give a reason."), "reason")
    if is_booked(decision):
        raise MeterRefused("booked_already", _("It has been booked already."))
    decision.kept_at, decision.kept_reason = now, reason.strip()[:300]
    decision.save(update_fields=["kept_at", "kept_reason"])
    detail = {"time": str(decision.time), "reason": decision.kept_reason}
    _record("meter.jump_kept_out", decision.register.meter, detail, now)
    return decision


def is_booked(decision: LedgerDecision) -> bool:
    """Return whether somebody booked what a decision withheld."""
    return decision.register.bookings.filter(
        start=_quarter_of(decision), amount=decision.withheld
    ).exists()


def _quarter_of(decision: LedgerDecision) -> dt.datetime:
    """Return the beginning of the quarter in which a jump showed."""
    into = to_microseconds(decision.time) % QUARTER_US or QUARTER_US
    return decision.time - dt.timedelta(microseconds=into)


def _record(action: str, meter: Meter, detail: Mapping[str, Any], now: dt.datetime) -> None:
    record_event(
        action=action, now=now, tenant_id=meter.tenant_id, obj=meter, label=meter.name,
        detail=dict(detail),
    )  # fmt: skip
