"""Meters of the tenant in scope."""

from __future__ import annotations

import uuid

from django.db.models import Prefetch, QuerySet

from metering.models import (
    LedgerBooking,
    LedgerDecision,
    Meter,
    MeterInstallation,
    MeterTerm,
    Register,
    RegisterFeed,
)


def list_meters(site_id: uuid.UUID | None = None) -> QuerySet[Meter]:
    """Return meters with site, registers and terms."""
    terms = MeterTerm.objects.select_related("meter").order_by("id")
    rows = Meter.objects.select_related("site", "parent").prefetch_related(
        Prefetch("registers", queryset=Register.objects.order_by("id")),
        Prefetch("terms", queryset=terms),
    )
    return rows if site_id is None else rows.filter(site_id=site_id)


def find_meter(meter_id: uuid.UUID) -> Meter:
    """Return one of them. Raises: Meter.DoesNotExist."""
    return list_meters().get(id=meter_id)


def find_register(meter_id: uuid.UUID, quantity: str) -> Register:
    """Return what a meter counts. Raises: Register.DoesNotExist."""
    rows = Register.objects.select_related("meter__site")
    return rows.get(meter_id=meter_id, quantity=quantity)


def list_installations(meter_id: uuid.UUID) -> QuerySet[MeterInstallation]:
    """Return what hung there, the newest first, with what fed the registers."""
    feeds = RegisterFeed.objects.select_related("register", "channel__device").order_by("id")
    rows = MeterInstallation.objects.filter(meter_id=meter_id)
    return rows.prefetch_related(Prefetch("feeds", queryset=feeds)).order_by("-installed_at", "id")


def list_decisions(meter_id: uuid.UUID, *, is_past: bool = False) -> QuerySet[LedgerDecision]:
    """Return what was decided about samples; with `is_past` also what no longer holds."""
    rows = LedgerDecision.objects.filter(register__meter_id=meter_id)
    rows = rows if is_past else rows.filter(superseded_at=None)
    return rows.select_related("register__meter")


def list_bookings(meter_id: uuid.UUID) -> QuerySet[LedgerBooking]:
    """Return what people booked."""
    return LedgerBooking.objects.filter(register__meter_id=meter_id).select_related(
        "register__meter"
    )
