"""Where the number of a quarter hour comes from: samples, decisions, revisions, formula."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from devices.models import Channel
from metering.ledger.kinds import Judgement, Method
from metering.models import LedgerBooking, LedgerDecision, LedgerState, Register, RegisterFeed
from metering.queries.series import Revision, revisions_of
from metering.series import Grade, to_decimal, to_micro
from metering.words import GRADES, METHODS, explain_amount, plain
from telemetry.ingest.batch import from_microseconds
from telemetry.storage.reads import raw_samples

QUARTER = dt.timedelta(minutes=15)
MAX_SAMPLES = 500
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A value as it was stored; `counts` is it in the unit of the meter, in millionths
    as the ledger has it."""

    channel: Channel
    time: dt.datetime
    value: float
    counts: Decimal


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known about one quarter hour of a register; `revisions` oldest first."""

    register: Register
    start: dt.datetime
    end: dt.datetime
    feeds: list[RegisterFeed]
    samples: list[StoredSample]
    decisions: list[LedgerDecision]
    bookings: list[LedgerBooking]
    revisions: list[Revision]

    @property
    def current(self) -> Revision | None:
        """Return the revision that holds."""
        holding = [one for one in self.revisions if one.superseded_at is None]
        return holding[-1] if holding else None

    @property
    def formula(self) -> str:
        """Return how the amount follows, in numbers."""
        return formula_of(self.current, self.register.meter.unit)

    @property
    def sentence(self) -> str:
        """Return how the amount was found, in words."""
        if self.current is None:
            return _("Nothing is known about this quarter hour.")
        return _("This amount is %(grade)s: %(method)s.") % {
            "grade": GRADES[Grade(self.current.grade)],
            "method": METHODS[Method(self.current.method)],
        }


def quarter_of(moment: dt.datetime) -> dt.datetime:
    """Return the beginning of the quarter hour that a moment is in."""
    return moment - (moment - EPOCH) % QUARTER


def newest_of(register_id: int) -> dt.datetime | None:
    """Return the time of the newest sample in the ledger of a register."""
    rows = LedgerState.objects.filter(register_id=register_id, built_until__isnull=False)
    until = rows.values_list("built_until", flat=True).first()
    return None if until is None else from_microseconds(until)


def explain_quarter(
    register: Register, moment: dt.datetime, *, with_samples: bool = True
) -> Explanation:
    """Return what a quarter hour of a register rests on; `register` with meter and site.

    Samples: of the quarter, and those from one before to one after that fix its edges.
    """
    start = quarter_of(moment)
    end = start + QUARTER
    feeds = _feeds(register, start, end)
    touching = LedgerDecision.objects.filter(
        register=register, time__lt=end + QUARTER, until__gte=start - QUARTER
    )
    revisions = revisions_of(register.id, start, end)
    if not any(one.superseded_at is None for one in revisions):
        touching = touching | _lasting(register, start)
    bookings = LedgerBooking.objects.filter(register=register, start__lt=end, end__gt=start)
    return Explanation(
        register=register,
        start=start,
        end=end,
        feeds=feeds,
        samples=_samples(register, feeds, start, end) if with_samples else [],
        decisions=list(touching.select_related("register__meter").order_by("time", "id")),
        bookings=list(bookings.order_by("start", "id")),
        revisions=revisions,
    )


def _lasting(register: Register, start: dt.datetime) -> QuerySet[LedgerDecision]:
    """Return that a register is in another unit since before, if it still is."""
    return LedgerDecision.objects.filter(
        register=register, kind=Judgement.SCALE, until__lt=start, withheld__gt=0,
        superseded_at=None,
    )  # fmt: skip


def formula_of(revision: Revision | None, unit: str) -> str:
    """Return end − begin + adjustment = amount in numbers; empty without a register."""
    if revision is None or revision.begin_register is None or revision.end_register is None:
        return ""
    texts = [
        plain(to_decimal(value))
        for value in (
            revision.begin_register, revision.end_register, revision.adjustment, revision.amount
        )
    ]  # fmt: skip
    return f"{explain_amount(*texts)} {unit}"


def _feeds(register: Register, start: dt.datetime, end: dt.datetime) -> list[RegisterFeed]:
    rows = RegisterFeed.objects.filter(
        register=register, installation__installed_at__lt=end
    ).select_related("installation", "channel__device")
    return [
        feed
        for feed in rows.order_by("installation__installed_at", "id")
        if feed.installation.removed_at is None or feed.installation.removed_at > start - QUARTER
    ]


def _samples(
    register: Register, feeds: list[RegisterFeed], start: dt.datetime, end: dt.datetime
) -> list[StoredSample]:
    by_channel = {
        feed.channel.id: (feed, feed.channel) for feed in feeds if feed.channel is not None
    }
    rows = raw_samples(
        list(by_channel), start - QUARTER, end + QUARTER, MAX_SAMPLES,
        tenant_id=register.tenant_id,
    )  # fmt: skip
    found = []
    for row in rows:
        feed, channel = by_channel[int(row["channel"])]
        value = float(row["value"])
        counts = to_decimal(to_micro(Decimal(repr(value)) * feed.installation.factor))
        found.append(StoredSample(channel, from_microseconds(int(row["time"])), value, counts))
    return sorted(found, key=lambda sample: sample.time)
