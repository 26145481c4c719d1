"""Who bears costs, and by which keys they are shared."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.services.audit import record_event
from devices.models import Site
from metering.models import AllocationKey, AllocationShare, CostCentre, Meter
from metering.services.costs import CostRefused, lock_site

MAX_A_SITE = 1000
_WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a cost centre or occupant shall be."""

    name: str
    kind: str = CostCentre.Kind.COST_CENTRE.value
    area_m2: Decimal | None = None
    meter: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A cost centre in a key; `percent` of fixed shares only."""

    centre: uuid.UUID
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a key shall be. meter: None for whatever of the site has no key of its own."""

    name: str
    method: str
    parts: Sequence[Part]
    meter: uuid.UUID | None = None


@transaction.atomic
def create_centre(*, site_id: uuid.UUID, wanted: Bearer, now: dt.datetime) -> CostCentre:
    """Make a cost centre of a site.

    Raises: Site.DoesNotExist. Meter.DoesNotExist. CostRefused.
    """
    site = lock_site(site_id)
    if CostCentre.objects.filter(site=site).count() >= MAX_A_SITE:
        raise CostRefused("too_many", _("There are too many already."))
    centre = CostCentre(tenant_id=site.tenant_id, site=site)
    _save_centre(centre, wanted)
    _record("cost_centre.created", centre, now)
    return centre


@transaction.atomic
def change_centre(*, centre_id: uuid.UUID, wanted: Bearer, now: dt.datetime) -> CostCentre:
    """Change one; the keys that it takes part in have to be right afterwards.

    Raises: CostCentre.DoesNotExist. Meter.DoesNotExist. CostRefused.
    """
    lock_site(CostCentre.objects.get(id=centre_id).site_id)
    centre = CostCentre.objects.select_related("site").get(id=centre_id)
    _save_centre(centre, wanted)
    for key in AllocationKey.objects.filter(shares__centre=centre):
        _check_measure(key.method, centre, "area_m2", "meter")
    _record("cost_centre.changed", centre, now)
    return centre


@transaction.atomic
def remove_centre(*, centre_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete one that takes part in no key.

    Raises: CostCentre.DoesNotExist. CostRefused.
    """
    lock_site(CostCentre.objects.get(id=centre_id).site_id)
    centre = CostCentre.objects.get(id=centre_id)
    if centre.shares.exists():
        raise CostRefused("in_use", _("It takes part in a key; take it out there first."))
    _record("cost_centre.removed", centre, now)
    centre.delete()


@transaction.atomic
def create_key(*, site_id: uuid.UUID, wanted: Sharing, now: dt.datetime) -> AllocationKey:
    """Make a key for a site or one of its meters.

    Raises: Site.DoesNotExist. Meter.DoesNotExist. CostRefused.
    """
    site = lock_site(site_id)
    key = AllocationKey(tenant_id=site.tenant_id, site=site)
    _save_key(key, wanted)
    _record("allocation_key.created", key, now)
    return key


@transaction.atomic
def change_key(*, key_id: uuid.UUID, wanted: Sharing, now: dt.datetime) -> AllocationKey:
    """Change a key with all of its shares.

    Raises: AllocationKey.DoesNotExist. Meter.DoesNotExist. CostRefused.
    """
    lock_site(AllocationKey.objects.get(id=key_id).site_id)
    key = AllocationKey.objects.select_related("site").get(id=key_id)
    _save_key(key, wanted)
    _record("allocation_key.changed", key, now)
    return key


@transaction.atomic
def remove_key(*, key_id: uuid.UUID, now: dt.datetime) -> None:
    """Delete a key with its shares. Raises: AllocationKey.DoesNotExist."""
    lock_site(AllocationKey.objects.get(id=key_id).site_id)
    key = AllocationKey.objects.get(id=key_id)
    _record("allocation_key.removed", key, now)
    key.delete()


def _save_centre(centre: CostCentre, wanted: Bearer) -> None:
    centre.name, centre.kind, centre.area_m2 = wanted.name.strip(), wanted.kind, wanted.area_m2
    centre.meter = _meter(centre.site, wanted.meter)
    others = CostCentre.objects.filter(site=centre.site, name=centre.name).exclude(id=centre.id)
    if others.exists():
        raise CostRefused("name_taken", _("The site has one of this name already."), "name")
    _check(centre, exclude=["tenant", "site", "meter"])
    centre.save()


def _save_key(key: AllocationKey, wanted: Sharing) -> None:
    key.name, key.method = wanted.name.strip(), wanted.method
    key.meter = _meter(key.site, wanted.meter)
    others = AllocationKey.objects.filter(site=key.site, meter=key.meter).exclude(id=key.id)
    if others.exists():
        raise CostRefused("taken", _("These costs have a key already."), "meter")
    centres = _centres(key.site, wanted)
    _check(key, exclude=["tenant", "site", "meter"])
    key.save()
    key.shares.all().delete()
    for part in wanted.parts:
        AllocationShare.objects.create(
            tenant_id=key.tenant_id, key=key, centre=centres[part.centre], percent=part.percent
        )


def _centres(site: Site, wanted: Sharing) -> Mapping[uuid.UUID, CostCentre]:
    """Return those that take part. Raises: CostRefused if shares do not make a whole."""
    ids = [part.centre for part in wanted.parts]
    found = {row.id: row for row in CostCentre.objects.filter(site=site, id__in=ids)}
    if not ids or len(set(ids)) < len(ids):
        raise CostRefused("invalid", _("Name each of them once, and at least one."), "shares")
    if len(found) < len(ids):
        raise CostRefused("unknown_centre", _("The site has no such cost centre."), "shares")
    for centre in found.values():
        _check_measure(wanted.method, centre, "shares", "shares")
    given = [part.percent for part in wanted.parts if part.percent is not None]
    if wanted.method != AllocationKey.Method.FIXED:
        if given:
            raise CostRefused("invalid", _("Only fixed shares have percent."), "shares")
    elif len(given) < len(ids) or any(one <= 0 for one in given) or sum(given) != _WHOLE:
        total = sum(given, Decimal(0))
        raise CostRefused(
            "not_whole", _("The shares sum to %s, not to 100 %%.") % f"{total:f}", "shares"
        )
    return found


def _check_measure(method: str, centre: CostCentre, area_field: str, meter_field: str) -> None:
    """Refuse a cost centre without what a key shares by."""
    if method == AllocationKey.Method.AREA and centre.area_m2 is None:
        text = _("%s has no area, by which a key shares.") % centre.name
        raise CostRefused("no_area", text, area_field)
    if method == AllocationKey.Method.CONSUMPTION and centre.meter_id is None:
        text = _("%s has no meter, by which a key shares.") % centre.name
        raise CostRefused("no_meter", text, meter_field)


def _meter(site: Site, meter_id: uuid.UUID | None) -> Meter | None:
    return None if meter_id is None else Meter.objects.get(id=meter_id, site=site)


def _check(row: CostCentre | AllocationKey, *, exclude: list[str]) -> None:
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise CostRefused("invalid", messages[0], name) from None


def _record(action: str, row: CostCentre | AllocationKey, now: dt.datetime) -> None:
    detail: dict[str, Any] = {"site": str(row.site_id)}
    record_event(
        action=action, now=now, tenant_id=row.tenant_id, obj=row, label=row.name, detail=detail
    )
