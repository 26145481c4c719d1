"""Tariffs: made, given new versions, assigned; prices imported. Costs follow by and by."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from accounts.services.refusals import DetailedRefusal
from devices.models import Site
from metering.models import (
    Commodity,
    CostLine,
    Meter,
    PriceSeries,
    Tariff,
    TariffAssignment,
    TariffVersion,
)
from metering.services.cost_marks import mark_costs
from metering.tariffs import prices as pure
from metering.tariffs.checks import BadDefinition
from metering.tariffs.definition import read_definition, write_definition
from metering.tariffs.entsoe import read_entsoe

FIRST_DAY, LAST_DAY = dt.date(1990, 1, 1), dt.date(2200, 1, 1)
MAX_A_TENANT = 500
MAX_VERSIONS = 500

_END_PRICES = """
UPDATE metering_price AS old SET superseded_at = %(now)s
FROM unnest(%(numbers)s::int[], %(prices)s::int8[]) AS fresh(number, price)
WHERE old.series_id = %(series)s AND old.number = fresh.number AND old.superseded_at IS NULL
    AND old.price <> fresh.price
"""
_ADD_PRICES = """
INSERT INTO metering_price (tenant_id, series_id, number, price, known_at)
SELECT %(tenant)s, %(series)s, number, price, %(now)s
FROM unnest(%(numbers)s::int[], %(prices)s::int8[]) AS fresh(number, price)
ON CONFLICT (series_id, number) WHERE superseded_at IS NULL DO NOTHING
"""


class TariffRefused(DetailedRefusal):
    """What was asked for cannot be; `code` says why and `field` where."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Quarters of an imported document: new, with another price than before, and all."""

    series: PriceSeries
    added: int
    changed: int
    quarters: int
    first: int
    last: int


@transaction.atomic
def create_tariff(
    *, name: str, commodity: str = Commodity.ELECTRICITY, currency: str, now: dt.datetime
) -> Tariff:
    """Make a tariff without prices yet. Raises: TariffRefused."""
    if Tariff.objects.count() >= MAX_A_TENANT:
        raise TariffRefused("too_many", _("There are too many tariffs already."))
    tariff = Tariff(name=name.strip(), commodity=commodity, currency=currency)
    if Tariff.objects.filter(name=tariff.name).exists():
        raise TariffRefused("name_taken", _("There is such a tariff already."), "name")
    _check(tariff, exclude=["tenant"])
    tariff.save()
    _record("tariff.created", tariff, tariff, {"currency": currency}, now)
    return tariff


@transaction.atomic
def add_version(
    *,
    tariff_id: uuid.UUID,
    definition: Mapping[str, Any],
    valid_from: dt.date,
    valid_to: dt.date | None = None,
    note: str = "",
    now: dt.datetime,
) -> TariffVersion:
    """Add prices from a day on, which end where a later version begins if nobody said when.

    Days before `valid_from` are never touched. Costs from it on are computed again; what was
    billed is adjusted.

    Raises: Tariff.DoesNotExist. TariffRefused: also for a definition that cannot be read.
    """
    tariff = Tariff.objects.select_for_update().get(id=tariff_id)
    version = make_version(tariff, definition, valid_from, valid_to, note=note, now=now)
    if tariff.versions.count() >= MAX_VERSIONS:
        raise TariffRefused("too_many", _("There are too many versions already."))
    if tariff.versions.filter(known_at__gte=now).exists():
        raise TariffRefused("in_turn", _("A newer version is there already."))
    version.save()
    _record(
        "tariff.version_added", version, tariff,
        {"valid_from": str(valid_from), "valid_to": str(version.valid_to), "note": note}, now,
    )  # fmt: skip
    mark_costs(_meters_of([tariff.id]), valid_from, version.valid_to, now=now)
    return version


