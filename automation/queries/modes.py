"""Reads how zones are controlled."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.db.models import Case, F, When
from django.db.models.functions import Now

from automation.models import ControlMode, ZoneControl


def zone_modes(zone_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return "auto", "semi" or "manual" for each of these zones, in one query.

    A mode whose time is over counts as what comes after it, also before anybody changed the row.
    """
    modes = dict.fromkeys(zone_ids, ControlMode.AUTO.value)
    if modes:
        rows = ZoneControl.objects.filter(zone_id__in=modes).annotate(
            current=Case(When(mode_until__lte=Now(), then=F("mode_after")), default=F("mode"))
        )
        modes |= dict(rows.values_list("zone_id", "current"))
    return modes
