"""What people booked where the meter could not tell."""

from __future__ import annotations

from metering.ledger.kinds import Entries
from metering.ledger.merge import booked
from metering.models import LedgerBooking
from metering.storage.entries import start_of
from telemetry.ingest.batch import to_microseconds


def booked_entries(register: int, first: int, last: int) -> list[Entries]:
    """Return the shares of bookings in the quarters of [first, last]."""
    rows = LedgerBooking.objects.filter(
        register_id=register, start__lt=start_of(last + 1), end__gt=start_of(first)
    ).order_by("start", "id")
    found = []
    for row in rows:
        entries = booked(to_microseconds(row.start), to_microseconds(row.end), row.amount)
        inside = (entries["number"] >= first) & (entries["number"] <= last)
        found.append(entries[inside])
    return found
