"""Prices for the demo's sites, of which the newer ones began some months ago."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accounts.tenancy import tenant_scope
from devices.models import Site
from metering.models import Tariff
from metering.services.costs import open_period
from metering.services.tariffs import add_version, assign_tariff, create_tariff

TARIFFS_FILE = Path(__file__).with_name("tariffs.json")

Entry = dict[str, Any]


def seed_tariffs(gateways: Sequence[Mapping[str, Any]], *, now: dt.datetime) -> int:
    """Make what is missing of the demo's tariffs; return how many were made.

    Args: gateways: those of the demo file.
    """
    plan: dict[str, Entry] = json.loads(TARIFFS_FILE.read_text())
    tenants = {entry["tenant_slug"]: uuid.UUID(str(entry["tenant"])) for entry in gateways}
    made = 0
    for slug, wanted in plan.items():
        if slug in tenants:
            with tenant_scope(tenants[slug]):
                made += sum(_make(entry, wanted["sites"], now) for entry in wanted["tariffs"])
                _prepare_bills(wanted["sites"], now)
    return made


def _make(wanted: Entry, sites: Mapping[str, Sequence[str]], now: dt.datetime) -> bool:
    if Tariff.objects.filter(name=wanted["name"]).exists():
        return False
    tariff = create_tariff(
        name=wanted["name"],
        commodity=wanted.get("commodity", "electricity"),
        currency=wanted["currency"],
        now=now,
    )
    for place, version in enumerate(wanted["versions"]):
        add_version(
            tariff_id=tariff.id,
            definition=version["definition"],
            valid_from=first_of_month(now, version["months_ago"]),
            note=version["note"],
            now=now + dt.timedelta(microseconds=place),  # each is known at a moment of its own
        )
    since = first_of_month(now, wanted["versions"][0]["months_ago"])
    names = [site for site, tariffs in sites.items() if wanted["name"] in tariffs]
    for site in Site.objects.filter(name__in=names):
        assign_tariff(site_id=site.id, tariff_id=tariff.id, valid_from=since, now=now)
    return True


def _prepare_bills(names: Iterable[str], now: dt.datetime) -> None:
    """Have the last month ready to be billed, where nothing was billed yet."""
    for site in Site.objects.filter(name__in=names, billing_periods=None):
        open_period(
            site_id=site.id, start=first_of_month(now, 1), end=first_of_month(now, 0), now=now
        )


def first_of_month(now: dt.datetime, months_ago: int) -> dt.date:
    """Return the first day of a month before that of `now`."""
    months = now.year * 12 + now.month - 1 - months_ago
    return dt.date(months // 12, months % 12 + 1, 1)
