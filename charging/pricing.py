"""What a session costs. Pure; amounts include VAT and are rounded once, in the total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Price:
    """A price as a session keeps it. `idle_fee`: per whole minute after the free ones."""

    currency: str
    energy_price: Decimal = _NONE
    session_fee: Decimal = _NONE
    idle_fee: Decimal = _NONE
    idle_grace_minutes: int = 0
    vat_percent: Decimal = _NONE
    name: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept; amounts as text, so that they stay exact."""
        return {
            "name": self.name, "currency": self.currency,
            "energy_price": str(self.energy_price), "session_fee": str(self.session_fee),
            "idle_fee": str(self.idle_fee), "idle_grace_minutes": self.idle_grace_minutes,
            "vat_percent": str(self.vat_percent),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """What a session costs and why. `energy`, `session`, `idle` are exact; `total` is rounded.

    `vat` is the part of the total that is VAT; `net` + `vat` = `total`. `idle_minutes`: those
    that cost something.
    """

    energy: Decimal
    session: Decimal
    idle: Decimal
    idle_minutes: int
    total: Decimal
    net: Decimal
    vat: Decimal


def price_from(kept: Mapping[str, Any]) -> Price | None:
    """Read the price that a session kept; None if it has none."""
    if not kept:
        return None
    return Price(
        currency=str(kept["currency"]), name=str(kept.get("name", "")),
        energy_price=Decimal(kept["energy_price"]), session_fee=Decimal(kept["session_fee"]),
        idle_fee=Decimal(kept["idle_fee"]), idle_grace_minutes=int(kept["idle_grace_minutes"]),
        vat_percent=Decimal(kept["vat_percent"]),
    )  # fmt: skip


def cost_of(price: Price, *, energy_kwh: Decimal, idle_seconds: float) -> Cost:
    """Return the cost of a session.

    Args: idle_seconds: for which the vehicle stayed connected without charging.
    """
    minutes = max(0, int(max(0.0, idle_seconds) // 60) - price.idle_grace_minutes)
    energy = energy_kwh * price.energy_price
    idle = minutes * price.idle_fee
    total = (energy + price.session_fee + idle).quantize(CENT, ROUND_HALF_UP)
    net = (total * 100 / (100 + price.vat_percent)).quantize(CENT, ROUND_HALF_UP)
    return Cost(energy, price.session_fee, idle, minutes, total, net, total - net)
