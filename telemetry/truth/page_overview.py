"""The page "Data quality": the devices of a site, each with a strip of its days."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from devices.models import Site
from telemetry.truth.models import Grade
from telemetry.truth.overview import GRADES, ORDERINGS, DeviceDay, DeviceQuality, site_overview
from telemetry.truth.part import BADGES
from telemetry.truth.words import duration

PAGE = 50
CELL = 10
COLUMNS = (
    ("name", gettext_lazy("Device")),
    ("grade", gettext_lazy("Grade")),
    ("completeness", gettext_lazy("Complete")),
    ("lateness", gettext_lazy("Late")),
    ("gaps", gettext_lazy("Gaps")),
    ("stuck", gettext_lazy("Stuck")),
    ("suspicious", gettext_lazy("Suspicious")),
)
# what is worth looking at first is above after the first click
_FALLING = frozenset({"lateness", "gaps", "stuck", "suspicious"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the strip; in units of its height, `y` is where the share begins."""

    x: int
    y: float
    height: float
    grade: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """A device as the page shows it."""

    device: DeviceQuality
    badge: str
    label: str
    cells: list[Cell]
    percent: float | None
    late: str
    told: str


@require_safe
@requires("read:telemetry")
def overview(request: HttpRequest) -> HttpResponse:
    """Show the devices of the site that the address names, else of the first."""
    sites = list(Site.objects.order_by("name", "id"))
    site = _chosen(sites, request.GET.get("site", ""))
    order = request.GET.get("sort", "")
    order = order if order.removeprefix("-") in ORDERINGS else "grade"
    context: dict[str, Any] = {
        "sites": sites, "site": site, "order": order, "days": 0,
        "columns": [(name, label, *_other_order(name, order)) for name, label in COLUMNS],
    }  # fmt: skip
    if site is not None:
        found = site_overview(site, now=timezone.now(), order=order)
        wanted = request.GET.get("grade", "")
        wanted = wanted if wanted in Grade.values else ""
        shown = [device for device in found.devices if wanted in ("", device.grade)]
        page = Paginator(shown, PAGE).get_page(request.GET.get("page", "1"))
        context |= {
            "page": page,
            "rows": [_row(device) for device in page],
            "grade": wanted,
            "total": len(found.devices),
            "counts": [(g.value, g.label, BADGES[g], found.count(g)) for g in GRADES],
            "days": (found.last_day - found.first_day).days + 1,
            "width": ((found.last_day - found.first_day).days + 1) * CELL,
        }
    return render(request, "telemetry/quality_overview.html", context)


def _chosen(sites: list[Site], text: str) -> Site | None:
    if not text:
        return sites[0] if sites else None
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        raise Http404 from None
    site = next((site for site in sites if site.id == wanted), None)
    if site is None:
        raise Http404
    return site


def _other_order(name: str, order: str) -> tuple[str, str]:
    """Return the `aria-sort` of a column and the order that a click on it asks for."""
    first, second = (f"-{name}", name) if name in _FALLING else (name, f"-{name}")
    if order.removeprefix("-") != name:
        return "", first
    state = "descending" if order.startswith("-") else "ascending"
    return state, second if order == first else first


def _row(device: DeviceQuality) -> Row:
    grade = Grade(device.grade)
    share = device.completeness
    return Row(
        device=device,
        badge=BADGES[grade],
        label=str(grade.label),
        cells=[_cell(number, day) for number, day in enumerate(device.days)],
        percent=None if share is None else share * 100,
        late="" if device.lateness_p95 is None else duration(device.lateness_p95),
        told=_told(device.days),
    )


def _cell(number: int, day: DeviceDay) -> Cell:
    """A day whose values cannot be counted is a full cell in its colour."""
    share = 1.0 if day.completeness is None else max(day.completeness, 0.08)
    height = round(share * CELL * 2, 1)
    return Cell(number * CELL, CELL * 2 - height, height, day.grade, _title(day))


def _title(day: DeviceDay) -> str:
    date = date_format(day.day, "SHORT_DATE_FORMAT")
    if day.completeness is None:
        return f"{date}: {Grade(day.grade).label}"
    return f"{date}: {Grade(day.grade).label}, {day.completeness:.0%}"


def _told(days: list[DeviceDay]) -> str:
    """Return the strip in words."""
    numbers = {grade: sum(day.grade == grade for day in days) for grade in GRADES}
    parts = [f"{grade.label} {number}" for grade, number in numbers.items() if number]
    return _("Days: %(numbers)s") % {"numbers": ", ".join(parts)}
