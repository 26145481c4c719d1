"""The energy of a site or meter in a period: by source, by circuit, and against another one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from metering.analysis.compare import (
    Against,
    Comparison,
    Pair,
    Side,
    Span,
    pair_periods,
)
from metering.analysis.local import day_number, to_moment
from metering.models import Meter, Quantity
from metering.queries.counts import Counts, Key, Tally, add_up, read_counts, sum_counts
from metering.queries.frames import Frame, frame_of
from metering.queries.scopes import Scope, Terms, made_terms, terms_of
from metering.series import MICRO, Ints, to_decimal
from telemetry.timespec import local_midnight

MOST_CIRCUITS = 7
MOST_SHARED = 0.01  # of the quarters; beyond, when it was used is not known well
# what is between all meters and the use of the site counts as unmetered from here on
_LEAST_REST = 0.001
_ALL = 0.9995


@dataclass(frozen=True, slots=True)
class Band:
    """A part of every bar. `kind`: grid, solar, battery, use, export, charge, circuit, other or
    rest. `below`: it leaves the site, or goes into its battery. Amounts in millionths.
    """

    kind: str
    amounts: Ints
    guessed: Ints
    meter: Meter | None = None
    below: bool = False

    @property
    def total(self) -> Decimal:
        """Return the sum of all bars."""
        return to_decimal(int(self.amounts.sum()))


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the quarters that are over are known, as shares of them."""

    measured: float
    prorated: float
    estimated: float
    manual: float
    missing: float

    @property
    def guessed(self) -> float:
        """Return what is estimated or booked by people."""
        return self.estimated + self.manual

    @property
    def state(self) -> str:
        """Return whole, shared or part.

        shared: the sum is certain and its course is not, as more than `MOST_SHARED` was measured
        over more than a quarter hour. part: some is not measured at all.
        """
        if self.measured + self.prorated <= _ALL:
            return "part"
        return "shared" if self.prorated > MOST_SHARED else "whole"


@dataclass(frozen=True, slots=True)
class Compared:
    """Another period beside the one shown; `amounts` by bucket as far as it has as many."""

    against: Against
    pair: Pair
    comparison: Comparison
    amounts: Ints


@dataclass(frozen=True, slots=True)
class Peak:
    """The quarter hour with the highest mean power. `power`: kW, or m³/h."""

    at: dt.datetime
    power: Decimal
    contracted: Decimal | None


@dataclass(frozen=True)
class Summary:
    """What a page or an answer shows. `expected`: quarters of each bucket that are over."""

    scope: Scope
    frame: Frame
    counts: dict[Key, Counts]
    use: Tally
    expected: Ints
    sources: tuple[Band, ...]
    circuits: tuple[Band, ...]
    quality: Quality
    compared: Compared | None
    peak: Peak | None

    @property
    def total(self) -> Decimal:
        """Return what was used."""
        return to_decimal(int(self.use.amounts.sum()))

    @property
    def is_known(self) -> bool:
        """Tell whether anything is known of the period."""
        return bool(self.use.known.any() or self.use.amounts.any())


def read_summary(
    scope: Scope, frame: Frame, *, now: dt.datetime, against: Against | None = None
) -> Summary:
    """Read a period with as many queries whatever the number of meters."""
    counts = read_counts(scope.meters, frame)
    total = _sum_terms(scope.use_terms(counts), counts)
    use = _tally(total, frame)
    expected = frame.over(now)
    return Summary(
        scope=scope,
        frame=frame,
        counts=counts,
        use=use,
        expected=expected,
        sources=tuple(_sources(scope, counts, frame, use)),
        circuits=tuple(_circuits(scope, counts, frame, use)),
        quality=_judge(use, expected),
        compared=_compare(scope, frame, total, against, now=now) if against else None,
        peak=_find_peak(scope, counts, frame),
    )


def _sum_terms(terms: Terms, counts: dict[Key, Counts]) -> Counts | None:
    return sum_counts((counts[key], sign) for key, sign in terms)


def _tally(counts: Counts | None, frame: Frame) -> Tally:
    if counts is None:
        return Tally(*np.zeros((6, len(frame)), dtype=np.int64))
    return add_up(counts, frame.edges)


def _sources(scope: Scope, counts: dict[Key, Counts], frame: Frame, use: Tally) -> list[Band]:
    """Return where the use comes from; what leaves or is stored goes below the line."""
    if not scope.supply:
        return [Band("use", use.amounts, use.guessed_amounts)]
    bought = terms_of(scope.supply, Quantity.IMPORT, 1, counts)
    sold = terms_of(scope.supply, Quantity.EXPORT, 1, counts)
    made = made_terms(scope.production, counts)
    given = terms_of(scope.batteries, Quantity.EXPORT, 1, counts)
    stored = terms_of(scope.batteries, Quantity.IMPORT, 1, counts)
    tallies = {
        kind: _tally(_sum_terms(terms, counts), frame)
        for kind, terms in (
            ("grid", bought), ("solar", made), ("battery", given), ("export", sold),
            ("charge", stored),
        )
        if terms
    }  # fmt: skip
    if "solar" in tallies and "export" in tallies:
        tallies["solar"] = _kept(tallies["solar"], tallies["export"])
    return [
        Band(kind, tally.amounts, tally.guessed_amounts, below=kind in ("export", "charge"))
        for kind, tally in tallies.items()
        if kind == "grid" or tally.amounts.any()
    ]


