"""What the energy of a period cost: stored lines by bucket, component and meter."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metering.analysis.compare import LIKE_SHARE, Against, Pair, pair_periods
from metering.analysis.local import to_moment
from metering.models import CostState, Meter
from metering.queries.cost_strands import Strand, read_strands
from metering.queries.costs import problems
from metering.queries.coverage import Coverage, find_coverage
from metering.queries.energy import Summary
from metering.queries.frames import Frame, frame_of
from metering.queries.scopes import Scope
from metering.series import Ints
from telemetry.timespec import local_midnight

MOST_BANDS = 7
_NONE: Ints = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class CostBand:
    """A component, or a meter; `name` is blank for all that are not shown on their own.

    `amounts` by bucket, in millionths of the currency; credits are negative.
    """

    name: str
    amounts: Ints
    meter: Meter | None = None

    @property
    def total(self) -> int:
        """Return the sum of all buckets."""
        return int(self.amounts.sum())


@dataclass(frozen=True, slots=True)
class ComparedCosts:
    """The costs of another period; both sums, in millionths, go up to the same moment."""

    against: Against
    pair: Pair
    current: int
    base: int
    amounts: Ints
    is_known: bool
    is_like: bool

    @property
    def percent(self) -> float | None:
        """Return the change in % of the size of the other period; None without one."""
        if not self.is_known or not self.base:
            return None
        return (self.current - self.base) / abs(self.base) * 100


@dataclass(frozen=True, slots=True)
class EnergyCosts:
    """The costs of a period in one currency, in millionths of it.

    Days that were billed are as billed: `billed` is the part of them, `adjusted` what has been
    added to them since and is in no bucket. `open`: the part of each bucket that is
    provisional. `unpriced`: its quarters without a price.
    """

    currency: str
    amounts: Ints
    open: Ints
    unpriced: Ints
    components: tuple[CostBand, ...]
    meters: tuple[CostBand, ...]
    billed: int
    adjusted: int
    compared: ComparedCosts | None

    @property
    def total(self) -> int:
        """Return the sum of all buckets."""
        return int(self.amounts.sum())


@dataclass(frozen=True, slots=True)
class CostAnswer:
    """Costs by currency, those with most lines first; what has no tariff, what went wrong."""

    currencies: tuple[EnergyCosts, ...]
    coverage: Coverage
    problems: tuple[CostState, ...]

    def of(self, currency: str) -> EnergyCosts | None:
        """Return the costs in a currency, or else those with most lines."""
        found = [costs for costs in self.currencies if costs.currency == currency]
        return next(iter(found or self.currencies), None)


@dataclass(frozen=True, slots=True)
class _Base:
    """The period that is compared with."""

    against: Against
    pair: Pair
    strands: Sequence[Strand]
    is_like: bool


def read_costs(summary: Summary, *, now: dt.datetime, against: Against | None = None) -> CostAnswer:
    """Read the costs of a period with as many queries whatever the number of meters."""
    scope, frame = summary.scope, summary.frame
    pair = pair_buckets(frame, against, now=now) if against else None
    strands = read_strands(scope, frame, cut=pair.current.last if pair else None)
    coverage = covered_days(scope, frame, now=now)
    base = _read_base(summary, against, pair, coverage) if against and pair else None
    counted = Counter(strand.currency for strand in strands)
    return CostAnswer(
        tuple(
            _sum_up(scope, frame, currency, strands, base)
            for currency, _count in sorted(counted.items(), key=lambda row: (-row[1], row[0]))
        ),
        coverage,
        tuple(problems(scope.meters)),
    )


def pair_buckets(frame: Frame, against: Against, *, now: dt.datetime) -> Pair:
    """Return what is compared with what; where days are read the running one does not count."""
    until = now
    if frame.days is not None:
        until = local_midnight(now.astimezone(frame.zone).date(), frame.zone)
    return pair_periods(frame.period, against, zone=frame.zone, now=until)


def covered_days(
    scope: Scope, frame: Frame, *, now: dt.datetime, **more: Callable[..., bool]
) -> Coverage:
    """Return which tariffs hold on the days of a frame that have begun."""
    tomorrow = now.astimezone(frame.zone).date() + dt.timedelta(days=1)
    return find_coverage(scope, frame.period.start, min(frame.period.end, tomorrow), **more)


def _read_base(summary: Summary, against: Against, pair: Pair, coverage: Coverage) -> _Base:
    scope, frame, period = summary.scope, summary.frame, pair.base_period
    strands = read_strands(
        scope, frame_of(frame.unit, frame.step, period, frame.zone), cut=pair.base.last
    )
    until = to_moment(pair.base.last - 1).astimezone(frame.zone).date() + dt.timedelta(days=1)
    before = find_coverage(scope, period.start, until)
    return _Base(against, pair, strands, is_like(summary, pair, coverage, before))


def is_like(summary: Summary, pair: Pair, current: Coverage, base: Coverage) -> bool:
    """Tell whether both periods have tariffs, are known nearly whole, and are as long."""
    shares = [current.share, base.share]
    if summary.compared:
        inside = summary.frame.quarters[:-1] < pair.current.last
        known = np.minimum(summary.use.known, summary.expected)[inside].sum()
        shares += [
            summary.compared.comparison.base.known_share,
            float(known) / max(int(summary.expected[inside].sum()), 1),
        ]
    return min(shares) >= LIKE_SHARE and not pair.shorter


def _sum_up(
    scope: Scope, frame: Frame, currency: str, strands: Sequence[Strand], base: _Base | None
) -> EnergyCosts:
    own = [strand for strand in strands if strand.currency == currency]
    names = {meter.id: meter for meter in scope.meters}
    components: dict[str, Ints] = {}
    meters: dict[object, Ints] = {}
    for strand in own:
        components[strand.component] = components.get(strand.component, 0) + strand.amounts
        meters[strand.meter] = meters.get(strand.meter, 0) + strand.amounts
    return EnergyCosts(
        currency=currency,
        amounts=np.sum([strand.amounts for strand in own], axis=0),
        open=np.sum([strand.open for strand in own], axis=0),
        unpriced=_unpriced(own, len(frame)),
        components=_largest([CostBand(name, sums) for name, sums in components.items()]),
        meters=_largest(
            [CostBand(m.name, meters[key], m) for key, m in names.items() if key in meters]
        ),
        billed=sum(strand.billed for strand in own),
        adjusted=sum(strand.adjusted for strand in own),
        compared=_compare(own, base, currency, len(frame)) if base else None,
    )


def _unpriced(strands: Sequence[Strand], count: int) -> Ints:
    """Return the quarters without a price of each bucket; components lack the same ones."""
    by_meter: dict[object, Ints] = {}
    for strand in strands:
        known = by_meter.get(strand.meter)
        by_meter[strand.meter] = (
            strand.unpriced if known is None else np.maximum(known, strand.unpriced)
        )
    return sum(by_meter.values(), np.zeros(count, dtype=np.int64))


def _compare(own: Sequence[Strand], base: _Base, currency: str, count: int) -> ComparedCosts:
    others = [strand for strand in base.strands if strand.currency == currency]
    amounts = np.sum([strand.amounts[:count] for strand in others], axis=0) if others else _NONE
    return ComparedCosts(
        against=base.against,
        pair=base.pair,
        current=sum(strand.before for strand in own),
        base=sum(strand.before for strand in others),
        amounts=amounts,
        is_known=bool(others),
        is_like=base.is_like,
    )


def _largest(bands: Sequence[CostBand]) -> tuple[CostBand, ...]:
    """Return the largest bands, and the others as one."""
    found = sorted(bands, key=lambda band: (-int(np.abs(band.amounts).sum()), band.name))
    shown, others = found[:MOST_BANDS], found[MOST_BANDS:]
    if len(others) == 1:
        shown = found
    elif others:
        shown.append(CostBand("", np.sum([band.amounts for band in others], axis=0)))
    return tuple(shown)
