"""Reads of gateways."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import IntegerField, Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from devices.models import Device
from devices.queries import with_presence

# a gateway without devices says nothing by itself
EMPTY_GATEWAY_INTERVAL_SECONDS = 60


def with_gateway_presence(gateways: QuerySet[Any], *, now: dt.datetime) -> QuerySet[Any]:
    """Annotate `presence`; a gateway is expected as often as its most frequent device."""
    shortest = (
        Device.objects.filter(gateway_id=OuterRef("pk"))
        .order_by()
        .values("gateway_id")
        .annotate(shortest=Min("profile__expected_interval_seconds"))
        .values("shortest")
    )
    interval = Coalesce(
        Subquery(shortest, output_field=IntegerField()), Value(EMPTY_GATEWAY_INTERVAL_SECONDS)
    )
    return with_presence(
        gateways.annotate(interval_seconds=interval), now=now, interval="interval_seconds"
    )