def _kept(made: Tally, sold: Tally) -> Tally:
    amounts = np.maximum(made.amounts - sold.amounts, 0)
    guessed_amounts = np.minimum(made.guessed_amounts, amounts)
    return replace(made, amounts=amounts, guessed_amounts=guessed_amounts)


def _circuits(scope: Scope, counts: dict[Key, Counts], frame: Frame, use: Tally) -> list[Band]:
    """Return the largest circuits, all others together, and what no meter sees.

    Where they show more than there is nothing is unmetered; the balance says so.
    """
    bands = []
    for meter in scope.circuits:
        if terms := made_terms([meter], counts):
            tally = _tally(_sum_terms(terms, counts), frame)
            bands.append(Band("circuit", tally.amounts, tally.guessed_amounts, meter))
    bands.sort(key=lambda band: -int(band.amounts.sum()))
    shown, others = bands[:MOST_CIRCUITS], bands[MOST_CIRCUITS:]
    if len(others) == 1:
        shown, others = bands, []
    if others:
        shown.append(_merge("other", others))
    rest = use.amounts - sum((band.amounts for band in bands), np.zeros_like(use.amounts))
    if bands and int(rest.sum()) > _LEAST_REST * int(np.abs(use.amounts).sum()):
        shown.append(Band("rest", rest, np.zeros_like(rest)))
    return shown


def _merge(kind: str, bands: Sequence[Band]) -> Band:
    amounts = np.sum([band.amounts for band in bands], axis=0)
    return Band(kind, amounts, np.sum([band.guessed for band in bands], axis=0))


def _judge(use: Tally, expected: Ints) -> Quality:
    asked = int(expected.sum())
    if not asked:
        return Quality(0.0, 0.0, 0.0, 0.0, 0.0)
    known = np.minimum(use.known, expected)
    guessed = np.minimum(use.guessed, known)
    manual = int(np.minimum(use.manual, guessed).sum())
    prorated = int(np.minimum(use.prorated, known - guessed).sum())
    whole, uncertain = int(known.sum()), int(guessed.sum())
    return Quality(
        measured=(whole - uncertain - prorated) / asked,
        prorated=prorated / asked,
        estimated=(uncertain - manual) / asked,
        manual=manual / asked,
        missing=(asked - whole) / asked,
    )


def _compare(
    scope: Scope, frame: Frame, total: Counts | None, against: Against, *, now: dt.datetime
) -> Compared:
    """Put another period beside it; of one that runs, whole days where days are read."""
    zone = frame.zone
    until = local_midnight(now.astimezone(zone).date(), zone) if frame.by_day else now
    pair = pair_periods(frame.period, against, zone=zone, now=until)
    base = frame_of(frame.unit, frame.step, pair.base_period, zone)
    counts = read_counts(scope.measured, base)
    other = _sum_terms(scope.use_terms(counts), counts)
    comparison = Comparison(
        current=_side(total, pair.current, frame),
        base=_side(other, pair.base, base),
        shorter=pair.shorter,
    )
    return Compared(against, pair, comparison, _tally(other, base).amounts[: len(frame)])


def _side(counts: Counts | None, span: Span, frame: Frame) -> Side:
    asked = span.last - span.first
    if counts is None or not asked:
        return Side(Decimal(0), 0.0, 0.0)
    edges = np.array([span.first, span.last], dtype=np.int64)
    if frame.by_day:
        edges = np.array([_day_of(int(number), frame) for number in edges], dtype=np.int64)
    tally = add_up(counts, edges)
    known = min(int(tally.known[0]), asked)
    return Side(
        to_decimal(int(tally.amounts[0])), known / asked, min(int(tally.guessed[0]), known) / asked
    )


def _day_of(quarter: int, frame: Frame) -> int:
    return day_number(to_moment(quarter).astimezone(frame.zone).date())


def _find_peak(scope: Scope, counts: dict[Key, Counts], frame: Frame) -> Peak | None:
    """Return the peak of what is drawn; of several connections only where quarters are read."""
    meters = scope.supply or scope.measured
    terms = made_terms(meters, counts)
    found = _sum_terms(terms, counts)
    if found is None or not len(found.numbers):
        return None
    if len(terms) == 1:
        at = int(np.argmax(found.peaks))
        amount, micro = int(found.peaks[at]), int(found.peak_at[at])
    elif frame.by_day:
        return None
    else:
        at = int(np.argmax(found.amounts))
        amount, micro = int(found.amounts[at]), int(found.numbers[at]) * 900 * MICRO
    if amount <= 0:
        return None
    limits = [meter.contracted_kw for meter in meters if meter.contracted_kw is not None]
    return Peak(
        at=dt.datetime.fromtimestamp(micro / MICRO, frame.zone),
        power=to_decimal(amount * 4),
        contracted=sum(limits, Decimal(0)) if len(limits) == len(meters) else None,
    )
