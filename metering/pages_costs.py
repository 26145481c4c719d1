"""The page "Cost and tariffs": the bill to date, when energy is dear, versions, what-if."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from devices.models import Site
from metering.models import Meter, Tariff, TariffVersion
from metering.queries.costs import (
    TAXES,
    billed_totals,
    charged_meters,
    cost_rows,
    find_lines,
    known_quality,
    list_periods,
    period_to_date,
    problems,
)
from metering.queries.heat import Cell, heat_map
from metering.queries.tariffs import connection_meters, find_tariff, held_days, list_assignments
from metering.queries.what_if import compare_tariffs
from metering.services.cost_preview import preview_version
from metering.services.costs import local_today
from metering.services.tariffs import TariffRefused, add_version
from metering.storage.costs import TooLarge
from metering.tariffs.calendar import local_days
from metering.tariffs.editing import numbers_of, with_numbers
from metering.tariffs.energy import UnknownPriceSeries

HEAT_DAYS = 28
SHADES = 6
BILLS = 24
_DAY = dt.timedelta(days=1)
YEAR = dt.timedelta(days=365)
_NAMES = {
    "price": gettext_lazy("Price"),
    "percent": gettext_lazy("Percent"),
    "excess_price": gettext_lazy("Price above the contracted power"),
    "contracted_kw": gettext_lazy("Contracted power (kW)"),
    "surcharge": gettext_lazy("Surcharge"),
    "factor": gettext_lazy("Factor"),
}
_WEEKDAYS = (
    gettext_lazy("Mon"), gettext_lazy("Tue"), gettext_lazy("Wed"), gettext_lazy("Thu"),
    gettext_lazy("Fri"), gettext_lazy("Sat"), gettext_lazy("Sun"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shaded:
    """A cell of the heat map; shade: 0 for the cheapest to 5, -1 where nothing was used."""

    cell: Cell
    shade: int


class ChangeForm(forms.Form):
    """Other numbers of a tariff from a day on."""

    valid_from = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("The first day on which the new prices hold."),
    )  # fmt: skip
    note = forms.CharField(label=gettext_lazy("Note"), max_length=300, required=False)

    def __init__(self, data: Any, version: TariffVersion, *, day: dt.date) -> None:
        super().__init__(data, initial={"valid_from": day.isoformat()})
        self.version = version
        for number in numbers_of(version.definition):
            title = " · ".join(
                str(word) for word in (number.component, number.part, _NAMES[number.name]) if word
            )
            self.fields[number.place] = forms.CharField(
                label=title, initial=number.value, max_length=20,
                widget=forms.TextInput(attrs={"inputmode": "decimal"}),
            )  # fmt: skip

    def definition(self) -> dict[str, Any]:
        """Return what was entered."""
        return with_numbers(self.version.definition, self.cleaned_data)

    def refuse(self, error: TariffRefused) -> None:
        """Say it at the number that is at fault."""
        place = error.field.removeprefix("definition.").replace("[", ".").replace("]", "")
        self.add_error(place if place in self.fields else None, str(error))


@require_safe
@requires("read:tariff")
def costs(request: HttpRequest) -> HttpResponse:
    """Show what a site costs, and by which tariffs."""
    sites = list(Site.objects.filter(meters__isnull=False).distinct().order_by("name", "id"))
    site = _chosen(request, sites)
    return _show(request, sites, site)


@require_POST
@requires("write:tariff")
def costs_preview(request: HttpRequest, tariff_id: uuid.UUID) -> HttpResponse:
    """Show what new prices would change, and offer to add them."""
    return _change(request, tariff_id, adds=False)


@require_POST
@requires("write:tariff")
def costs_change(request: HttpRequest, tariff_id: uuid.UUID) -> HttpResponse:
    """Add new prices from a day on."""
    return _change(request, tariff_id, adds=True)


def _change(request: HttpRequest, tariff_id: uuid.UUID, *, adds: bool) -> HttpResponse:
    now = timezone.now()
    try:
        tariff = find_tariff(tariff_id)
    except Tariff.DoesNotExist as error:
        raise Http404 from error
    version = _newest(tariff, now.date())
    if version is None:
        raise Http404
    form = ChangeForm(request.POST, version, day=now.date())
    rows = None
    if form.is_valid():
        given = {
            "tariff_id": tariff_id, "definition": form.definition(),
            "valid_from": form.cleaned_data["valid_from"], "now": now,
        }  # fmt: skip
        try:
            if adds:
                add_version(**given, note=form.cleaned_data["note"])
                messages.success(
                    request, _("The new prices are there; costs follow by themselves.")
                )
                return redirect("costs")
            rows = preview_version(**given)
        except TariffRefused as error:
            form.refuse(error)
        except UnknownPriceSeries as error:
            form.add_error(None, _("There is no price series %s.") % error.args[0])
        except TooLarge as error:
            form.add_error(None, str(error))
    context = {"tariff": tariff, "form": form, "rows": rows, "version": version}
    return render(request, "energy/costs_change.html", context)


def _show(request: HttpRequest, sites: list[Site], site: Site | None) -> HttpResponse:
    codes = acting_of(request).codes
    context: dict[str, Any] = {
        "sites": sites, "site": site, "may_write": "write:tariff" in codes,
        "may_delete": "delete:tariff" in codes, "may_see_meters": "read:meter" in codes,
    }  # fmt: skip
    if site is not None:
        today = local_today(site, timezone.now())
        meters = charged_meters(site.id)
        context |= _bill(site, meters, today) | _tariffs(site, today)
        context |= {"problems": problems(meters), "bills": _bills(site, today)}
        context |= _heat(site, meters, today) | _what_if(request, site, meters, today)
    return render(request, "energy/costs.html", context)


def _chosen(request: HttpRequest, sites: Sequence[Site]) -> Site | None:
    wanted = request.GET.get("site", "")
    found = [site for site in sites if str(site.id) == wanted]
    if wanted and not found:
        raise Http404
    return next(iter(found or sites), None)


def _bill(site: Site, meters: list[Meter], today: dt.date) -> dict[str, Any]:
    start, end = period_to_date(site.id, today)
    until = min(end, today + _DAY)
    rows = cost_rows(meters, start, until, by="band")
    kinds = dict(find_lines(meters, start, until).values_list("component", "kind"))
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, Decimal(0)) + row.amount
    charged = {line for line in find_lines(meters, start, until).values_list("meter_id", flat=True)}
    edges = local_days(start, max(start, today), ZoneInfo(site.timezone)).edges
    over = int(edges[-1] - edges[0]) if today > start else 0
    known = known_quality([m for m in meters if m.id in charged], start, today, over)
    return {
        "start": start, "last": end - _DAY,
        "rows": sorted(
            ((row, kinds.get(row.component)) for row in rows), key=lambda pair: pair[1] in TAXES
        ),
        "sums": sorted(sums.items()), "taxes": TAXES, "known": known,
        "shared_out": known.prorated_share * 100,
        "estimated": known.estimated_share * 100, "missing": known.missing_share * 100,
        "is_provisional": any(row.provisional for row in rows),
    }  # fmt: skip


def _bills(site: Site, today: dt.date) -> list[dict[str, Any]]:
    """Return the newest billing periods of a site, with what they billed."""
    rows = list(list_periods(site.id)[:BILLS])
    sums = billed_totals(rows)
    return [
        {"period": row, "last": row.end - _DAY, "is_over": row.end <= today,
         "sums": sums.get(row.id, [])}
        for row in rows
    ]  # fmt: skip


def _tariffs(site: Site, today: dt.date) -> dict[str, Any]:
    uses = list(list_assignments(site.id))
    found = []
    for tariff_id in dict.fromkeys(use.tariff_id for use in uses):
        tariff = find_tariff(tariff_id)
        versions = sorted(tariff.versions.all(), key=lambda row: row.known_at, reverse=True)
        held = held_days(versions)
        rows = [
            (row, _with_last(held.get(row.id, [])), list(numbers_of(row.definition)))
            for row in versions
        ]
        newest = _newest(tariff, today)
        form = ChangeForm(None, newest, day=today + _DAY) if newest else None
        own = [
            (use, use.valid_to and use.valid_to - _DAY)
            for use in uses if use.tariff_id == tariff_id
        ]  # fmt: skip
        found.append((tariff, own, rows, form))
    return {"tariffs": found}


def _with_last(
    held: Sequence[tuple[dt.date, dt.date | None]],
) -> list[tuple[dt.date, dt.date | None]]:
    """Return the first day and the last one of each stretch."""
    return [(first, after and after - _DAY) for first, after in held]


def _newest(tariff: Tariff, today: dt.date) -> TariffVersion | None:
    """Return the version that holds on a day, or else the one known last."""
    versions = sorted(tariff.versions.all(), key=lambda row: row.known_at)
    holding = [
        row for row in versions if row.valid_from <= today and (row.valid_to or dt.date.max) > today
    ]
    return next(reversed(holding or versions), None)


def _main_meter(site: Site, meters: Sequence[Meter]) -> Meter | None:
    connected = connection_meters(site)
    found = [meter for meter in meters if meter.id in connected and meter.unit == "kWh"]
    return found[0] if found else None


def _heat(site: Site, meters: Sequence[Meter], today: dt.date) -> dict[str, Any]:
    meter = _main_meter(site, meters)
    if meter is None:
        return {}
    try:
        cells = heat_map(meter, today - dt.timedelta(days=HEAT_DAYS), today)
    except UnknownPriceSeries:
        return {}
    prices = sorted({cell.price for cell in cells if cell.price is not None})
    if not prices:
        return {}
    low, span = prices[0], (prices[-1] - prices[0]) or 1.0
    shaded = [
        Shaded(
            cell,
            -1 if cell.price is None else min(SHADES - 1, int((cell.price - low) / span * SHADES)),
        )
        for cell in cells
    ]
    return {
        "heat": [(_WEEKDAYS[n], shaded[n * 24 : n * 24 + 24]) for n in range(7)],
        "heat_hours": range(24), "heat_days": HEAT_DAYS, "heat_meter": meter,
        "heat_low": prices[0], "heat_high": prices[-1],
        "heat_currency": _currency_of(site, meter),
    }  # fmt: skip


def _currency_of(site: Site, meter: Meter) -> str:
    uses = [
        use for use in list_assignments(site.id)
        if use.tariff.commodity == meter.commodity and use.meter_id in {None, meter.id}
    ]  # fmt: skip
    return uses[-1].tariff.currency if uses else ""


def _what_if(
    request: HttpRequest, site: Site, meters: Sequence[Meter], today: dt.date
) -> dict[str, Any]:
    """Rate the last twelve months by other tariffs, if it is asked for."""
    meter = _main_meter(site, meters)
    query = f"{reverse('costs')}?site={site.id}&what_if=1#what-if"
    if meter is None or "what_if" not in request.GET:
        return {"what_if_url": query if meter else ""}
    steps = (80, 90, 110, 120) if meter.contracted_kw else ()
    powers = [(meter.contracted_kw or Decimal(0)) * step / 100 for step in steps]
    found = compare_tariffs(meter, today - YEAR, today, contracted=powers)
    # another contracted power is no alternative where the tariff does not charge for it
    shown = [row for row in found.alternatives if row.contracted_kw is None or row.saving]
    return {
        "what_if": found, "what_if_rows": shown, "what_if_meter": meter,
        "what_if_missing": found.quality.missing_share * 100,
        "what_if_shared_out": found.quality.prorated_share * 100,
        "what_if_estimated": found.quality.estimated_share * 100,
    }  # fmt: skip
