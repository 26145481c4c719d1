"""The past of a virtual channel: computed piece by piece, beginning where it stopped."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from accounts.tenancy import all_tenants
from telemetry.ingest.batch import from_microseconds, to_microseconds
from telemetry.models import VirtualChannel
from telemetry.storage.reads import first_sample
from telemetry.virtual.definitions import QUARTER_US, Definition

DAY_US = 86_400_000_000
# of one a second an input has 86,400 samples a day
PIECE_US = {True: 14 * DAY_US, False: DAY_US}


def begin_build(definition: Definition, *, now: dt.datetime) -> VirtualChannel | None:
    """Note from when to when history is computed; None when another revision is there."""
    first = first_sample([found.channel for found in definition.inputs])
    until = to_microseconds(now)
    start = until if first is None else min(to_microseconds(first), until)
    values = {
        "build_from": from_microseconds(start - start % QUARTER_US),
        "build_next": from_microseconds(start - start % QUARTER_US),
        "build_until": from_microseconds(until - until % QUARTER_US + QUARTER_US),
        "needs_build": False,
    }
    with all_tenants():
        rows = VirtualChannel.objects.filter(id=definition.id, revision=definition.revision)
        rows.update(**values)
        return rows.first()


def next_piece(virtual: VirtualChannel, definition: Definition) -> tuple[int, int] | None:
    """Return the stretch to compute next; None when all is done."""
    if virtual.build_next is None or virtual.build_until is None:
        return None
    start, end = to_microseconds(virtual.build_next), to_microseconds(virtual.build_until)
    if start >= end:
        return None
    length = PIECE_US[definition.is_quarterly]
    return start, min(end, start - start % length + length)


def keep_position(virtual: VirtualChannel, definition: Definition, end: int | None) -> None:
    """Note how far history is computed; None says that it is complete."""
    virtual.build_next = None if end is None else from_microseconds(end)
    with all_tenants():
        VirtualChannel.objects.filter(id=definition.id, revision=definition.revision).update(
            build_next=virtual.build_next
        )


def request_build(ids: Sequence[uuid.UUID]) -> None:
    """Have all history of these computed again."""
    with all_tenants():
        VirtualChannel.objects.filter(id__in=ids).update(needs_build=True)


def unfinished() -> list[VirtualChannel]:
    """Return those whose history is asked for or not complete, the oldest first."""
    with all_tenants():
        rows = VirtualChannel.objects.exclude(needs_build=False, build_next__isnull=True)
        return list(rows.order_by("created_at", "id"))
