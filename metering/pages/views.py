"""Meters, a meter, and where a number comes from."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from energy.lib.units import symbol
from metering.ledger.kinds import Judgement
from metering.models import LedgerDecision, Meter, Quantity
from metering.pages.forms import BookForm, RecalculateForm
from metering.pages.resets import explain_fall, scale_hint
from metering.queries.meters import (
    find_meter,
    list_bookings,
    list_decisions,
    list_installations,
)
from metering.queries.overview import meter_tree
from metering.queries.readings import Reading, edges_of, read_readings
from metering.series import to_decimal
from metering.services.rebuilds import ledger_size
from metering.words import KINDS, explain_decision, shown
from telemetry.timespec import local_midnight

SHOWN = 50
DECISIONS = 15
BAR_HEIGHT = 120


@dataclass(frozen=True, slots=True)
class Bar:
    """A quarter hour as it is drawn; `y` from above."""

    x: int
    y: float
    height: float
    start: dt.datetime
    text: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision in plain words, and what can be done about it."""

    row: LedgerDecision
    title: str
    text: str
    is_open: bool
    is_kept: bool
    may_be_change: bool
    may_be_booked: bool
    hint: str = ""


@require_safe
@requires("read:meter")
def meters(request: HttpRequest) -> HttpResponse:
    """Show the trees of meters."""
    context = {
        "sites": meter_tree(now=timezone.now()),
        "may_write": "write:meter" in acting_of(request).codes,
    }
    return render(request, "metering/meters.html", context)


@require_safe
@requires("read:meter")
def meter(request: HttpRequest, meter_id: uuid.UUID) -> HttpResponse:
    """Show a meter: a day of it, its hardware, decisions and bookings."""
    found = meter_of(meter_id)
    return render(request, "metering/meter.html", meter_context(request, found))


def meter_of(meter_id: uuid.UUID) -> Meter:
    """Return a meter of the organisation. Raises: Http404."""
    try:
        return find_meter(meter_id)
    except Meter.DoesNotExist as error:
        raise Http404 from error


def meter_context(
    request: HttpRequest,
    found: Meter,
    *,
    book: BookForm | None = None,
    recalculate: RecalculateForm | None = None,
) -> dict[str, object]:
    """Return what the page of a meter shows; times are those of its site."""
    zone = ZoneInfo(found.site.timezone)
    timezone.activate(zone)
    now = timezone.now()
    registers = list(found.registers.all())
    quantity = request.GET.get("quantity", "")
    if quantity not in Quantity.values:
        quantity = registers[0].quantity if registers else Quantity.IMPORT.value
    day = _day(request.GET.get("day", ""), now.astimezone(zone).date())
    start, end = (local_midnight(day + dt.timedelta(days=n), zone) for n in (0, 1))
    edges = edges_of("15m", start, end, zone)
    readings = read_readings(found, quantity, edges, now=now)
    bookings = list(list_bookings(found.id).order_by("-start", "id")[:SHOWN])
    booked = {(row.register_id, row.amount) for row in bookings}
    rows = list_decisions(found.id).order_by("-time", "-id")[:DECISIONS]
    known = [row.amount for row in readings if row.amount is not None]
    codes = acting_of(request).codes
    return {
        "meter": found,
        "registers": registers,
        "quantity": quantity,
        "day": day,
        "before": day - dt.timedelta(days=1),
        "after": day + dt.timedelta(days=1) if end < now else None,
        "bars": _bars(readings, found.unit),
        "total": shown(to_decimal(sum(known))) if known else None,
        "missing": sum(row.missing for row in readings if row.start < now),
        "decisions": [line_of(row, booked) for row in rows],
        "bookings": [(row, shown(to_decimal(row.amount))) for row in bookings],
        "installations": list_installations(found.id),
        "days": ledger_size(found.id),
        "book": book or BookForm(None, registers=registers),
        "recalculate": recalculate or RecalculateForm(None, today=now.astimezone(zone).date()),
        "hours": _hours(readings),
        "width": max(10, 10 * len(readings)),
        "may_write": "write:meter" in codes,
        "may_delete": "delete:meter" in codes,
    }


def _bars(readings: list[Reading], unit: str) -> list[Bar]:
    most = max((row.amount for row in readings if row.amount is not None), default=0) or 1
    found = []
    for place, row in enumerate(readings):
        if row.amount is None:
            continue
        height = round(max(BAR_HEIGHT * row.amount / most, 2.0), 1)
        is_sure = row.quarters[0] + row.quarters[1] > 0
        local = timezone.localtime(row.start)
        text = f"{local:%H:%M}: {shown(to_decimal(row.amount))} {symbol(unit)}"
        y = round(BAR_HEIGHT - height, 1)
        found.append(Bar(place * 10 + 1, y, height, row.start, text, is_sure))
    return found


def _hours(readings: list[Reading]) -> list[str]:
    """Return what the clock shows at the quarters of the day, 23 and 25 hours included."""
    places = [len(readings) * part // 4 for part in range(4)] if readings else []
    return [f"{timezone.localtime(readings[place].start):%H:%M}" for place in places]


def line_of(row: LedgerDecision, booked: set[tuple[int, int]]) -> DecisionLine:
    """Return a decision in words; booked: register and amount of what people booked."""
    is_change, hint = explain_fall(row) if row.kind == Judgement.RESET else (False, "")
    is_scale = row.kind == Judgement.SCALE
    if is_scale and row.withheld:
        is_change, hint = True, scale_hint()
    is_withheld = row.withheld > 0 and (row.register_id, row.withheld) not in booked
    return DecisionLine(
        row,
        str(KINDS[Judgement(row.kind)]),
        explain_decision(row, row.register.meter.unit),
        is_open=is_withheld and row.kept_at is None,
        is_kept=is_withheld and row.kept_at is not None,
        may_be_change=is_change,
        may_be_booked=not is_scale,
        hint=hint,
    )


def _day(text: str, today: dt.date) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return today
    return day if dt.date(1970, 1, 2) <= day <= dt.date(2190, 1, 1) else today
