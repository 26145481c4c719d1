"""The main menu: the parts of the product that the person may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

# URL name, label, the permission that shows it ("" for everybody), and how the names of the
# pages below it begin
_ENTRIES: tuple[tuple[str, Promise, str, tuple[str, ...]], ...] = (
    ("home", _("Overview"), "", ("home",)),
    ("energy", _("Energy"), "read:meter", ("energy", "meter", "plan")),
    ("costs", _("Costs"), "read:tariff", ("costs",)),
    ("alarms", _("Alarms"), "read:alarm", ("alarm",)),
    ("automation", _("Automation"), "read:automation", ("automation",)),
    ("charging", _("Charging"), "read:charger", ("charging",)),
    ("fleet", _("Fleet"), "read:device", ("fleet", "device")),
    ("explore", _("Explore"), "read:telemetry", ("explore", "export")),
    ("reports", _("Reports"), "read:report", ("report",)),
    ("quality", _("Quality"), "read:telemetry", ("quality",)),
    ("provisioning", _("Add devices"), "provision:device", ("provisioning",)),
    ("rejected", _("Rejected"), "write:telemetry", ("rejected",)),
    ("commands", _("Commands"), "read:command", ("command", "batch", "stop")),
    ("imports", _("Imports"), "write:telemetry", ("import",)),
    ("firmware", _("Firmware"), "read:firmware", ("firmware", "campaign")),
)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link; `current` is "page", "true" on a page below it, or ""."""

    name: str
    url: str
    label: Promise
    current: str


def main_menu(request: HttpRequest) -> dict[str, Any]:
    """Offer the entries that the person may open; a context processor."""
    return {"main_menu": SimpleLazyObject(lambda: _entries(request))}


def _entries(request: HttpRequest) -> list[MenuEntry]:
    acting = getattr(request, "acting", None)
    codes = acting.codes if acting else frozenset()
    match = request.resolver_match
    here = (match.url_name or "") if match else ""
    found: list[MenuEntry] = []
    is_marked = False
    for name, label, code, prefixes in _ENTRIES:
        if code and code not in codes:
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        is_below = not is_marked and here.startswith(prefixes)
        current = "page" if here == name else "true" if is_below else ""
        is_marked = is_marked or bool(current)
        found.append(MenuEntry(name, url, label, current))
    return found
