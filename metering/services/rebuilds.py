"""Has the ledger built again from what is stored."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from metering.build.due import mark_due
from metering.models import Meter, RegisterDay
from metering.services.meters import MeterRefused
from telemetry.ingest.batch import to_microseconds


@transaction.atomic
def recalculate_meter(
    *,
    meter_id: uuid.UUID,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    now: dt.datetime,
) -> int:
    """Have [start, end) of a meter built again by the reactor; return its number of registers.

    Without a start all of its past. What is the same afterwards keeps its revision.

    Raises: Meter.DoesNotExist.
    """
    meter = Meter.objects.get(id=meter_id)
    first = 0 if start is None else to_microseconds(start)
    last = to_microseconds(now if end is None else end) - 1
    registers = list(meter.registers.values_list("id", flat=True))
    mark_due([(register, first, last) for register in registers], now=now)
    detail = {"start": start and str(start), "end": end and str(end)}
    record_event(
        action="meter.recalculated", now=now, tenant_id=meter.tenant_id, obj=meter,
        label=meter.name, detail=detail,
    )  # fmt: skip
    return len(registers)


def ledger_size(meter_id: uuid.UUID) -> int:
    """Return how many local days of a meter the ledger holds."""
    return RegisterDay.objects.filter(register__meter_id=meter_id, quarters__gt=0).count()


def check_removable(meter: Meter) -> None:
    """Refuse to delete a meter that has counted. Raises: MeterRefused."""
    days = ledger_size(meter.id)
    if days:
        detail = _("%(meter)s has counted on %(days)d days.") % {"meter": meter, "days": days}
        raise MeterRefused("has_ledger", detail)
