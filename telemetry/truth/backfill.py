"""Asking devices for readings that did not arrive, patiently and not for ever."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from django.db import transaction

from accounts.tenancy import all_tenants, tenant_scope
from devices.models import Device, Severity
from devices.services.device_events import record_device_event
from devices.services.outbox import queue_messages
from telemetry.truth.models import DeviceSequence, SequenceGap
from telemetry.truth.numbers import missing_runs
from telemetry.truth.receipts import down_messages
from telemetry.truth.sequences import give_up, reopen

MAX_REQUESTS = 8
FIRST_WAIT = dt.timedelta(seconds=30)
LONGEST_WAIT = dt.timedelta(hours=1)
RANGES = 20  # in a message
NAMED = 100  # ranges in an event; how many numbers lack is told in any case
SEQUENCES = 200  # at once
VALID = dt.timedelta(minutes=10)


@transaction.atomic
def request_backfills(*, now: dt.datetime) -> int:
    """Ask for open gaps that are due; return how many devices were asked.

    A gap is asked for up to eight times, after 30 s, 1, 2, 4 … minutes; then it is given up
    and becomes an event of the device. Devices that are offline are asked when they are back.
    """
    with all_tenants():
        by_sequence = _take_due(now)
        asked, lost = [], []
        for sequence, gaps in by_sequence.items():
            lost += [gap for gap in gaps if gap.requests >= MAX_REQUESTS]
            open_gaps = [gap for gap in gaps if gap.requests < MAX_REQUESTS]
            if open_gaps:
                ranges = _ranges(sequence, open_gaps)
                asked.append(
                    (sequence.device_id, "backfill", {"boot": sequence.boot, "ranges": ranges})
                )
                _postpone(open_gaps, now)
        queue_messages(down_messages(asked, valid=VALID, now=now))
        SequenceGap.objects.bulk_update(
            [gap for gaps in by_sequence.values() for gap in gaps], ["requests", "next_request_at"]
        )
        if lost:
            _give_up(lost, now)
    return len(asked)


@transaction.atomic
def request_again(*, device: Device, now: dt.datetime) -> int:
    """Open the given-up gaps of a device again, to be asked for; return how many."""
    sequences = DeviceSequence.objects.filter(device=device, gaps__given_up_at__isnull=False)
    ids = sorted(set(sequences.values_list("id", flat=True)))
    list(DeviceSequence.objects.filter(id__in=ids).order_by("id").select_for_update())
    return reopen(ids, now=now)


def _take_due(now: dt.datetime) -> dict[DeviceSequence, list[SequenceGap]]:
    """Lock sequences with due gaps; others pass them by. The worker locks in this order too."""
    due = SequenceGap.objects.filter(
        filled_at=None, given_up_at=None, next_request_at__lte=now,
        sequence__device__offline_since=None,
    ).order_by("next_request_at", "id")  # fmt: skip
    ids = list(dict.fromkeys(due.values_list("sequence_id", flat=True)[: SEQUENCES * 5]))
    sequences = DeviceSequence.objects.filter(id__in=ids[:SEQUENCES]).order_by("id")
    sequences = sequences.select_related("device").select_for_update(of=("self",), skip_locked=True)
    locked = {row.id: row for row in sequences}
    found: defaultdict[DeviceSequence, list[SequenceGap]] = defaultdict(list)
    for gap in due.filter(sequence_id__in=locked).order_by("sequence_id", "start"):
        gap.sequence = locked[gap.sequence_id]
        if len(found[gap.sequence]) < RANGES:
            found[gap.sequence].append(gap)
    return dict(found)


def _ranges(sequence: DeviceSequence, gaps: list[SequenceGap]) -> list[list[int]]:
    """Return [first, last] of what a message asks for."""
    return _missing(sequence, gaps)[:RANGES]


def _missing(sequence: DeviceSequence, gaps: list[SequenceGap]) -> list[list[int]]:
    runs = [run for gap in gaps for run in missing_runs(sequence.received, gap.start, gap.end)]
    return [[first, last] for first, last in runs]


def _postpone(gaps: list[SequenceGap], now: dt.datetime) -> None:
    for gap in gaps:
        gap.next_request_at = now + min(LONGEST_WAIT, FIRST_WAIT * 2**gap.requests)
        gap.requests += 1


def _give_up(gaps: list[SequenceGap], now: dt.datetime) -> None:
    give_up([gap.id for gap in gaps], sequences={gap.sequence_id for gap in gaps}, now=now)
    lost: defaultdict[DeviceSequence, list[SequenceGap]] = defaultdict(list)
    for gap in gaps:
        lost[gap.sequence].append(gap)
    for sequence, found in lost.items():
        with tenant_scope(sequence.tenant_id):
            record_device_event(
                device=sequence.device, kind="telemetry", code=f"READINGS_LOST_{sequence.boot}",
                at=now, severity=Severity.WARNING,
                detail={
                    "boot": sequence.boot,
                    "missing": sum(gap.missing for gap in found),
                    "ranges": _missing(sequence, found)[:NAMED],
                },
            )  # fmt: skip