def make_version(
    tariff: Tariff,
    definition: Mapping[str, Any],
    valid_from: dt.date,
    valid_to: dt.date | None,
    *,
    note: str = "",
    now: dt.datetime,
) -> TariffVersion:
    """Return a version that is not stored. Raises: TariffRefused."""
    try:
        read = read_definition(dict(definition))
    except BadDefinition as error:
        field = f"definition.{error.field}" if error.field else "definition"
        raise TariffRefused(error.code, error.message, field) from None
    later = tariff.versions.filter(valid_from__gt=valid_from).order_by("valid_from").first()
    if valid_to is None and later is not None:
        valid_to = later.valid_from
    _check_days(valid_from, valid_to)
    return TariffVersion(
        tenant_id=tariff.tenant_id, tariff=tariff, valid_from=valid_from, valid_to=valid_to,
        known_at=now, definition=write_definition(read), note=note.strip()[:300],
    )  # fmt: skip


@transaction.atomic
def remove_tariff(*, tariff_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete a tariff by which nothing was ever charged.

    Raises: Tariff.DoesNotExist. TariffRefused.
    """
    tariff = Tariff.objects.select_for_update().get(id=tariff_id)
    if tariff.assignments.exists() or CostLine.objects.filter(version__tariff=tariff).exists():
        raise TariffRefused("in_use", _("It is in use, or something was charged by it."))
    _record("tariff.removed", tariff, tariff, {}, now)
    tariff.delete()


@transaction.atomic
def assign_tariff(
    *,
    site_id: uuid.UUID,
    tariff_id: uuid.UUID,
    meter_id: uuid.UUID | None = None,
    valid_from: dt.date,
    valid_to: dt.date | None = None,
    now: dt.datetime,
) -> TariffAssignment:
    """Let a tariff hold for a site, or for one of its meters, from a day on.

    The one that held until then ends on that day.

    Raises: Site.DoesNotExist. Tariff.DoesNotExist. Meter.DoesNotExist. TariffRefused.
    """
    site = Site.objects.select_for_update(no_key=True).get(id=site_id)
    tariff = Tariff.objects.get(id=tariff_id)
    meter = None if meter_id is None else Meter.objects.get(id=meter_id, site=site)
    _check_days(valid_from, valid_to)
    if meter is not None and meter.commodity != tariff.commodity:
        raise TariffRefused("other_commodity", _("The meter counts something else."), "tariff")
    others = TariffAssignment.objects.filter(
        site=site, meter=meter, tariff__commodity=tariff.commodity
    )
    others.filter(valid_from__lt=valid_from, valid_to=None).update(valid_to=valid_from)
    overlapping = others.filter(Q(valid_to=None) | Q(valid_to__gt=valid_from))
    if valid_to is not None:
        overlapping = overlapping.filter(valid_from__lt=valid_to)
    if overlapping.exists():
        raise TariffRefused("overlaps", _("A tariff holds on some of these days."), "valid_from")
    made = TariffAssignment.objects.create(
        tenant_id=site.tenant_id, site=site, meter=meter, tariff=tariff,
        valid_from=valid_from, valid_to=valid_to,
    )  # fmt: skip
    detail = {"site": str(site_id), "meter": str(meter_id), "valid_from": str(valid_from)}
    _record("tariff.assigned", made, tariff, detail, now)
    mark_costs(_charged(site, meter), valid_from, valid_to, now=now)
    return made


@transaction.atomic
def remove_assignment(*, assignment_id: uuid.UUID, now: dt.datetime) -> None:
    """Take a tariff away again, as if it never held; what was billed is adjusted.

    Raises: TariffAssignment.DoesNotExist.
    """
    row = TariffAssignment.objects.select_related("site", "tariff", "meter").get(id=assignment_id)
    meters = _charged(row.site, row.meter)
    _record("tariff.unassigned", row, row.tariff, {"site": str(row.site_id)}, now)
    first, last = row.valid_from, row.valid_to
    row.delete()
    mark_costs(meters, first, last, now=now)


@transaction.atomic
def import_prices(
    *,
    series: str,
    document: bytes,
    form: str,
    zone: ZoneInfo,
    minutes: int = 60,
    unit: pure.PriceUnit = "kWh",
    currency: str = "",
    sequence: int | None = None,
    now: dt.datetime,
    is_trial: bool = False,
) -> Imported:
    """Store prices of a document; those that are the same already stay as they are.

    Args: form: csv or entsoe. sequence: of an ENTSO-E document with several auctions.

    Raises: BadPrices. TariffRefused.
    """
    if form == "entsoe":
        read = read_entsoe(document, sequence=sequence)
        found, currency = read.prices, read.currency
    else:
        found = pure.read_csv_prices(document, zone=zone, minutes=minutes, unit=unit)
    row = _series(series.strip(), currency)
    numbers, values = found.numbers.tolist(), found.prices.tolist()
    sid = transaction.savepoint()
    added, changed = _write_prices(row, numbers, values, now=now)
    result = Imported(row, added, changed, len(numbers), numbers[0], numbers[-1])
    if is_trial:
        transaction.savepoint_rollback(sid)
    elif added or changed:
        _record("prices.imported", row, row, {"added": added, "changed": changed}, now)
        _mark_users(row.name, numbers[0], numbers[-1], now=now)
    return result


def _series(name: str, currency: str) -> PriceSeries:
    row = PriceSeries.objects.select_for_update().filter(name=name).first()
    if row is None:
        row = PriceSeries(name=name, currency=currency)
        _check(row, exclude=["tenant"])
        row.save()
    elif currency and row.currency != currency:
        raise TariffRefused(
            "other_currency",
            _("The series is in %(series)s, the document in %(document)s.")
            % {"series": row.currency or "-", "document": currency},
            "currency",
        )
    return row


def _write_prices(
    row: PriceSeries, numbers: list[int], prices: list[int], *, now: dt.datetime
) -> tuple[int, int]:
    """Return how many are new and how many were replaced."""
    given: dict[str, Any] = {
        "tenant": row.tenant_id, "series": row.id, "numbers": numbers, "prices": prices, "now": now,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_END_PRICES, given)
        changed = cursor.rowcount
        cursor.execute(_ADD_PRICES, given)
        return cursor.rowcount - changed, changed


def _mark_users(series: str, first: int, last: int, *, now: dt.datetime) -> None:
    named = Q(definition__components__contains=[{"series": series}]) | Q(
        definition__co2__series=series
    )
    tariffs = TariffVersion.objects.filter(named).values_list("tariff_id", flat=True)
    days = [dt.datetime.fromtimestamp(at * 900, dt.UTC).date() for at in (first, last)]
    a_day = dt.timedelta(days=1)  # a local day reaches over the edges of those in UTC
    mark_costs(_meters_of(list(tariffs)), days[0] - a_day, days[1] + 2 * a_day, now=now)


def _meters_of(tariffs: list[uuid.UUID]) -> list[Meter]:
    found: dict[uuid.UUID, Meter] = {}
    rows = TariffAssignment.objects.filter(tariff_id__in=tariffs).select_related("site", "meter")
    for row in rows:
        found |= {meter.id: meter for meter in _charged(row.site, row.meter)}
    return list(found.values())


def _charged(site: Site, meter: Meter | None) -> list[Meter]:
    return [meter] if meter is not None else list(Meter.objects.filter(site=site))


def _check_days(valid_from: dt.date, valid_to: dt.date | None) -> None:
    if not FIRST_DAY <= valid_from <= LAST_DAY:
        raise TariffRefused("out_of_range", _("The day is out of range."), "valid_from")
    if valid_to is not None and not valid_from < valid_to <= LAST_DAY:
        raise TariffRefused("out_of_order", _("The end has to be after the start."), "valid_to")


def _check(row: Tariff | PriceSeries, *, exclude: list[str]) -> None:
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise TariffRefused("invalid", messages[0], name) from None


def _record(
    action: str, row: Any, named: Tariff | PriceSeries, detail: Mapping[str, Any], now: dt.datetime
) -> None:
    record_event(
        action=action, now=now, tenant_id=row.tenant_id, obj=row, label=named.name,
        detail=dict(detail),
    )  # fmt: skip
