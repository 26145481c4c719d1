"""A charge point that can be told everything: a vehicle waits there for the permission."""

from __future__ import annotations

import datetime as dt
from typing import Any

from charging.models import ChargingSession, ConnectorState
from devices.models import DeviceProfile, Site
from tests.charging.places import COMMANDS
from tests.factories import (
    ChargePointFactory,
    ChargingPriceFactory,
    ChargingSessionFactory,
    ConnectorFactory,
    DeviceFactory,
    DeviceProfileFactory,
)


def add_charger(site: Site, word: str, now: dt.datetime) -> dict[str, Any]:
    """Save a charge point with a session that ended and one that is open; return the ids."""
    profile: DeviceProfile = DeviceProfileFactory(commands=COMMANDS)
    device = DeviceFactory(
        tenant=site.tenant, site=site, gateway=None, profile=profile, lifecycle="active",
        name=f"{word} charger", uid=f"{word}-charger",
    )  # fmt: skip
    price = ChargingPriceFactory(tenant=site.tenant, name=f"{word} spare price")
    point = ChargePointFactory(device=device, site=site, name=f"{word} parking")
    connector = ConnectorFactory(
        charge_point=point, state=ConnectorState.EV_CONNECTED, seen_at=now + dt.timedelta(days=1)
    )
    ended = ChargingSessionFactory(
        connector=connector, state="ended", since=now, started_at=now - dt.timedelta(hours=2),
        charging_at=now - dt.timedelta(hours=2), ended_at=now - dt.timedelta(hours=1),
        stopped_at=now - dt.timedelta(hours=1), energised_seconds=3600, energy_kwh=7,
        cost="53.50", currency="TRY", receipt_number=_next_number(), settled_at=now, tag_uid=word,
        price={
            "name": word, "currency": "TRY", "energy_price": "7.5", "session_fee": "1",
            "idle_fee": "0", "idle_grace_minutes": 0, "vat_percent": "20",
        },
    )  # fmt: skip
    ChargingSessionFactory(connector=connector, since=now, started_at=now, tag_uid=word)
    return {
        "charge_point_id": point.id, "connector_id": connector.id,
        "charging_session_id": ended.id, "charging_price_id": price.id,
    }  # fmt: skip


def _next_number() -> int:
    return ChargingSession.objects.count() + 1
