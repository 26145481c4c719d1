"""Makes the meters of the demo's sites."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from accounts.tenancy import tenant_scope
from devices.models import Channel, Gateway
from metering.models import LedgerMark, Meter, Quantity
from metering.services.meters import Source, Wanted, create_meter

METERS_FILE = Path(__file__).with_name("meters.json")

SOON, APART = dt.timedelta(seconds=60), dt.timedelta(seconds=5)

Entry = dict[str, Any]


def seed_meters(gateways: Sequence[Mapping[str, Any]], *, now: dt.datetime) -> int:
    """Make what is missing of the demo's meters; return how many were made.

    Args: gateways: those of the demo file.
    """
    plan: dict[str, list[Entry]] = json.loads(METERS_FILE.read_text())
    made: list[uuid.UUID] = []
    for entry in gateways:
        with tenant_scope(uuid.UUID(str(entry["tenant"]))):
            gateway = Gateway.objects.get(id=entry["id"])
            found = [_make(gateway, wanted, now) for wanted in plan.get(entry["uid"], [])]
        made += [id_ for id_ in found if id_]
    _stagger(made, now=now)
    return len(made)


def _stagger(meters: Sequence[uuid.UUID], *, now: dt.datetime) -> None:
    """Have a year of each built after the others: all at once would keep the reactor from
    the live values, and from saying that it is alive.
    """
    marks = LedgerMark.objects.filter(register__meter__in=meters).order_by("id")
    for number, mark in enumerate(marks):
        mark.due_at = now + SOON + APART * number
        mark.save(update_fields=["due_at"])


def channels_of(gateway_uid: str) -> set[tuple[str, str]]:
    """Return (uid of the device, name of the channel) that feed meters of a gateway."""
    plan: dict[str, list[Entry]] = json.loads(METERS_FILE.read_text())
    return {
        (device, channel)
        for wanted in plan.get(gateway_uid, [])
        for quantity in Quantity.values
        if quantity in wanted
        for device, channel in [wanted[quantity].split("/")]
    }


def _make(gateway: Gateway, wanted: Entry, now: dt.datetime) -> uuid.UUID | None:
    at_site = {meter.name: meter.id for meter in Meter.objects.filter(site_id=gateway.site_id)}
    if wanted["name"] in at_site:
        return None
    limit = wanted.get("contracted_kw")
    meter = create_meter(
        site_id=gateway.site_id,
        wanted=Wanted(
            name=wanted["name"],
            commodity=wanted.get("commodity", "electricity"),
            role=wanted.get("role", "load"),
            parent=at_site.get(wanted.get("parent", "")),
            contracted_kw=Decimal(limit) if limit else None,
            terms={
                at_site[name]: Decimal(factor) for name, factor in wanted.get("terms", {}).items()
            },
        ),
        sources={
            quantity: _source(gateway, wanted[quantity])
            for quantity in Quantity.values
            if quantity in wanted
        },
        now=now,
    )
    return meter.id


def _source(gateway: Gateway, text: str) -> Source:
    device, channel = text.split("/")
    found = Channel.objects.get(device__gateway=gateway, device__uid=device, name=channel)
    return Source(found.uuid)
