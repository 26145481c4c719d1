"""The energy of all sites on the home page: today, this month, own production, quality."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from metering.analysis.compare import Against, find_base
from metering.analysis.local import count_quarters
from metering.models import Commodity, Meter, Quantity
from metering.queries.counts import Counts, Key, cut_days, read_days, sum_counts
from metering.queries.frames import Unit, period_of
from metering.queries.scopes import Scope, Terms, made_terms, terms_of
from metering.series import MICRO
from reports.energy.facts import Fact
from reports.energy.view_model import digits_for
from reports.templatetags.ui import number

_DAY = dt.timedelta(days=1)


@dataclass(slots=True)
class _Sums:
    """What is added up over the sites; amounts in millionths, `known` … in quarters."""

    today: int = 0
    month: int = 0
    before: int = 0
    made: int = 0
    sold: int = 0
    known: int = 0
    guessed: int = 0
    expected: int = 0


@dataclass(frozen=True, slots=True)
class HomeTile:
    """A figure that leads to the page it comes from."""

    fact: Fact
    url: str


def read_tiles(*, now: dt.datetime) -> list[HomeTile]:
    """Return the tiles; none where there are no meters. As many queries for any fleet."""
    scopes = _scopes()
    measured = [meter for scope in scopes for meter in scope.measured]
    if not measured:
        return []
    days = [now.astimezone(scope.zone).date() for scope in scopes]
    start = find_base(period_of(Unit.MONTH, min(days)), Against.PREVIOUS).start
    counts = read_days(measured, start, max(days) + _DAY)
    sums = _Sums()
    for scope, today in zip(scopes, days, strict=True):
        _add_site(sums, scope, counts, today)
    return _tiles(sums)


def _scopes() -> list[Scope]:
    meters = Meter.objects.filter(commodity=Commodity.ELECTRICITY).select_related("site")
    by_site: dict[object, list[Meter]] = defaultdict(list)
    for meter in meters.order_by("name", "id"):
        by_site[meter.site_id].append(meter)
    electricity = Commodity.ELECTRICITY
    return [
        Scope(found[0].site, electricity, (electricity,), tuple(found))
        for found in by_site.values()
    ]


def _add_site(sums: _Sums, scope: Scope, counts: dict[Key, Counts], today: dt.date) -> None:
    month = period_of(Unit.MONTH, today)
    last = find_base(month, Against.PREVIOUS)
    base_end = min(last.start + (today - month.start), last.end)  # as many days
    use = sum_counts((counts[key], sign) for key, sign in scope.use_terms(counts))
    if use is None:
        return
    sums.today += _amount(use, today, today + _DAY)
    sums.month += _amount(use, month.start, today)
    sums.before += _amount(use, last.start, base_end)
    over = cut_days(use, month.start, today)
    expected = count_quarters(month.start, today, zone=scope.zone)
    sums.expected += expected
    sums.known += min(int(over.known.sum()), expected)
    sums.guessed += min(int(over.guessed.sum()), expected)
    for name, terms in _own_terms(scope, counts).items():
        total = sum_counts((counts[key], sign) for key, sign in terms)
        if total is not None:
            amount = _amount(total, month.start, today + _DAY)
            setattr(sums, name, getattr(sums, name) + amount)


def _own_terms(scope: Scope, counts: dict[Key, Counts]) -> dict[str, Terms]:
    """Return what a site with production made and sold."""
    if not scope.production:
        return {}
    return {
        "made": made_terms(scope.production, counts),
        "sold": terms_of(scope.supply, Quantity.EXPORT, 1, counts),
    }


def _amount(counts: Counts, start: dt.date, end: dt.date) -> int:
    return int(cut_days(counts, start, end).amounts.sum())


def _tiles(sums: _Sums) -> list[HomeTile]:
    page = reverse("energy")
    tiles = [
        HomeTile(_fact(_("Energy today"), sums.today, ""), f"{page}?period=day"),
        HomeTile(_month(sums), f"{page}?period=month"),
    ]
    if sums.made > 0:
        share = max(0.0, 1 - sums.sold / sums.made)
        note = _("of the own production was used on site this month")
        fact = Fact(_("Self-consumption"), number(share * 100, 1), "%", note)
        tiles.append(HomeTile(fact, f"{page}?period=month"))
    if sums.expected:
        known, guessed = sums.known / sums.expected, sums.guessed / sums.expected
        shown = number(min(known * 100, 99.9 if known < 1 else 100), 0 if known == 1 else 1)
        note = _("of the energy this month is known")
        if guessed:
            note = _("of the energy this month is known, %s %% is estimated") % number(
                max(guessed * 100, 0.1), 1
            )
        fact = Fact(_("Data quality"), shown, "%", note)
        tiles.append(HomeTile(fact, f"{page}?period=month"))
    return tiles


def _month(sums: _Sums) -> Fact:
    if not sums.expected:
        return _fact(_("This month"), sums.today, _("The month has just begun."))
    note = _("until yesterday; nothing to compare with yet")
    if sums.before > 0:
        percent = (sums.month - sums.before) / sums.before * 100
        sign = "+" if percent > 0 else "−" if percent < 0 else ""
        note = _("until yesterday, %s %% against as many days of last month") % (
            f"{sign}{number(abs(percent), 1)}"
        )
    return _fact(_("This month"), sums.month, note)


def _fact(label: str, amount: int, note: str) -> Fact:
    value = amount / MICRO
    return Fact(label, number(value, digits_for([value])), "kWh", note)
