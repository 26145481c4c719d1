"""What a new version of a tariff would change, before anybody adds it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from devices.models import Site
from metering.models import Meter, Tariff
from metering.services.costs import MAX_DAYS, find_difference, local_today
from metering.services.tariffs import make_version

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Preview:
    """What costs of a site are from the first day on, and what they would be.

    lines: how many would change; adjustments: how many of them of days that were billed.
    """

    site: Site
    start: dt.date
    end: dt.date
    before: Decimal
    after: Decimal
    currency: str
    lines: int
    adjustments: int


def preview_version(
    *,
    tariff_id: uuid.UUID,
    definition: Mapping[str, Any],
    valid_from: dt.date,
    valid_to: dt.date | None = None,
    now: dt.datetime,
) -> list[Preview]:
    """Return for each site of a tariff what the version would change; nothing is stored.

    At most the last 800 days are looked at.

    Raises: Tariff.DoesNotExist. TariffRefused. UnknownPriceSeries. TooLarge.
    """
    tariff = Tariff.objects.get(id=tariff_id)
    version = make_version(tariff, definition, valid_from, valid_to, now=now)
    sites = Site.objects.filter(tariffs__tariff=tariff).distinct().order_by("name", "id")
    found = []
    for site in sites:
        today = local_today(site, now)
        start = max(valid_from, today - dt.timedelta(days=MAX_DAYS))
        end = min(version.valid_to or today + _DAY, today + _DAY)
        if start >= end:
            found.append(Preview(site, start, start, Decimal(0), Decimal(0),
                                 tariff.currency, 0, 0))  # fmt: skip
            continue
        meters = list(Meter.objects.filter(site=site))
        changed = find_difference(site, meters, start, end, now=now, extra=version)
        zero = Decimal(0)
        found.append(
            Preview(
                site, start, end, changed.before.get(tariff.currency, zero),
                changed.after.get(tariff.currency, zero), tariff.currency,
                len(changed.fresh) + len(changed.ended), len(changed.adjustments),
            )
        )  # fmt: skip
    return found
