"""Cost centres, occupants and keys of the tenant in scope."""

from __future__ import annotations

import uuid

from django.db.models import Prefetch, QuerySet

from metering.models import AllocationKey, AllocationShare, CostCentre


def list_centres(site_id: uuid.UUID | None = None) -> QuerySet[CostCentre]:
    """Return cost centres by name, those of a site if one is given."""
    rows = CostCentre.objects.order_by("name", "id")
    return rows.filter(site_id=site_id) if site_id else rows


def find_centre(centre_id: uuid.UUID) -> CostCentre:
    """Return one. Raises: CostCentre.DoesNotExist."""
    return list_centres().get(id=centre_id)


def list_keys(site_id: uuid.UUID | None = None) -> QuerySet[AllocationKey]:
    """Return keys by name with their shares, those of a site if one is given."""
    shares = AllocationShare.objects.order_by("centre__name", "id")
    rows = AllocationKey.objects.prefetch_related(Prefetch("shares", queryset=shares))
    rows = rows.order_by("name", "id")
    return rows.filter(site_id=site_id) if site_id else rows


def find_key(key_id: uuid.UUID) -> AllocationKey:
    """Return one. Raises: AllocationKey.DoesNotExist."""
    return list_keys().get(id=key_id)
