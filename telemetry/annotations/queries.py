"""Which notes there are about a time."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db.models import Q, QuerySet

from telemetry.annotations.models import Annotation


def annotations_of(site_id: uuid.UUID) -> QuerySet[Annotation]:
    """Return the notes of a site."""
    return Annotation.objects.filter(site_id=site_id).select_related("device").order_by("-start")


def touching(
    rows: QuerySet[Annotation], *, start: dt.datetime | None, end: dt.datetime | None
) -> QuerySet[Annotation]:
    """Return the notes that touch [start, end); None is without end."""
    if end is not None:
        rows = rows.filter(start__lt=end)
    if start is not None:
        rows = rows.filter(Q(end__gt=start) | Q(end__isnull=True, start__gte=start))
    return rows
