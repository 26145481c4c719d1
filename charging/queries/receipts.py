"""What a session costs, line by line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from charging.models import ChargingSession
from charging.pricing import Cost, Price, cost_of, price_from
from charging.services.settling import idle_seconds


@dataclass(frozen=True, slots=True)
class Receipt:
    """A session with its price and cost. `number`: None until it has ended."""

    session: ChargingSession
    number: int | None
    price: Price
    cost: Cost
    energy_kwh: Decimal
    is_final: bool


def receipt_of(session: ChargingSession, *, now: dt.datetime) -> Receipt | None:
    """Return the receipt of a session, as known now; None where it has no price."""
    price = price_from(session.price)
    if price is None:
        return None
    energy = session.energy_kwh or Decimal(0)
    cost = cost_of(price, energy_kwh=energy, idle_seconds=idle_seconds(session, now))
    return Receipt(
        session, session.receipt_number, price, cost, energy, session.settled_at is not None
    )
