"""Bills a period as a person has seen it, and never otherwise."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils.translation import gettext as _

from metering.models import BillingPeriod, CostState, Meter
from metering.queries.statements import Statement, make_statement
from metering.services.costs import CostRefused, close_period, recalculate_costs


def seal_of(statement: Statement) -> str:
    """Return what a statement amounts to, to be compared after somebody has read it."""
    sums = " ".join(f"{key}:{amount:f}" for key, amount in sorted(statement.total.items()))
    return f"{len(statement.lines)} {sums}"


def close_as_seen(*, period_id: uuid.UUID, seal: str, now: dt.datetime) -> BillingPeriod:
    """Bill a period if its costs, computed again, are those of the seal; else they only change.

    Raises: BillingPeriod.DoesNotExist. CostRefused: `changed` if it says something else now.
        UnknownPriceSeries. TooLarge.
    """
    period = BillingPeriod.objects.select_related("site").get(id=period_id)
    if period.closed_at is None:
        meters = list(Meter.objects.filter(site_id=period.site_id))
        recalculate_costs(meters=meters, start=period.start, end=period.end, now=now)
        if seal_of(make_statement(period)) != seal:
            detail = _("The amounts have changed since you saw them. Look at them once more.")
            raise CostRefused("changed", detail)
    return close_period(period_id=period_id, now=now)


def is_settled(period: BillingPeriod) -> bool:
    """Return whether no cost of the period waits to be computed again."""
    states = CostState.objects.filter(
        meter__site_id=period.site_id, due_from__lt=period.end, due_to__gt=period.start
    )
    return not states.exists()
