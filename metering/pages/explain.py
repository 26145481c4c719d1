"""Where the amount of a quarter hour comes from."""

from __future__ import annotations

import datetime as dt
import uuid
from http import HTTPStatus
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from metering.models import Meter, Register
from metering.pages.views import line_of, meter_of
from metering.queries.explain import (
    QUARTER,
    Explanation,
    explain_quarter,
    newest_of,
    quarter_of,
)
from metering.queries.meters import find_register
from metering.series import to_decimal
from metering.words import shown

FIRST, LAST = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (1980, 2190))


@require_safe
@requires("read:meter")
def explain(request: HttpRequest, meter_id: uuid.UUID) -> HttpResponse:
    """Show where an amount comes from; without `start` that of the newest whole quarter."""
    found = meter_of(meter_id)
    timezone.activate(ZoneInfo(found.site.timezone))
    registers = list(found.registers.all())
    if not registers:
        return _ask(request, found, _("It has no register of its own that could be explained."))
    quantity = request.GET.get("quantity", registers[0].quantity)
    if quantity not in {one.quantity for one in registers}:
        return _ask(request, found, _("This meter does not count that."))
    register = find_register(found.id, quantity)
    text = request.GET.get("start", "")
    moment = _moment(text) if text else _newest(register)
    if moment is None:
        return _ask(request, found, _("Choose a day and a time of it."))
    may_see = "read:telemetry" in acting_of(request).codes
    explained = explain_quarter(register, moment, with_samples=may_see)
    return render(request, "metering/explain.html", _context(found, explained, may_see=may_see))


def _context(found: Meter, explained: Explanation, *, may_see: bool) -> dict[str, object]:
    return {
        "meter": found,
        "explained": explained,
        "before": explained.start - QUARTER,
        "after": explained.end if explained.end < timezone.now() else None,
        "amount": None if explained.current is None else to_decimal(explained.current.amount),
        "decisions": [line_of(row, set()) for row in explained.decisions],
        "revisions": [(row, shown(to_decimal(row.amount))) for row in explained.revisions],
        "bookings": [(row, shown(to_decimal(row.amount))) for row in explained.bookings],
        "may_see": may_see,
    }


def _moment(text: str) -> dt.datetime | None:
    """Return a time, of the site if it has no offset; None if it is none."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    try:
        moment = moment.astimezone(dt.UTC)
    except OverflowError:
        return None
    return moment if FIRST <= moment <= LAST else None


def _newest(register: Register) -> dt.datetime:
    """Return the last quarter that is whole; that before now where nothing is known."""
    newest = newest_of(register.id) or timezone.now()
    return quarter_of(newest) - QUARTER


def _ask(request: HttpRequest, found: Meter, problem: str) -> HttpResponse:
    context = {
        "meter": found,
        "problem": problem,
        "terms": [term.meter for term in found.terms.all()],
        "registers": list(found.registers.all()),
    }
    return render(request, "metering/ask.html", context, status=HTTPStatus.BAD_REQUEST)
